"""The reference backend against the cell's own text, sample by sample and step by step."""

import itertools
from dataclasses import replace

import pytest
import torch
from torch import Tensor

import cellwright as cw
from cellwright.backends import eager
from cellwright.backends.call import Call
from cellwright.compiler.ops import OPS
from cellwright.compiler.plan import make_plan

LIBRARY = {name: c.configure(P=3) if name == "lstm_projected" else c for name, c in cw.cells.all().items()}
SIZES = {"H": 5, "I": 4}


@cw.cell
def zoo(x, h, n: "[]", *, W, U, b, R: "[5, H/5, H/5]", J: "[H, H + I]", s: "[]"):
    """Every operation once, at places where it is smooth."""
    a = cw.relu(W @ x) + cw.softplus(U.T @ h) / (1 + cw.exp(-b)) - cw.abs(h) ** 2
    d = cw.where(a <= 0, cw.minimum(a, b), cw.maximum(a, -b)) + cw.where(a < s, cw.sin(a), cw.cos(a))
    e = cw.layer_norm(cw.blocks(R, d), b) * cw.softmax(d) + cw.cumsum(d) * cw.sqrt(cw.sum(d * d) + 1)
    f = cw.concat(cw.part(e, 4, 5), J @ cw.concat(h, x))
    g = cw.where(e == 0, 1.0, e) + cw.log(1 + cw.exp(0.1 * e)) * cw.max(d) * cw.mean(f)
    return cw.tanh(g) * cw.clip_gradient(cw.sigmoid(g), 0.05), n * 0.5 + cw.mean(g)


ALL = LIBRARY | {"zoo": zoo}


def test_the_zoo_has_every_operation() -> None:
    assert {n.op for n in zoo.graph.nodes} >= set(OPS)


def make_call(made: cw.Cell, steps: int, batch: int, lengths: list[int] | None = None, seed: int = 0) -> Call:
    """Random weights, states and inputs, all asking for gradients."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return (0.6 * torch.randn(shape, generator=generator, dtype=torch.float64)).requires_grad_()

    weights = {n.name: draw(*(d.evaluate(SIZES) for d in n.shape)) for n in made.graph.parameters}
    states = {n.name: draw(batch, *(d.evaluate(SIZES) for d in n.shape or ())) for n in made.graph.states}
    states = {k: v if v.dim() == 2 else v.detach().unsqueeze(-1).requires_grad_() for k, v in states.items()}
    counts = None if lengths is None else torch.tensor(lengths)
    return Call(draw(steps, batch, SIZES["I"]), states, weights, counts)


def by_the_text(made: cw.Cell, call: Call) -> tuple[Tensor, dict[str, Tensor]]:
    """The definition: the user's own function, one sample at a time, one step after the other."""
    outputs, finals = [], []
    for sample in range(call.x.shape[1]):
        state = [
            call.states[n.name][sample] if n.shape else call.states[n.name][sample, 0]
            for n in made.graph.states
        ]
        rows = []
        real = call.x.shape[0] if call.lengths is None else int(call.lengths[sample])
        for t in range(call.x.shape[0]):
            if t < real:
                new = made(call.x[t, sample], *state, **call.weights)
                state = list(new) if isinstance(new, tuple) else [new]
            rows.append(state[0] if t < real else torch.zeros_like(state[0]))
        outputs.append(torch.stack(rows))
        finals.append([s.reshape(-1) for s in state])
    names = [n.name for n in made.graph.states]
    return torch.stack(outputs, 1), {n: torch.stack([f[k] for f in finals]) for k, n in enumerate(names)}


def leaves(call: Call) -> list[Tensor]:
    return [call.x, *call.states.values(), *call.weights.values()]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("lengths", [None, [4, 1, 0, 3]], ids=["full", "ragged"])
def test_values_and_gradients_are_those_of_the_text(name: str, lengths: list[int] | None) -> None:
    made, call = ALL[name], make_call(ALL[name], 4, 4, lengths)
    out = eager.run(make_plan(made.graph), call)
    y, states = by_the_text(made, call)
    torch.testing.assert_close(out.y, y)
    for state, value in states.items():
        torch.testing.assert_close(out.states[state], value)
    weight = torch.randn(y.shape, generator=torch.Generator().manual_seed(9), dtype=torch.float64)

    def gradients(y: Tensor, states: dict[str, Tensor]) -> tuple[Tensor, ...]:
        loss = (y * weight).sum() + sum(v.square().sum() for v in states.values())
        return torch.autograd.grad(loss, leaves(call), allow_unused=True, materialize_grads=True)

    for got, expected in zip(gradients(out.y, out.states), gradients(y, states), strict=True):
        torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("name", LIBRARY)
def test_gradcheck_in_float64(name: str) -> None:
    made, call = LIBRARY[name], make_call(LIBRARY[name], 3, 2, [3, 2])
    names = [list(call.states), list(call.weights)]

    def run(*values: Tensor) -> tuple[Tensor, ...]:
        count = 1 + len(names[0])
        states = dict(zip(names[0], values[1:count], strict=True))
        weights = dict(zip(names[1], values[count:], strict=True))
        out = eager.run(make_plan(made.graph), Call(values[0], states, weights, call.lengths))
        return (out.y, *out.states.values())

    assert torch.autograd.gradcheck(run, leaves(call), fast_mode=True)
    early = torch.autograd.grad(run(*leaves(call))[0][-1].sum(), call.x)[0][0]
    assert early.abs().max() > 1e-6, "the gradient at t = 0 is dead: the check above shows nothing"


@pytest.mark.parametrize("name", LIBRARY)
def test_cutting_a_sequence_anywhere_changes_nothing(name: str) -> None:
    plan, call = make_plan(LIBRARY[name].graph), make_call(LIBRARY[name], 6, 3)
    whole = eager.run(plan, call)
    for cut in range(7):
        first = eager.run(plan, Call(call.x[:cut], call.states, call.weights))
        second = eager.run(plan, Call(call.x[cut:], first.states, call.weights))
        torch.testing.assert_close(torch.cat([first.y, second.y]), whole.y, rtol=0, atol=1e-15)
        torch.testing.assert_close(second.states, whole.states, rtol=0, atol=1e-15)


@pytest.mark.parametrize("name", LIBRARY)
def test_a_reset_is_a_sequence_that_begins_there(name: str) -> None:
    plan, call = make_plan(LIBRARY[name].graph), make_call(LIBRARY[name], 6, 3, [6, 5, 6])
    fresh = {k: (0.5 + v.detach()).requires_grad_() for k, v in call.states.items()}
    resets = torch.tensor([[0, 0, 0, 1, 0, 0], [0, 1, 0, 1, 0, 1], [1, 0, 0, 0, 0, 0]], dtype=torch.bool).T
    out = eager.run(plan, replace(call, resets=resets, fresh=fresh))
    # The second sequence ends before its last mark: past a length nothing is reset.
    for row, pieces in enumerate([[0, 3, 6], [0, 1, 3, 5], [0, 6]]):
        state = {k: (fresh if row == 2 else call.states)[k][row : row + 1] for k in call.states}
        for begin, end in itertools.pairwise(pieces):
            alone = eager.run(plan, Call(call.x[begin:end, row : row + 1], state, call.weights))
            torch.testing.assert_close(out.y[begin:end, row : row + 1], alone.y, rtol=0, atol=1e-14)
            state = {k: v[row : row + 1] for k, v in fresh.items()}
        for k, value in alone.states.items():
            torch.testing.assert_close(out.states[k][row : row + 1], value, rtol=0, atol=1e-14)
    wanted = [*fresh.values(), *call.states.values()]
    slopes = torch.autograd.grad(out.y.sum(), wanted, allow_unused=True, materialize_grads=True)
    size = [sum(v.abs().sum(1) for v in part) for part in (slopes[: len(fresh)], slopes[len(fresh) :])]
    assert size[0].gt(0).all()
    assert size[1].gt(0).tolist() == [True, True, False], "what was replaced at step 0 has no gradient"


def test_padding_may_hold_anything() -> None:
    call = make_call(cw.cells.gru, 4, 3, [2, 4, 0])
    x = call.x.detach().clone()
    x[2:, 0], x[:, 2] = float("nan"), float("inf")
    poisoned = Call(x.requires_grad_(), call.states, call.weights, call.lengths)
    plan = make_plan(cw.cells.gru.graph)
    clean, dirty = eager.run(plan, call), eager.run(plan, poisoned)
    torch.testing.assert_close(dirty.y, clean.y)
    dirty.y.sum().backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()
    assert all(torch.isfinite(w.grad).all() for w in call.weights.values() if w.grad is not None)


def test_nan_in_a_real_step_is_not_hidden() -> None:
    call = make_call(cw.cells.elman, 4, 2)
    x = call.x.detach().clone()
    x[1, 0, 0] = float("nan")
    y = eager.run(make_plan(cw.cells.elman.graph), Call(x, call.states, call.weights)).y
    assert torch.isnan(y[1:, 0]).all()
    assert torch.isfinite(y[:, 1]).all()
    assert torch.isfinite(y[0, 0]).all()


@pytest.mark.parametrize(("steps", "batch"), [(0, 3), (3, 0), (1, 1), (0, 0)])
def test_small_shapes(steps: int, batch: int) -> None:
    call = make_call(cw.cells.lstm, steps, batch)
    out = eager.run(make_plan(cw.cells.lstm.graph), call)
    assert out.y.shape == (steps, batch, 5)
    assert out.states["c"].shape == (batch, 5)


def test_recorded_values_are_those_of_the_equations() -> None:
    call = make_call(cw.cells.lstm, 3, 2)
    call = Call(call.x, call.states, call.weights, record=("i", "f", "g", "o", "c", "h"))
    out = eager.run(make_plan(cw.cells.lstm.graph, call.record), call)
    r = out.recorded
    torch.testing.assert_close(r["h"], out.y)
    torch.testing.assert_close(r["c"][1], r["f"][1] * r["c"][0] + r["i"][1] * r["g"][1])
    torch.testing.assert_close(r["h"], r["o"] * torch.tanh(r["c"]))


def test_double_backward_and_per_sample_gradients() -> None:
    plan, call = make_plan(cw.cells.coupled.graph), make_call(cw.cells.coupled, 3, 2)

    def loss(weights: dict[str, Tensor], x: Tensor) -> Tensor:
        states = {k: torch.zeros(1, 5, dtype=torch.float64) for k in ("h", "c")}
        return eager.run(plan, Call(x.unsqueeze(1), states, weights)).y.square().sum()

    weights = {k: v.detach() for k, v in call.weights.items()}
    each = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 1))(weights, call.x.detach())
    for sample in range(2):
        alone = torch.func.grad(loss)(weights, call.x.detach()[:, sample])
        torch.testing.assert_close({k: v[sample] for k, v in each.items()}, alone)
    assert torch.autograd.gradgradcheck(
        lambda x: eager.run(plan, Call(x, call.states, call.weights)).y, (call.x,), fast_mode=True
    )
