"""What a language model drops and adds to its loss, each told from its neighbours by hand."""

from pathlib import Path
from typing import Any

import pytest
import torch

import cellwright as cw
from cellwright.errors import RunError, SettingError
from cellwright.tasks.generate.network import Drops, LanguageModel
from cellwright.tasks.generate.task import Generator
from cellwright.tasks.load import load_run
from cellwright.tasks.training.run import Run

TOKENS = torch.randint(0, 9, (6, 4), generator=torch.Generator().manual_seed(1))


def model(drops: Drops = Drops(), **settings: Any) -> LanguageModel:  # noqa: B008
    torch.manual_seed(5)
    kept = {"embedding": 6, "units": 7, "layers": 2, "tied": False, "drops": drops} | settings
    return LanguageModel(cw.cells.get("lstm"), 9, **kept).double().train()


def test_a_hidden_token_is_hidden_wherever_it_stands() -> None:
    network = model(Drops(token=0.5))
    torch.manual_seed(2)
    found = network.vectors(TOKENS)
    plain = network.embedding(TOKENS)
    hidden = (found == 0).all(-1)
    for token in TOKENS.unique():
        assert len(hidden[token == TOKENS].unique()) == 1
    assert hidden.any() and not hidden.all()
    torch.testing.assert_close(found[~hidden], 2 * plain[~hidden])
    assert torch.equal(network.eval().vectors(TOKENS), plain)


@pytest.mark.parametrize("locked", [False, True])
def test_a_locked_mask_is_one_for_all_steps(locked: bool) -> None:
    network = model(Drops(input=0.5, locked=locked))
    zeros = network.vectors(TOKENS) == 0
    assert bool((zeros == zeros[:1]).all()) == locked


def test_layers_take_the_parts_that_were_asked_for() -> None:
    plain = model(Drops(between=0.3, output=0.3))
    assert plain.recurrent.dropout == 0.3 and not hasattr(plain.recurrent, "parts")
    kinds = [type(p) for p in model(Drops(between=0.3, weights=0.2, locked=True)).recurrent.parts]
    assert kinds == [cw.nn.DropConnect, cw.nn.LockedDropout]
    first = model(Drops(between=0.3, locked=True)).recurrent.parts[0]
    assert first.p == (0.0, 0.3)


def test_a_narrow_last_layer_needs_no_projection() -> None:
    assert model(tied=True).projection is not None
    narrow = model(tied=True, narrow=True)
    assert narrow.projection is None and narrow.recurrent.output_size == 6


def test_penalties_are_the_squares_of_outputs_and_of_their_changes() -> None:
    network = model()
    y, _ = network.recurrent(network.embedding(TOKENS))
    plain, _ = network.loss(TOKENS, TOKENS, None, 0.0, 0.0)
    torch.testing.assert_close(plain, network.nats(y, TOKENS))
    both, _ = network.loss(TOKENS, TOKENS, None, 2.0, 3.0)
    changes = torch.stack([(y[t + 1] - y[t]) ** 2 for t in range(5)])
    torch.testing.assert_close(both, plain + 2 * (y**2).mean() + 3 * changes.mean())
    one, _ = network.loss(TOKENS[:1], TOKENS[:1], None, 0.0, 3.0)
    assert one.isfinite()


def test_the_activation_penalty_sees_what_was_dropped() -> None:
    network = model(Drops(output=0.5))
    torch.manual_seed(4)
    mean, _ = network.loss(TOKENS, TOKENS, None, 1.0, 0.0)
    torch.manual_seed(4)
    dropped = network.dropout(network.recurrent(network.embedding(TOKENS))[0])
    torch.testing.assert_close(mean, network.nats(dropped, TOKENS) + (dropped**2).mean())


@pytest.mark.parametrize("name", sorted(Generator.RECIPES))
def test_a_recipe_trains_at_any_size(name: str) -> None:
    small = {
        "units": 8,
        "embedding": 6,
        "chunk": 12,
        "batch_size": 4,
        "epochs": 2,
        "unit": "char",
        "min_count": 1,
    }
    text = "the cat sat on the mat, the dog on the log. " * 30
    fitted = Generator(**Generator.recipe(name) | small).fit(text, test=0.1)
    assert fitted.metrics_["test"]["perplexity"] < 60
    assert fitted.settings()["optimizer"] == Generator.RECIPES[name].get("optimizer", "adamw")


def test_an_unknown_recipe_is_refused() -> None:
    with pytest.raises(
        SettingError, match=r"no such recipe \(generate\): got awl, expected awd, tied, zaremba"
    ):
        Generator.recipe("awl")
    with pytest.raises(SettingError, match="expected none for this task"):
        cw.Forecaster.recipe("awd")


def test_what_is_dropped_may_change_when_a_run_is_resumed(tmp_path: Path) -> None:
    text = "the cat sat on the mat, the dog on the log. " * 20

    def trained(folder: str, **settings: Any) -> Generator:
        model = Generator(units=16, layers=2, chunk=16, min_count=1, **settings)
        return model.fit(text, run=Run.create(tmp_path / folder, resume=True))

    for folder in ("same", "other"):
        trained(folder, epochs=1)
    more = {"dropout": 0.6, "dropout_weights": 0.5, "dropout_input": 0.4, "locked": True}
    same, other = trained("same", epochs=3), trained("other", epochs=3, **more)
    assert same.history_[0]["loss"] == other.history_[0]["loss"]
    assert same.history_[2]["loss"] < other.history_[2]["loss"] - 0.1
    assert load_run(tmp_path / "other").settings().items() >= more.items()
    with pytest.raises(RunError, match="another tied"):
        trained("same", tied=True)
