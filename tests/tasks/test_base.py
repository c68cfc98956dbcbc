"""The estimator template, on the smallest task there is: does a sequence of numbers sum to more than zero?"""

from __future__ import annotations

import inspect
import random
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from torch import Tensor, nn

from cellwright.cells import gru
from cellwright.errors import CellError, DataError, Interrupted, RunError, SettingError
from cellwright.tasks import load
from cellwright.tasks.base import Estimator
from cellwright.tasks.training import loop
from cellwright.tasks.training.batches import Bucketed, Padded, Ragged
from cellwright.tasks.training.run import Run
from cellwright.tasks.training.settings import fields, setting, with_default


@dataclass(frozen=True)
class Part:
    sequences: list[np.ndarray]
    labels: list[int]


@dataclass(frozen=True)
class Coded:
    inputs: Ragged
    labels: Tensor


class Net(nn.Module):
    def __init__(self, units: int, dropout: float) -> None:
        super().__init__()
        self.gru = nn.GRU(1, units)
        self.drop = nn.Dropout(dropout)
        self.out = nn.Linear(units, 1)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        y, _ = self.gru(x)
        return self.out(self.drop(y[lengths - 1, torch.arange(len(lengths))]))[:, 0]


@dataclass(kw_only=True, eq=False, repr=False)
class Signs(Estimator[Part, Coded]):
    TASK = "signs"
    SCORE = "accuracy"
    BETTER = "max"
    NOT_CELLS = ("none",)

    units: int = with_default(Estimator, "units", 4)
    epochs: int = with_default(Estimator, "epochs", 3)
    scale: bool = setting(True, "divide by the largest value of the training part")

    def take(self, X: Any, y: Any = None) -> Part:
        if len(X) == 0:
            raise DataError("no sequences")
        return Part([np.asarray(x, dtype=np.float32).reshape(-1, 1) for x in X], list(y or [0] * len(X)))

    def hold_out(self, part: Part, share: float) -> tuple[Part, Part]:
        cut = round(len(part.labels) * (1 - share))
        return some(part, range(cut)), some(part, range(cut, len(part.labels)))

    def learn(self, train: Part) -> dict[str, Any]:
        return {"largest": max(float(np.abs(x).max()) for x in train.sequences), "kinds": ("minus", "plus")}

    def build(self, cell: Any, facts: dict[str, Any]) -> nn.Module:
        assert facts["kinds"] == ["minus", "plus"]
        return Net(self.units, self.dropout)

    def encode(self, part: Part, facts: dict[str, Any]) -> Coded:
        by = facts["largest"] if self.scale else 1.0
        return Coded(Ragged([x / by for x in part.sequences]), torch.tensor(part.labels, dtype=torch.float32))

    def feed(self, coded: Coded) -> loop.Feed:
        return Bucketed(coded.inputs, coded.labels, batch_size=self.batch_size, seed=self.seed)

    def loss(self, network: nn.Module, batch: Padded, state: loop.State | None) -> loop.Loss:
        logits = network(batch.x, batch.lengths)
        return loop.Loss(nn.functional.binary_cross_entropy_with_logits(logits, batch.y), len(logits))

    def evaluate(self, network: nn.Module, coded: Coded, facts: dict[str, Any]) -> dict[str, float]:
        assert not network.training and not torch.is_grad_enabled()
        right = [
            ((network(b.x, b.lengths) > 0) == (b.y > 0.5)).float()
            for b in Bucketed(coded.inputs, coded.labels, batch_size=64).ordered()
        ]
        return {"accuracy": float(torch.cat(right).mean()), "undefined": float("nan")}

    def baselines(self, train: Part, held: Part) -> dict[str, dict[str, float]]:
        most = round(sum(train.labels) / len(train.labels))
        return {"majority": {"accuracy": sum(label == most for label in held.labels) / len(held.labels)}}

    def examples(self, network: nn.Module, held: Part, facts: dict[str, Any]) -> dict[str, Any]:
        return {"held": len(held.labels)}

    def conflicts(self) -> list[str]:
        return ["units must be even when scale is set, got 5"] if self.scale and self.units == 5 else []


def some(part: Part, index: Any) -> Part:
    return Part([part.sequences[k] for k in index], [part.labels[k] for k in index])


def signs(count: int = 120, seed: int = 0) -> tuple[list[list[float]], list[int]]:
    """Sequences of 2 to 6 numbers and whether each sums to more than zero."""
    rng = np.random.default_rng(seed)
    X = [rng.normal(size=rng.integers(2, 7)).tolist() for _ in range(count)]
    return X, [int(sum(x) > 0) for x in X]


def same_bits(a: Signs, b: Signs) -> bool:
    left, right = a.network_.state_dict(), b.network_.state_dict()
    return all(torch.equal(left[name], right[name]) for name in left)


def test_it_learns_and_says_how_well_beside_the_baseline() -> None:
    X, y = signs(400)
    held = signs(100, seed=1)
    model = Signs(epochs=12, learning_rate=0.02, units=8).fit(X, y, test=held)
    metrics = model.metrics_
    majority = max(held[1].count(0), held[1].count(1)) / 100
    assert metrics["baselines"]["majority"]["accuracy"] <= majority
    assert metrics["test"]["accuracy"] > 0.85 > majority
    assert metrics["test"] == {"accuracy": model.measure(*held)["accuracy"], "undefined": None}
    assert model.score(*held) == metrics["test"]["accuracy"]
    best = model.history_[metrics["best_epoch"] - 1]
    assert (
        metrics["valid"]["accuracy"] == best["valid_accuracy"] == max(model.history_.column("valid_accuracy"))
    )
    assert metrics["examples"] == {"held": 100}
    assert metrics["parameters"] == sum(p.numel() for p in model.network_.parameters())


def test_facts_come_from_the_training_part_alone() -> None:
    X, y = signs(20)
    X[-1] = [1000.0, 0.0]
    assert Signs(epochs=1, valid=0.1).fit(X, y).facts_["largest"] < 10
    assert Signs(epochs=1, valid=0.0).fit(X, y).facts_["largest"] == 1000.0
    held = Signs(epochs=1, valid=0.0).fit(X, y, test=0.1)
    assert held.facts_["largest"] < 10
    assert held.metrics_["examples"] == {"held": 2}


def test_without_validation_or_test_nothing_is_claimed() -> None:
    metrics = Signs(epochs=1, valid=0.0).fit(*signs(20)).metrics_
    assert (metrics["valid"], metrics["test"], metrics["baselines"], metrics["best_epoch"]) == (
        None,
        None,
        {},
        0,
    )


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5, 2])
def test_a_test_share_out_of_range_is_refused(share: float) -> None:
    if share == 0.0:
        assert Signs(epochs=1).fit(*signs(20), test=share).metrics_["test"] is None
        return
    with pytest.raises(SettingError, match="test must be a share between 0 and 1"):
        Signs().fit(*signs(20), test=share)


def test_scikit_learn_knows_it() -> None:
    model = Signs(units=6, learning_rate=0.01)
    assert list(inspect.signature(Signs).parameters)[:3] == ["cell", "units", "layers"]
    assert list(inspect.signature(Signs).parameters)[-1] == "scale"
    copy = clone(model)
    assert copy is not model and copy.get_params() == model.get_params()
    assert copy.set_params(units=7).units == 7
    assert repr(Signs(units=6, learning_rate=0.01)) == "Signs(learning_rate=0.01, units=6)"
    assert clone(Signs(cell=gru)).cell.name == "gru"
    with pytest.raises(ValueError, match="Invalid parameter 'unit'"):
        model.set_params(unit=1)
    with pytest.raises(NotFittedError):
        model.score(*signs(5))


def test_grid_search_runs() -> None:
    search = GridSearchCV(Signs(epochs=1), {"units": [2, 4]}, cv=2).fit(*signs(24))
    assert search.best_params_["units"] in (2, 4)
    assert not np.isnan(search.cv_results_["mean_test_score"]).any()


def test_less_is_better_scores_are_negative() -> None:
    class Errors(Signs):
        BETTER = "min"

    model = Errors(epochs=1).fit(*signs(20))
    assert model.score(*signs(20)) == -model.measure(*signs(20))["accuracy"]


def test_the_seed_decides_everything_and_the_caller_s_generators_are_left_alone() -> None:
    torch.manual_seed(9)
    random.seed(9)
    np.random.seed(9)
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    first = Signs(seed=3, epochs=2).fit(*signs(40))
    after = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    assert torch.equal(states[0], after[0]) and states[1:] == after[1:]
    torch.manual_seed(10)
    assert same_bits(first, Signs(seed=3, epochs=2).fit(*signs(40)))
    assert not same_bits(first, Signs(seed=4, epochs=2).fit(*signs(40)))


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"units": 0}, "units must be at least 1, got 0"),
        ({"units": 2.5}, "units must be a whole number, got 2.5"),
        ({"units": "8"}, "units must be a whole number, got '8'"),
        ({"units": True}, "units must be a whole number, got True"),
        ({"dropout": 1}, "dropout must be less than 1, got 1"),
        ({"learning_rate": 0.0}, "learning_rate must be greater than 0, got 0.0"),
        ({"learning_rate": float("nan")}, "learning_rate must be finite, got nan"),
        ({"clip": float("inf")}, "clip must be finite, got inf"),
        ({"schedule": "cosin"}, r"schedule must be one of cosine, .* got cosin \(did you mean cosine\?\)"),
        ({"bidirectional": 1}, "bidirectional must be true or false, got 1"),
        ({"cell": 3}, "cell must be a text, got 3"),
        ({"units": 5}, "units must be even when scale is set, got 5"),
        ({"device": "tpu"}, "device must be auto, cpu, cuda or cuda:N, got tpu"),
        ({"device": "cuda:99"}, "device cuda:99 is not on this machine"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        Signs(**settings).fit(*signs(10))


def test_all_wrong_settings_are_named_at_once() -> None:
    with pytest.raises(SettingError) as caught:
        Signs(units=0, epochs=-1, valid=1.0, scale="yes").check()
    assert str(caught.value) == (
        "units must be at least 1, got 0; epochs must be at least 1, got -1; valid must be less than 1, got 1.0; "
        "scale must be true or false, got 'yes'"
    )


def test_settings_may_be_numpy_numbers_and_cells() -> None:
    Signs(
        units=np.int64(3), dropout=np.float32(0.5), learning_rate=1, cell=gru, bidirectional=np.True_
    ).check()


def test_an_unknown_cell_is_refused_and_the_nearest_suggested() -> None:
    with pytest.raises(CellError, match="lstm"):
        Signs(cell="lstn").fit(*signs(10))
    assert Signs(cell="none", epochs=1).fit(*signs(10)).cell_ is None


def test_every_setting_says_what_it_is() -> None:
    assert all(field.metadata["help"] and not field.metadata["help"].endswith(".") for field in fields(Signs))
    assert "network_" not in [field.name for field in fields(Signs)]
    units = next(field for field in fields(Signs) if field.name == "units")
    assert (units.default, units.metadata["min"]) == (4, 1)


@pytest.mark.parametrize("cell", ["lstm", gru, "none"])
def test_a_saved_model_loads_and_scores_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cell: Any
) -> None:
    monkeypatch.setitem(load.TASKS, "signs", f"{Signs.__module__}:Signs")
    model = Signs(cell=cell, epochs=2, scale=False).fit(*signs(40), test=0.2)
    model.save(tmp_path / "run")
    before = torch.get_rng_state()
    loaded = load.load_run(tmp_path / "run")
    assert torch.equal(before, torch.get_rng_state())
    assert isinstance(loaded, Signs)
    assert same_bits(loaded, model)
    assert loaded.score(*signs(30)) == model.score(*signs(30))
    assert (loaded.facts_, loaded.metrics_) == (model.facts_, model.metrics_)
    assert list(loaded.history_) == list(model.history_)
    assert loaded.scale is False
    assert (loaded.cell_ and loaded.cell_.graph) == (model.cell_ and model.cell_.graph)
    loaded.save(tmp_path / "again")
    assert (tmp_path / "again" / "model.json").read_bytes() == (tmp_path / "run" / "model.json").read_bytes()
    assert not loaded.network_.training


def test_a_user_s_cell_loads_without_its_source(tmp_path: Path) -> None:
    source = tmp_path / "mine.py"
    source.write_text(
        "from cellwright import cell, tanh\n\n@cell\ndef mine(x, h, *, W_h, U_h):\n    h = tanh(W_h @ x + U_h @ h)\n"
        "    return h\n"
    )
    Signs(cell=f"{source}:mine", epochs=1).fit(*signs(20)).save(tmp_path / "run")
    source.write_text("raise RuntimeError('executed')")
    assert Signs.load(tmp_path / "run").cell_.name == "mine"


@pytest.mark.parametrize(
    "old, new, message",
    [
        ('"task": "signs"', '"task": "sings"', "of another task .*got sings, expected signs"),
        ('"units": 4', '"units": 0', "the run cannot be used .*units must be at least 1"),
        (
            '"units": 4',
            '"units": 6',
            r"gru.weight_ih_l0 does not fit .*got shape \[12, 1\], expected shape \[18, 1\]",
        ),
        ('"units": 4', '"unit": 4', "unknown settings .*got unit"),
        ('"kinds"', '"kind"', "facts of the run do not give a network .*KeyError"),
        ('"returns"', '"return"', "the run cannot be used .*graph cannot be read"),
    ],
)
def test_a_run_whose_pieces_do_not_fit_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    Signs(epochs=1).fit(*signs(20)).save(tmp_path / "run")
    file = tmp_path / "run" / "model.json"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(RunError, match=message) as caught:
        Signs.load(tmp_path / "run")
    assert "\n" not in str(caught.value)


def test_a_run_of_an_unknown_task_is_refused(tmp_path: Path) -> None:
    Signs(epochs=1).fit(*signs(20)).save(tmp_path / "run")
    with pytest.raises(RunError, match="unknown task .*got signs, expected answer, .*classify, "):
        load.load_run(tmp_path / "run")
    with pytest.raises(SettingError, match=r"no such task \(did you mean classify\?\)"):
        load.task_class("clasify")


def test_an_interrupted_run_resumes_to_the_same_folder_as_an_unbroken_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = {"test": 0.2}
    whole = Signs(batch_size=8).fit(*signs(40), **data, run=Run.create(tmp_path / "whole"))
    with monkeypatch.context() as patch:
        calls, loss = iter(range(1, 100)), Signs.loss

        def pressed(self: Signs, *arguments: Any) -> loop.Loss:
            if next(calls) == 6:
                signal.raise_signal(signal.SIGINT)
            return loss(self, *arguments)

        patch.setattr(Signs, "loss", pressed)
        with pytest.raises(Interrupted, match="in epoch 2, batch 2 of 4; .*last; go on with --resume"):
            Signs(batch_size=8).fit(*signs(40), **data, run=Run.create(tmp_path / "broken"))
    with pytest.raises(RunError, match="not finished .*resume it"):
        Signs.load(tmp_path / "broken")
    model = Signs(batch_size=8).fit(*signs(40), **data, run=Run.create(tmp_path / "broken", resume=True))
    assert same_bits(model, whole)
    for name in ("model.safetensors", "model.json"):
        assert (tmp_path / "broken" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert {**model.metrics_, "seconds": 0} == {**whole.metrics_, "seconds": 0}
    assert Signs.load(tmp_path / "broken").score(*signs(30)) == whole.score(*signs(30))
    longer = Signs(batch_size=8, epochs=4).fit(
        *signs(40), **data, run=Run.create(tmp_path / "whole", resume=True)
    )
    assert len(longer.history_) == 4
    with pytest.raises(RunError, match="another units"):
        Signs(batch_size=8, units=6).fit(*signs(40), **data, run=Run.create(tmp_path / "whole", resume=True))


def test_bad_data_leaves_no_folder_behind_and_the_old_run_in_place(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        Signs().fit([], [], run=Run.create(tmp_path / "run"))
    assert not (tmp_path / "run").exists()
    Signs(epochs=1).fit(*signs(20)).save(tmp_path / "run")
    with pytest.raises(DataError):
        Signs().fit([], [], run=Run.create(tmp_path / "run", force=True))
    Signs.load(tmp_path / "run")


def test_a_failed_fit_leaves_the_estimator_as_it_was() -> None:
    model = Signs(epochs=1).fit(*signs(20))
    before = model.network_
    with pytest.raises(DataError, match="facts that are not numbers: .*look for missing"):
        model.fit([[float("nan")]] * 10, [1] * 10)
    with pytest.raises(SettingError, match="became nan"):
        model.fit(signs(20)[0], [float("nan")] * 20)
    assert model.network_ is before


def test_the_environment_says_what_auto_means(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELLWRIGHT_DEVICE", "abacus")
    with pytest.raises(SettingError, match="got abacus"):
        Signs().fit(*signs(10))
