"""Segments: the same numbers as one run, values and every gradient, and less kept for the way back."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import cellwright as cw

LIBRARY = cw.cells.all()


def random(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def layer_of(name: str, checkpoint: Any, **options: Any) -> cw.nn.Recurrent:
    torch.manual_seed(3)
    return cw.nn.Recurrent(name, 3, 4, dtype=torch.float64, checkpoint=checkpoint, **options)


def results(layer: cw.nn.Recurrent, T: int = 11, **given: Any) -> list[torch.Tensor]:
    """y, last states, and the gradients of x, the first states and all weights."""
    x = random(T, 3, 3).requires_grad_()
    state = {n: (1 + v + 0.1 * random(*v.shape)).requires_grad_() for n, v in layer.start(3, x).items()}
    torch.manual_seed(5)
    y, last = layer(x, state, **given)
    loss = (y * random(*y.shape, seed=2)).sum() + sum(v.square().sum() for v in last.values())
    leaves = [x, *state.values(), *layer.parameters()]
    found = torch.autograd.grad(loss, leaves, allow_unused=True, materialize_grads=True)
    return [y.detach(), *(v.detach() for v in last.values()), *found]


@pytest.mark.parametrize("name", LIBRARY)
def test_every_cell_gives_the_same(name: str) -> None:
    for got, expected in zip(results(layer_of(name, 4)), results(layer_of(name, None)), strict=True):
        torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("checkpoint", [1, 2, 5, 10, 11, 100])
def test_any_length_of_segment(checkpoint: int) -> None:
    for got, expected in zip(
        results(layer_of("lstm", checkpoint)), results(layer_of("lstm", None)), strict=True
    ):
        torch.testing.assert_close(got, expected)


RESET = torch.zeros(11, 3, dtype=torch.bool)
RESET[[3, 4, 9], [0, 2, 0]] = True
GIVEN: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "ragged": ({}, {"lengths": [11, 5, 0]}),
    "deep, both ways": ({"num_layers": 2, "bidirectional": True, "dropout": 0.3}, {"lengths": [11, 5, 7]}),
    "resets": ({"bidirectional": True}, {"reset": RESET, "lengths": [11, 5, 8]}),
    "zoneout": ({"parts": lambda: [cw.nn.Zoneout(0.3)]}, {}),
    "dropped states and weights": ({"parts": lambda: [cw.nn.StateDropout(0.3), cw.nn.DropConnect(0.3)]}, {}),
    "clipped": ({"parts": lambda: [cw.nn.ClipGradient(0.1)]}, {}),
    "learned start": ({"parts": lambda: [cw.nn.LearnedStart()]}, {"reset": RESET}),
}


@pytest.mark.parametrize("case", GIVEN)
def test_every_option_gives_the_same(case: str) -> None:
    options, given = GIVEN[case]
    made = [{k: v() if callable(v) else v for k, v in options.items()} for _ in range(2)]
    pair = zip(
        results(layer_of("lstm", 4, **made[0]), **given),
        results(layer_of("lstm", None, **made[1]), **given),
        strict=True,
    )
    for got, expected in pair:
        torch.testing.assert_close(got, expected)


def kept(layer: cw.nn.Recurrent, T: int) -> int:
    """How many numbers one run keeps for the way back, beside x and the weights."""
    x = torch.randn(T, 2, 3, dtype=torch.float64)
    known = {t.data_ptr() for t in (x, *layer.parameters())}
    sizes: dict[int, int] = {}

    def pack(t: torch.Tensor) -> torch.Tensor:
        if t.untyped_storage().data_ptr() not in known:
            sizes[t.untyped_storage().data_ptr()] = t.untyped_storage().nbytes() // 8
        return t

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        y, _ = layer(x)
    assert y.requires_grad
    return sum(sizes.values())


def test_what_is_kept_grows_as_the_square_root() -> None:
    counts = {T: kept(layer_of("lstm", round(T**0.5)), T) for T in (100, 400, 1600)}
    # h and c before every segment, and the record of the last one: both as many as the square root.
    assert counts[400] < 2.1 * counts[100] and counts[1600] < 2.1 * counts[400]
    assert counts[1600] > (40 + 1) * 2 * 2 * 4
    assert kept(layer_of("lstm", None), 1600) > 20 * counts[1600]


@pytest.mark.parametrize("checkpoint", [3, 10, None])
def test_the_way_back_can_be_gone_twice(checkpoint: int | None) -> None:
    layer = layer_of("lstm", checkpoint)
    y, _ = layer(random(10, 2, 3))
    loss = y.square().sum()
    first, second = (torch.autograd.grad(loss, list(layer.parameters()), retain_graph=True) for _ in range(2))
    torch.testing.assert_close(first, second)


def test_the_square_root_unless_segments_were_too_short_to_be_worth_it() -> None:
    layer = layer_of("lstm", "sqrt")
    assert [layer._segment(T, 1 << 22) for T in (1, 2, 100, 101)] == [None, None, 10, 11]
    assert layer._segment(100_000, 4 * 128) == 4096
    assert layer._segment(4096, 4 * 128) is None


def test_without_gradients_there_are_no_segments() -> None:
    layer, x = layer_of("lstm", 3), random(9, 2, 3)
    with torch.no_grad():
        y, _ = layer(x)
    assert y.grad_fn is None
    torch.testing.assert_close(layer(x)[0], y)
    *_, (values,) = layer(x, trace=True)
    torch.testing.assert_close(values["h"], y)


def test_derivatives_of_derivatives_and_per_sample_gradients() -> None:
    found = []
    for checkpoint in (3, None):
        layer, x = layer_of("gru", checkpoint), random(9, 2, 3).requires_grad_()
        (dx,) = torch.autograd.grad(layer(x)[0].sin().sum(), x, create_graph=True)
        found.append(torch.autograd.grad(dx.square().sum(), [x, *layer.parameters()]))
    torch.testing.assert_close(found[0], found[1])
    layer, x = layer_of("gru", 3), random(9, 2, 3)
    each = torch.func.vmap(torch.func.grad(lambda v: layer(v.unsqueeze(1))[0].sum()), in_dims=1, out_dims=1)(
        x
    )
    x.requires_grad_()
    torch.testing.assert_close(each, torch.autograd.grad(layer(x)[0].sum(), x)[0])


def test_a_loss_of_the_last_state_alone() -> None:
    found = []
    for checkpoint in (3, None):
        layer = layer_of("lstm", checkpoint)
        _, state = layer(random(10, 2, 3))
        found.append(torch.autograd.grad(state["c"].sum(), list(layer.parameters())))
    torch.testing.assert_close(found[0], found[1])


@pytest.mark.parametrize(("T", "B"), [(0, 2), (1, 2), (3, 0)])
def test_small_shapes(T: int, B: int) -> None:
    layer = layer_of("lstm", 1)
    y, state = layer(torch.zeros(T, B, 3, dtype=torch.float64))
    assert y.shape == (T, B, 4) and state["c"].shape == (1, B, 4)
    if T:
        y.sum().backward()


def test_autocast_on_the_way_back_is_that_of_the_way_there() -> None:
    found = []
    for checkpoint in (3, None):
        torch.manual_seed(3)
        layer = cw.nn.Recurrent("gru_v1", 3, 4, checkpoint=checkpoint, backend="eager")
        x = random(8, 2, 3).float()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y, _ = layer(x)
        found.append(torch.autograd.grad(y.float().sum(), list(layer.parameters())))
    torch.testing.assert_close(found[0], found[1], rtol=2e-2, atol=2e-2)
