"""`cw.describe`: exact against a count of the real parameters, and against multiply-adds counted by hand."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

import cellwright as cw
from cellwright import cells
from cellwright.description import describe
from cellwright.errors import CellError, SettingError


def real(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("name", cells.all())
@pytest.mark.parametrize("directions", [False, True])
def test_a_layer_of_any_cell_is_counted_exactly(name: str, directions: bool) -> None:
    layer = cw.nn.Recurrent(name, 3, 5, num_layers=3, bidirectional=directions)
    found = describe(layer)
    assert found.parameters == real(layer)
    assert len(found.parts) == 3 * (1 + directions)
    assert all(part.kept == 0 for part in found.parts)
    for part in found.parts:
        assert part.parameters == sum(term.parameters for term in part.terms)
        assert part.multiply_adds == sum(term.multiply_adds for term in part.terms)


@pytest.mark.parametrize(
    "layer",
    [
        cw.nn.LSTM(3, 5, num_layers=2, bidirectional=True),
        cw.nn.LSTM(3, 5, bias=False),
        cw.nn.LSTM(3, 5, num_layers=2, proj_size=2),
        cw.nn.GRU(3, 5, num_layers=2),
        cw.nn.GRU(3, 5, bias=False),
        cw.nn.RNN(3, 5, nonlinearity="relu"),
    ],
    ids=repr,
)
def test_a_drop_in_is_counted_as_torch_keeps_it(layer: nn.Module) -> None:
    assert describe(layer).parameters == real(layer)
    assert "biases" in str(describe(layer))


def test_multiply_adds_are_those_of_the_matrices() -> None:
    lstm = describe("lstm", units=7, inputs=3)
    assert lstm.multiply_adds == 4 * 7 * (7 + 3)
    assert lstm.parameters == 4 * 7 * (7 + 3 + 1)
    assert lstm.pointwise > 0


class Model(nn.Module):
    """A network with every kind of part: tied weights, a part that is unknown, parameters of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(11, 6)
        self.reader = cw.nn.Recurrent("gru", 6, 6)
        self.old = nn.LSTM(6, 4)
        self.out = nn.Linear(6, 11, bias=False)
        self.out.weight = self.words.weight
        self.odd = nn.PReLU(3)
        self.scale = nn.Parameter(torch.ones(2))


def test_a_network_counts_shared_weights_once() -> None:
    model = Model()
    found = describe(model)
    parts = {part.name: part for part in found.parts}
    assert found.parameters == real(model)
    assert set(parts) == {"itself", "words", "reader.0", "old", "out", "odd"}
    assert (parts["out"].parameters, parts["out"].multiply_adds) == (0, 6 * 11)
    assert parts["old"].multiply_adds == 4 * 4 * (6 + 4)
    assert parts["words"].multiply_adds == 0
    assert parts["odd"].multiply_adds is None and parts["odd"].parameters == 3
    assert str(found).splitlines()[-1] == "multiply-adds are not known for itself, odd"


def test_the_table_is_aligned_and_adds_up() -> None:
    lines = str(describe(cw.nn.Recurrent("lstm", 64, 128))).splitlines()
    assert lines[0] == "Recurrent: 98,816 parameters, 98,304 multiply-adds per step"
    assert len({len(line) for line in lines[2:]}) == 1
    assert lines[-1].split() == ["all", "98,816", "98,304", "6,656"]


@pytest.mark.parametrize(
    ("thing", "sizes", "parts"),
    [
        ("lstmm", {}, ("unknown cell", "did you mean lstm?")),
        (3, {}, ("cannot describe this", "got int")),
        (nn.Linear(2, 2), {"units": 3}, ("this has its own", "Linear")),
        ("lstm", {"units": 0}, ("units must be at least 1, got 0",)),
        ("lstm", {"inputs": -1}, ("inputs must be at least 1, got -1",)),
    ],
)
def test_refusals(thing: object, sizes: dict[str, int], parts: tuple[str, ...]) -> None:
    with pytest.raises((SettingError, CellError)) as caught:
        describe(thing, **sizes)  # type: ignore[arg-type]
    assert all(part in str(caught.value) for part in parts)


def test_the_front_door_keeps_the_function_whatever_was_imported_before() -> None:
    code = "import cellwright.description, cellwright.cli.describe, cellwright as cw; print(cw.describe('elman').parameters)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{128 * (64 + 128 + 1)}\n"
