"""What any layer does beyond torch.nn's: traces, resets, merges, layers that differ, finiteness named by step."""

from __future__ import annotations

import copy
import itertools
import pickle
from typing import Any

import pytest
import torch
from tests.nn.by_hand import random

import cellwright as cw

LIBRARY = cw.cells.all()


def layer_of(cell: Any = "lstm", size: Any = 4, **options: Any) -> cw.nn.Recurrent:
    torch.manual_seed(3)
    return cw.nn.Recurrent(cell, 3, size, dtype=torch.float64, **options)


@pytest.mark.parametrize("name", LIBRARY)
def test_a_trace_is_every_named_value_of_every_layer_and_direction(name: str) -> None:
    layer, x = layer_of(name, num_layers=2, bidirectional=True), random(5, 3, 3)
    y, _, values = layer(x, lengths=[5, 2, 0], trace=True)
    torch.testing.assert_close(y, layer(x, lengths=[5, 2, 0])[0])
    assert len(values) == 4
    for place, (at, reverse) in enumerate(itertools.product((0, 1), (False, True))):
        recorded = cw.inspect.record(layer, x, lengths=[5, 2, 0], at=at, reverse=reverse)
        assert list(values[place]) == list(recorded)
        for key, value in recorded.items():
            torch.testing.assert_close(values[place][key], value)


def test_a_trace_has_gradients_and_the_layout_of_x() -> None:
    layer, x = layer_of(batch_first=True), random(2, 5, 3)
    *_, (values,) = layer(x, trace=True)
    assert {k: tuple(v.shape) for k, v in values.items()} == dict.fromkeys(
        ("i", "f", "g", "o", "c", "h"), (2, 5, 4)
    )
    (slope,) = torch.autograd.grad(values["f"].mean(), layer.U_f_l0)
    assert slope.abs().max() > 0
    *_, (alone,) = layer(x[1], trace=True)
    torch.testing.assert_close(alone["f"], values["f"][1])


def marks(T: int, rows: list[list[int]]) -> torch.Tensor:
    reset = torch.zeros(T, len(rows), dtype=torch.bool)
    for row, steps in enumerate(rows):
        reset[steps, row] = True
    return reset


@pytest.mark.parametrize("cell", ["lstm", "slstm", ["lstm", "gru"]], ids=str)
@pytest.mark.parametrize("both", [False, True])
def test_episodes_in_one_sequence_are_episodes_apart(cell: Any, both: bool) -> None:
    layer, x = layer_of(cell, num_layers=2, bidirectional=both), random(8, 3, 3)
    rows, lengths = [[3, 4], [0, 7], [2, 6]], [8, 8, 5]
    y, state = layer(x, lengths=lengths, reset=marks(8, rows))
    for row, (steps, length) in enumerate(zip(rows, lengths, strict=True)):
        ends = sorted({0, length, *(s for s in steps if s < length)})
        episodes = [layer(x[a:b, row]) for a, b in itertools.pairwise(ends)]
        torch.testing.assert_close(y[:length, row], torch.cat([e[0] for e in episodes]))
        assert (y[length:, row] == 0).all()
        for name, value in state.items():
            # The forward direction ends in the last episode, the backward one in the first.
            for place in range(value.shape[0]):
                episode = episodes[0] if both and place % 2 else episodes[-1]
                torch.testing.assert_close(value[place, row], episode[1][name][place])


def test_a_given_state_lasts_until_the_first_reset() -> None:
    layer, x = layer_of(), random(6, 2, 3)
    _, state = layer(random(4, 2, 3, seed=9))
    y, _ = layer(x, state, reset=marks(6, [[3], []]))
    torch.testing.assert_close(y[:3], layer(x[:3], state)[0])
    torch.testing.assert_close(y[3:, 0], layer(x[3:, 0])[0])
    torch.testing.assert_close(y[:, 1], layer(x, state)[0][:, 1])


def test_resets_come_in_the_layout_of_x() -> None:
    a, b = layer_of(), layer_of(batch_first=True)
    x, reset = random(6, 2, 3), marks(6, [[3], [1, 5]])
    torch.testing.assert_close(b(x.transpose(0, 1), reset=reset.T)[0].transpose(0, 1), a(x, reset=reset)[0])
    torch.testing.assert_close(a(x[:, 1], reset=reset[:, 1])[0], a(x, reset=reset)[0][:, 1])


@pytest.mark.parametrize("merge", ["concat", "sum", "mean", "mul"])
def test_directions_merge(merge: str) -> None:
    joined, merged = layer_of(bidirectional=True), layer_of(bidirectional=True, merge=merge)
    x = random(5, 2, 3)
    ahead, back = joined(x)[0].chunk(2, -1)
    expected = {
        "concat": torch.cat([ahead, back], -1), "sum": ahead + back, "mean": 0.5 * (ahead + back), "mul": ahead * back
    }  # fmt: skip
    torch.testing.assert_close(merged(x)[0], expected[merge])
    assert merged.output_size == expected[merge].shape[-1]
    deep = layer_of(bidirectional=True, merge=merge, num_layers=2)
    assert deep.weights(1)["W_i"].shape == (4, merged.output_size)
    assert deep(x)[0].shape == expected[merge].shape


def test_layers_of_their_own_cell_and_size() -> None:
    cells, sizes = ["lstm", "gru", cw.cells.slstm], [6, 4, 5]
    deep, x = layer_of(cells, sizes), random(5, 2, 3)
    y, state = deep(x)
    below, width = x, 3
    for at, (cell, size) in enumerate(zip(cells, sizes, strict=True)):
        one = cw.nn.Recurrent(cell, width, size, dtype=torch.float64)
        one.load_state_dict({f"{n}_l0": v for n, v in deep.weights(at).items()})
        below, last = one(below)
        for name, value in last.items():
            torch.testing.assert_close(state[f"{name}_l{at}"], value)
        width = size
    torch.testing.assert_close(y, below)
    torch.testing.assert_close(deep(x[3:], deep(x[:3])[1])[0], y[3:])
    assert repr(deep) == "Recurrent([lstm, gru, slstm], 3, (6, 4, 5), num_layers=3)"
    for other in (copy.deepcopy(deep), pickle.loads(pickle.dumps(deep))):
        torch.testing.assert_close(other(x)[0], y)


def test_states_of_layers_that_differ_in_name_alone() -> None:
    same, other = layer_of(["gru", "elman"]), layer_of(["gru", "elman"], [4, 5])
    assert list(same(random(2, 1, 3))[1]) == ["h"] and list(other(random(2, 1, 3))[1]) == ["h_l0", "h_l1"]


def test_what_is_not_finite_is_named() -> None:
    layer, x = layer_of(num_layers=2), random(6, 3, 3)
    layer(x, check_finite=True)
    poisoned = x.clone()
    poisoned[4, 1, 2] = float("nan")
    assert layer(poisoned)[0][4:, 1].isnan().all(), "without the check it passes through"
    with pytest.raises(cw.DataError, match=r"the input is not finite \(step 4, sequence 1\): got nan"):
        layer(poisoned, check_finite=True)
    with torch.no_grad():
        layer.b_g_l1[0] = float("inf")
        layer.b_i_l1[0] = float("nan")
    with pytest.raises(
        cw.DataError, match=r"the output of layer 1 is not finite \(step 0, sequence 0\): got nan"
    ):
        layer(x, check_finite=True)


def test_explain_says_what_runs_in_this_mode() -> None:
    layer = layer_of(parts=[cw.nn.Zoneout(0.1)], backend=None)
    assert layer.running().name == "lstm_held"
    assert "h_t = hold_h_t" in cw.show(layer.running())
    assert "h_t = 0.1 · h_{t-1} + (1 - 0.1) · h_new_t" in cw.show(layer.eval().running())


X = random(5, 4, 3)
REFUSED: list[tuple[str, Any, dict[str, Any], str]] = [
    ("reset shape", {}, {"reset": torch.zeros(4, 5) > 0}, r"resets do not fit.*got torch.bool \[4, 5\] on cpu"),
    ("reset kind", {}, {"reset": torch.zeros(5, 4)}, r"got torch.float32 \[5, 4\].*expected torch.bool \[time 5"),
    ("state kind", {}, {"state": {k: torch.zeros(1, 4, 4) for k in "hc"}}, "of another kind than the input: got torch.float32"),
    ("state device", {}, {"state": {k: X.new_zeros(1, 4, 4, device="meta") for k in "hc"}}, "float64 on meta, expected torch.float64 on cpu"),
    ("x device", {}, {"x": X.to("meta")}, "on another device than the weights: got meta, expected cpu"),
    ("mixed state", {"cell": ["lstm", "gru"]}, {"state": {"h": X.new_zeros(2, 4, 4)}}, "got h, expected h_l0, c_l0, h_l1"),
    ("no mapping", {}, {"state": (X, X)}, "not the states of this layer: got tuple, expected h, c"),
    ("bool lengths", {}, {"lengths": torch.ones(4, dtype=torch.bool)}, "lengths do not fit.*got torch.bool"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("options", "given", "message"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED]
)
def test_refused_inputs(options: dict[str, Any], given: dict[str, Any], message: str) -> None:
    with pytest.raises(cw.ShapeError, match=message):
        layer_of(**options)(**{"x": X, **given})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"merge": "max"}, "no such merge.*got max, expected concat, sum, mean, mul"),
        ({"cell": ["lstm", "gru"], "size": [4]}, "do not fit the number of layers: got 2, 1, 1"),
        ({"cell": ["lstm", "gru"], "num_layers": 3}, "do not fit the number of layers: got 2, 3"),
        ({"cell": []}, "do not fit the number of layers: got 0, 1"),
        ({"size": [4, 0], "num_layers": 2}, "hidden_size must be greater than zero: got 0"),
        ({"checkpoint": 0}, "checkpoint must be greater than zero: got 0"),
        ({"checkpoint": "log"}, 'no such checkpoint: got log, expected "sqrt" or a number'),
        ({"dropout": "a lot"}, "dropout is a probability: got a lot"),
        (
            {"cell": cw.cells.slstm.configure(heads=4), "size": 6},
            "size H/4 of the cell is not a whole number: got H = 6",
        ),
    ],
)
def test_refused_settings(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(cw.SettingError, match=message):
        layer_of(**arguments)


@cw.cell
def decays(x, h, gap: input[1], *, W, U, b, w):
    """A state that fades with the time that has passed (as in GRU-D, Che et al. 2018)."""
    d = cw.exp(-cw.relu(w * cw.sum(gap)))
    h = cw.tanh(W @ x + U @ (d * h) + b)
    return h


@pytest.mark.parametrize("backend", [None, "eager"])
def test_cells_that_read_more_than_x(backend: Any) -> None:
    layer = layer_of(decays, num_layers=2, bidirectional=True, backend=backend)
    with torch.no_grad():
        layer.w_l0.fill_(0.7)
    x, gap = random(6, 3, 3), random(6, 3, 1, seed=5).abs()
    y, _ = layer(x, lengths=[6, 4, 0], inputs={"gap": gap})
    for row, length in enumerate([6, 4]):
        alone, _ = layer(x[:length, row], inputs={"gap": gap[:length, row]})
        torch.testing.assert_close(y[:length, row], alone)
    w = layer.weights(0, reverse=True)
    h = torch.zeros(3, 4, dtype=torch.float64)
    for t in reversed(range(6)):
        d = torch.exp(-torch.relu(w["w"] * gap[t]))
        h = torch.tanh(x[t] @ w["W"].T + (d * h) @ w["U"].T + w["b"])
    *_, values = layer(x, inputs={"gap": gap}, trace=True)
    torch.testing.assert_close(values[1]["h"][0], h)


def test_poison_in_the_padding_of_such_an_input_stays_there() -> None:
    layer, gap = layer_of(decays), random(5, 4, 1).abs()
    gap[3:] = float("nan")
    y, _ = layer(X, lengths=[3, 1, 2, 0], inputs={"gap": gap})
    y.sum().backward()
    assert y.isfinite().all() and all(p.grad.isfinite().all() for p in layer.parameters())


def test_inputs_that_do_not_fit_are_refused() -> None:
    with pytest.raises(
        cw.ShapeError, match="not the inputs that the cell reads beside x: got none, expected gap"
    ):
        layer_of(decays)(X)
    with pytest.raises(cw.ShapeError, match="got gap, expected none"):
        layer_of()(X, inputs={"gap": X})
    with pytest.raises(
        cw.ShapeError, match=r"the input `gap` does not fit.*\[5, 4, 3\].*expected torch.float64 \[5, 4, 1\]"
    ):
        layer_of(decays)(X, inputs={"gap": X})
