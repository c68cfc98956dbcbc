"""The gradient through time against loops written out by hand, and against cutting the sequence in two."""

from __future__ import annotations

import math

import polars as pl
import pytest
import torch
from torch import Tensor

import cellwright as cw
from cellwright.inspect import flow as flow_module
from cellwright.inspect.unroll import unroll

F64 = torch.float64


def columns(frame: pl.DataFrame, *names: str) -> Tensor:
    return torch.tensor(frame.select(names).to_numpy())


def lstm_by_hand(w: dict[str, Tensor], x: Tensor) -> tuple[list[Tensor], list[dict[str, Tensor]]]:
    """An LSTM in plain torch, without any part of the library; h, and every other value by name, by step."""
    h = c = torch.zeros(x.shape[1], len(w["b_i"]), dtype=x.dtype)
    outputs, values = [], []
    for x_t in x:
        z = {g: x_t @ w[f"W_{g}"].T + h @ w[f"U_{g}"].T + w[f"b_{g}"] for g in "ifgo"}
        i, f, o, g = z["i"].sigmoid(), z["f"].sigmoid(), z["o"].sigmoid(), z["g"].tanh()
        c = f * c + i * g
        h = o * c.tanh()
        outputs.append(h)
        values.append({"i": i, "f": f, "g": g, "o": o, "c": c, "h": h})
        for value in (i, f, o, g, c, h):
            value.retain_grad()
    return outputs, values


def norm(v: Tensor | None) -> float:
    return 0.0 if v is None else float(v.detach().norm(dim=-1).mean())


def test_an_lstm_against_a_loop_by_hand() -> None:
    layer = cw.nn.Recurrent("lstm", 3, 5, dtype=F64)
    x = torch.randn(7, 4, 3, dtype=F64)
    w = {name: value.detach().requires_grad_() for name, value in layer.weights(0).items()}
    outputs, values = lstm_by_hand(w, x)
    outputs[-1].sum().backward()
    found = cw.inspect.gradient_flow(layer, x)
    assert found["step"].to_list() == list(range(7))
    for t, row in enumerate(found.iter_rows(named=True)):
        assert math.isclose(row["h"], norm(values[t]["h"].grad), rel_tol=1e-9)
        assert math.isclose(row["c"], norm(values[t]["c"].grad), rel_tol=1e-9)
        last = t == 6
        for gate in "ifog":
            if last:
                assert row[f"h via {gate}"] == 0
                continue
            v = values[t + 1][gate].detach()
            slope = 1 - v**2 if gate == "g" else v * (1 - v)
            back = (values[t + 1][gate].grad * slope) @ w[f"U_{gate}"].detach()
            assert math.isclose(row[f"h via {gate}"], norm(back), rel_tol=1e-9)
        forward = None if last else values[t + 1]["f"] * values[t + 1]["c"].grad
        assert math.isclose(row["c via c"], norm(forward), rel_tol=1e-9)
        now = values[t]["h"].grad * values[t]["o"] * (1 - values[t]["c"].tanh() ** 2)
        assert math.isclose(row["c via h"], norm(now), rel_tol=1e-9)


def single_state() -> list[str]:
    return [name for name, cell in cw.cells.all().items() if len(cell.graph.states) == 1]


@pytest.mark.parametrize("name", single_state())
def test_any_cell_against_a_sequence_cut_in_two(name: str) -> None:
    """The gradient of a state is that of the rest of the sequence begun from it."""
    layer = cw.nn.Recurrent(name, 3, 4, dtype=F64)
    x = torch.randn(6, 2, 3, dtype=F64)
    found = cw.inspect.gradient_flow(layer, x)
    for t in range(5):
        _, state = layer(x[: t + 1])
        leaf = state["h"].detach().requires_grad_()
        layer(x[t + 1 :], {"h": leaf})[0][-1].sum().backward()
        assert math.isclose(found["h"][t], norm(leaf.grad), rel_tol=1e-7, abs_tol=1e-12), t


def two_layers(w: list[dict[str, Tensor]], x: Tensor) -> tuple[Tensor, list[list[Tensor]]]:
    seen: list[list[Tensor]] = []
    for weights in w:
        outputs, _ = lstm_by_hand(weights, x)
        seen.append(outputs)
        x = torch.stack(outputs)
    return x, seen


@pytest.mark.parametrize("at", [0, 1])
def test_a_stack_with_a_loss_of_every_step(at: int) -> None:
    layer = cw.nn.Recurrent("lstm", 3, 4, num_layers=2, dropout=0.5, dtype=F64)
    assert layer.training
    x, target = torch.randn(6, 3, 3, dtype=F64), torch.randn(6, 3, 4, dtype=F64)
    found = cw.inspect.gradient_flow(layer, x, loss=lambda y: ((y - target) ** 2).sum(), at=at)
    w = [{n: v.detach().requires_grad_() for n, v in layer.weights(k).items()} for k in (0, 1)]
    y, seen = two_layers(w, x)
    ((y - target) ** 2).sum().backward()
    torch.testing.assert_close(
        columns(found, "h")[:, 0], torch.tensor([norm(h.grad) for h in seen[at]], dtype=F64)
    )
    assert layer.training


def test_lengths_and_both_directions() -> None:
    """Each sequence alone gives what the padded batch gives; what stands in the padding counts for nothing."""
    layer = cw.nn.Recurrent("gru", 3, 4, bidirectional=True, dtype=F64)
    x, lengths = torch.randn(6, 3, 3, dtype=F64), [6, 2, 0]
    x[2:, 1] = torch.nan
    x[:, 2] = torch.nan

    def loss(y: Tensor) -> Tensor:
        return (y**2).sum()

    for reverse in (False, True):
        found = cw.inspect.gradient_flow(layer, x, lengths=lengths, loss=loss, reverse=reverse)
        one = cw.inspect.gradient_flow(layer, x[:, :1], loss=loss, reverse=reverse)
        two = cw.inspect.gradient_flow(layer, x[:2, 1:2], loss=loss, reverse=reverse)
        names = [name for name in found.columns if name != "step"]
        assert names == ["h", "h via r", "h via z", "h via n", "h via h"]
        mean = columns(one, *names)
        mean[:2] = (mean[:2] + columns(two, *names)) / 2
        torch.testing.assert_close(columns(found, *names), mean)


@torch.no_grad()
def test_gradients_are_taken_where_none_are_kept() -> None:
    layer, x = cw.nn.Recurrent("lstm", 3, 4), torch.randn(5, 2, 3)
    assert cw.inspect.gradient_flow(layer, x)["h"].min() > 0
    assert cw.inspect.jacobians(layer, x)["norm"].min() > 0
    assert cw.inspect.sensitivity(layer, x).abs().min() > 0


def test_the_last_real_step_is_the_default_loss() -> None:
    layer, x = cw.nn.Recurrent("gru", 3, 4, dtype=F64), torch.randn(6, 2, 3, dtype=F64)
    found = cw.inspect.gradient_flow(layer, x, lengths=[6, 3])
    ends = cw.inspect.gradient_flow(layer, x, lengths=[6, 3], loss=lambda y: y[5, 0].sum() + y[2, 1].sum())
    assert found.equals(ends)


@pytest.mark.parametrize("name", cw.cells.all())
def test_the_parts_add_up_to_the_whole(name: str) -> None:
    """Every path and what the loss itself asks of the output, as vectors, for every cell of the library."""
    layer = cw.nn.Recurrent(name, 3, 4, dtype=F64)
    sizes = layer.state_sizes()
    state = {n: 1 + 0.3 * torch.randn(1, 2, size, dtype=F64) for n, size in sizes.items()}
    y, seen = unroll(layer, torch.randn(5, 2, 3, dtype=F64), state)
    asked = torch.randn_like(y)
    whole, parts = flow_module._gradients(seen, (y * asked).sum())
    for n, gradient in whole.items():
        own = [part for (of, _), part in parts.items() if of == n]
        direct = asked if n == layer.cell.graph.states[0].name else torch.zeros_like(gradient)
        torch.testing.assert_close(torch.stack([direct, *own]).sum(0), gradient)


@cw.cell
def delays(x, h, d, *, U, W):
    h_next = cw.tanh(U @ d + W @ x)
    return h_next, h


def test_a_state_that_is_only_passed_on() -> None:
    layer = cw.nn.Recurrent(delays, 3, 4, dtype=F64)
    y, seen = unroll(layer, torch.randn(5, 2, 3, dtype=F64))
    whole, parts = flow_module._gradients(seen, y[-1].sum())
    assert ("h", "d") in parts
    torch.testing.assert_close(parts[("h", "d")][:-1], whole["d"][1:])
    assert whole["h"][2].abs().max() > 0
    # Two interleaved networks: from the last step, h counts at every second step only.
    assert whole["h"][3].abs().max() == 0


def test_what_is_not_a_number_is_shown() -> None:
    layer = cw.nn.Recurrent("lstm", 3, 4)
    with torch.no_grad():
        layer.weights(0)["U_f"].fill_(torch.nan)
    found = cw.inspect.gradient_flow(layer, torch.randn(4, 2, 3))
    assert found["h"].is_nan().any()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda l: cw.inspect.gradient_flow(l, torch.zeros(5, 2, 3), at=1), "got layer 1, expected layers 0 to 0"),
        (lambda l: cw.inspect.gradient_flow(l, torch.zeros(5, 2, 3), loss=lambda y: y), "not one number of y"),
        (lambda l: cw.inspect.gradient_flow(l, torch.zeros(5, 2, 3), loss=lambda y: 3.0), "got float"),
        (lambda l: cw.inspect.gradient_flow(l, torch.zeros(0, 2, 3)), "nothing to look at"),
        (lambda l: cw.inspect.gradient_flow(l, torch.zeros(5, 2, 7)), "the input does not fit the layer"),
        (lambda l: cw.inspect.gradient_flow(torch.nn.GRU(3, 4), torch.zeros(5, 2, 3)), "no recurrent layer"),
    ],
)  # fmt: skip
def test_refusals(call, words: str) -> None:
    with pytest.raises((cw.SettingError, cw.ShapeError), match=words):
        call(cw.nn.Recurrent("lstm", 3, 4))
