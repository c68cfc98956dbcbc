"""What `precision` changes: the products of a step's loss, on the way there, and nothing that is scored."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.tasks.test_base import Signs, signs
from torch import Tensor, nn

from cellwright.errors import SettingError
from cellwright.tasks.training.batches import Bucketed, Padded, Ragged
from cellwright.tasks.training.devices import device_to_train
from cellwright.tasks.training.loop import Loss, train
from cellwright.tasks.training.plan import Plan
from cellwright.tasks.training.run import Run

PLAN = Plan(epochs=2, watch="error")
SMALLER = {"loss": torch.bfloat16, "validate": torch.float32, "look": torch.float32}


def seen(plan: Plan) -> tuple[dict[str, torch.dtype], set[bool], nn.Linear]:
    """The type of a Linear's output by who asked for it, whether the way back was under autocast, the Linear."""
    torch.manual_seed(0)
    network, types, back = nn.Linear(1, 1), {}, set()
    feed = Bucketed(Ragged([[float(k)] for k in range(5)]), torch.arange(5.0), batch_size=2)

    def asked(who: str, x: Tensor) -> Tensor:
        y = network(x)
        types[who] = y.dtype
        return y

    def loss(_: nn.Module, batch: Padded, state: Any) -> Loss:
        y = asked("loss", batch.x.T)
        y.register_hook(lambda grad: back.add(torch.is_autocast_enabled("cpu")))
        return Loss(nn.functional.mse_loss(y[:, 0], batch.y), len(batch.y))

    def validate(_: nn.Module) -> dict[str, float]:
        return {"error": float(asked("validate", torch.ones(1, 1)))}

    def look(_: nn.Module, batch: Padded) -> dict[str, float]:
        return {"y": float(asked("look", batch.x.T)[0, 0])}

    train(network, feed, loss, plan, validate=validate, look=look)
    return types, back, network


def test_the_loss_reads_bfloat16_and_the_scores_do_not() -> None:
    types, back, network = seen(replace(PLAN, precision="bfloat16"))
    assert types == SMALLER
    assert back == {False}
    assert network.weight.dtype == network.weight.grad.dtype == torch.float32
    assert not torch.is_autocast_enabled("cpu")


@pytest.mark.parametrize("around", [False, True])
def test_float32_is_the_default_and_means_it(around: bool) -> None:
    with torch.autocast("cpu", torch.bfloat16, enabled=around):
        types, _, _ = seen(PLAN)
    assert types["loss"] == torch.float32


def test_a_resumed_run_takes_a_new_precision_and_keeps_it(tmp_path: Path) -> None:
    def settings(name: str) -> str:
        return json.loads((tmp_path / "run" / name).read_text())["settings"]["precision"]

    def fit(model: Signs) -> list[float]:
        run = Run.create(tmp_path / "run", resume=model.epochs > 1)
        return model.fit(*signs(40), run=run).history_.column("loss")

    first = fit(Signs(epochs=1, schedule="constant"))
    assert settings("last/start.json") == settings("model.json") == "float32"
    both = fit(Signs(epochs=2, schedule="constant", precision="bfloat16"))
    assert settings("last/start.json") == settings("model.json") == "bfloat16"
    assert both[:1] == first
    plain = Signs(epochs=2, schedule="constant").fit(*signs(40)).history_.column("loss")
    assert both[1] != plain[1] and both[1] == pytest.approx(plain[1], rel=0.02)
    loaded = Signs.load(tmp_path / "run")
    assert loaded.precision == "bfloat16"
    assert loaded.network_(torch.ones(3, 1, 1), torch.tensor([3])).dtype == torch.float32


@pytest.mark.parametrize(
    "precision, says",
    [
        ("bfloat", r"precision must be one of float32, bfloat16, got bfloat \(did you mean bfloat16\?\)"),
        (16, "precision must be a text, got 16"),
    ],
)
def test_another_precision_is_refused(precision: Any, says: str) -> None:
    with pytest.raises(SettingError, match=says):
        Signs(precision=precision).fit(*signs(10))


def test_a_card_without_bfloat16_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Tesla T4")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    with pytest.raises(SettingError) as caught:
        Signs(device="cuda:0", precision="bfloat16").fit(*signs(10))
    assert str(caught.value) == (
        "precision bfloat16 is not for this card (Tesla T4): got compute capability 7.5, expected 8.0 or higher; "
        "use float32, or device cpu"
    )
    assert device_to_train("cuda:0", "float32") == torch.device("cuda:0")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (8, 0))
    assert device_to_train("cuda:0", "bfloat16") == torch.device("cuda:0")
