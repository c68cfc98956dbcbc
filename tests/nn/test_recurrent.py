"""Recurrent: any cell, several layers, both directions, lengths, states, initialisation, and what it refuses."""

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import nn

import cellwright as cw

LIBRARY = cw.cells.all()


def flipped(x: torch.Tensor, lengths: list[int]) -> torch.Tensor:
    """Each sequence backwards within its length, written out as loops."""
    out = x.clone()
    for b, n in enumerate(lengths):
        for t in range(n):
            out[t, b] = x[n - 1 - t, b]
    return out


@pytest.mark.parametrize("name", LIBRARY)
@pytest.mark.parametrize("lengths", [None, [5, 3, 1, 0]], ids=["full", "ragged"])
def test_layers_and_directions_are_single_layers_put_together(name: str, lengths: list[int] | None) -> None:
    deep = cw.nn.Recurrent(name, 3, 6, num_layers=2, bidirectional=True, dtype=torch.float64)
    x = torch.randn(5, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    counts = lengths or [5] * 4

    def one(layer: int, reverse: bool, x: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        single = cw.nn.Recurrent(name, x.shape[-1], 6, dtype=torch.float64)
        single.load_state_dict({f"{k}_l0": v for k, v in deep.weights(layer, reverse).items()})
        y, state = single(flipped(x, counts) if reverse else x, lengths=lengths)
        return (flipped(y, counts) if reverse else y), state

    states, below = [], x
    for layer in range(2):
        results = [one(layer, reverse, below) for reverse in (False, True)]
        below = torch.cat([y for y, _ in results], -1)
        states += [state for _, state in results]
    y, state = deep(x, lengths=lengths)
    torch.testing.assert_close(y, below)
    for key, value in state.items():
        torch.testing.assert_close(value, torch.cat([s[key] for s in states]))


def test_lengths_equal_sequences_run_alone() -> None:
    layer = cw.nn.Recurrent("lstm", 3, 6, bidirectional=True, dtype=torch.float64)
    x = torch.randn(7, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    lengths = [7, 2, 4]
    y, state = layer(x, lengths=torch.tensor(lengths))
    for b, n in enumerate(lengths):
        alone, last = layer(x[:n, b])
        torch.testing.assert_close(y[:n, b], alone)
        assert (y[n:, b] == 0).all()
        torch.testing.assert_close(state["c"][:, b], last["c"])


def test_batch_first_and_unbatched() -> None:
    a = cw.nn.Recurrent("gru", 3, 6, dtype=torch.float64)
    b = cw.nn.Recurrent("gru", 3, 6, batch_first=True, dtype=torch.float64)
    b.load_state_dict(a.state_dict())
    x = torch.randn(5, 4, 3, dtype=torch.float64)
    (ya, sa), (yb, sb) = a(x), b(x.transpose(0, 1))
    torch.testing.assert_close(yb, ya.transpose(0, 1))
    torch.testing.assert_close(sb["h"], sa["h"])
    torch.testing.assert_close(a(x[:, 1])[0], ya[:, 1])
    torch.testing.assert_close(a(x[3:], a(x[:3])[1])[0], ya[3:])


def test_states_start_where_the_cell_says() -> None:
    @cw.cell(start={"m": 2.0})
    def count(x, h, m, *, W):
        m = m + 1
        return W @ x * m, m

    y, state = cw.nn.Recurrent(count, 1, 2)(torch.ones(3, 1, 1))
    assert state["m"].tolist() == [[[5.0, 5.0]]]
    torch.testing.assert_close(y[2] / y[0], torch.full((1, 2), 5 / 3))


def test_standard_initialisation() -> None:
    w = cw.nn.Recurrent("lstm", 30, 50).weights(0)
    torch.testing.assert_close(w["U_i"] @ w["U_i"].T, torch.eye(50), atol=1e-5, rtol=0)
    assert (w["b_f"] == 1).all()
    assert (w["b_i"] == 0).all()
    bound = (6 / 80) ** 0.5
    assert bound * 0.95 < w["W_g"].abs().max() <= bound


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_small_types_start_orthogonal_too(dtype: torch.dtype) -> None:
    u = cw.nn.Recurrent("slstm", 3, 16, dtype=dtype).weights(0)["R_z"].float()
    torch.testing.assert_close(u @ u.mT, torch.eye(16)[None], atol=0.02, rtol=0)


def test_torchs_initialisation() -> None:
    layer = cw.nn.Recurrent("lstm", 30, 64, init="uniform")
    for weight in layer.parameters():
        assert 0.9 / 8 < weight.abs().max() <= 1 / 8


def test_a_cell_declares_its_own_start() -> None:
    @cw.cell(init={"U": "identity", "b*": 0.5, "W": "ones"})
    def irnn(x, h, *, W, U, b):
        return cw.relu(W @ x + U @ h + b)

    w = cw.nn.Recurrent(irnn, 3, 4).weights(0)
    assert torch.equal(w["U"], torch.eye(4))
    assert (w["b"] == 0.5).all()
    assert (w["W"] == 1).all()


def test_an_unknown_rule_is_refused() -> None:
    @cw.cell(init={"U": "magic"})
    def odd(x, h, *, W, U, b):
        return cw.relu(W @ x + U @ h + b)

    with pytest.raises(cw.SettingError, match="no such initialisation rule: got magic"):
        cw.nn.Recurrent(odd, 3, 4)


def test_it_learns_like_torch_for_fifty_steps() -> None:
    torch.manual_seed(3)
    theirs = nn.LSTM(4, 8, dtype=torch.float64)
    ours = cw.nn.LSTM(4, 8, dtype=torch.float64)
    ours.load_state_dict(theirs.state_dict())
    ours.backend = "eager"
    x, goal = torch.randn(2, 10, 5, 4, dtype=torch.float64), torch.randn(10, 5, 8, dtype=torch.float64)
    losses: list[list[float]] = []
    for model in (theirs, ours):
        optimiser = torch.optim.Adam(model.parameters(), 0.01)
        losses.append([])
        for step in range(50):
            optimiser.zero_grad()
            loss = (model(x[step % 2])[0] - goal).square().mean()
            loss.backward()
            optimiser.step()
            losses[-1].append(loss.item())
    assert losses[1] == pytest.approx(losses[0], rel=1e-9)
    assert losses[0][-1] < 0.95 * losses[0][0]


def test_copies_pickles_and_users_cells() -> None:
    layer, x = cw.nn.Recurrent("peephole", 3, 5), torch.randn(4, 2, 3)
    torch.testing.assert_close(copy.deepcopy(layer)(x)[0], layer(x)[0])
    torch.testing.assert_close(pickle.loads(pickle.dumps(layer))(x)[0], layer(x)[0])


X = torch.zeros(5, 4, 3)
REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("width", {"x": torch.zeros(5, 4, 2)}, r"got shape \[5, 4, 2\], expected \[time, batch, 3\]"),
    ("rank", {"x": torch.zeros(5, 4, 3, 1)}, r"got shape \[5, 4, 3, 1\]"),
    ("no tensor", {"x": X.numpy()}, r"does not read this: got ndarray, expected a dense or nested tensor"),
    ("sparse", {"x": X.to_sparse()}, r"does not read this: got torch.sparse_coo"),
    ("dtype", {"x": X.double()}, r"input dtype \(torch.float64\) does not match weight dtype \(torch.float32\)"),
    ("too long", {"x": X, "lengths": [6, 1, 1, 1]}, r"out of range: got 1 to 6, expected 0 to 5"),
    ("negative", {"x": X, "lengths": [-1, 1, 1, 1]}, r"got -1 to 1"),
    ("too few lengths", {"x": X, "lengths": [1, 1]}, r"expected whole numbers \[4\]"),
    ("no numbers", {"x": X, "lengths": "abcd"}, r"lengths are no numbers: got .* expected whole numbers \[4\] on cpu"),
    ("fractions", {"x": X, "lengths": [1.5] * 4}, r"got torch.float32 \[4\]"),
    ("another layer's state", {"x": X, "state": {"h": torch.zeros(1, 4, 6)}}, r"got h, expected h, c"),
    ("no tensor in a state", {"x": X, "state": {"h": [0.0], "c": [0.0]}}, r"state `h` is no tensor: got list"),
    ("resets", {"x": X, "reset": [True]}, r"resets are no tensor: got list"),
    ("state size", {"x": X, "state": dict.fromkeys("hc", torch.zeros(4, 6))}, r"state `h` does not fit: got \[4, 6\]"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "message"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_refused_inputs(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(cw.ShapeError, match=message):
        cw.nn.Recurrent("lstm", 3, 6)(**arguments)


def test_unknown_cells_are_refused_with_the_nearest() -> None:
    with pytest.raises(cw.CellError, match="unknown cell: got lstn.*did you mean lstm"):
        cw.nn.Recurrent("lstn", 3, 6)
