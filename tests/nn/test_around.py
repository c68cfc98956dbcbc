"""Parts between layers: each against the formula of its paper, put together from single layers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.nn.by_hand import random
from torch import Tensor
from torch.nn.functional import layer_norm

import cellwright as cw


def stack(*parts: Any, layers: int = 3, width: int = 5, **options: Any) -> cw.nn.Recurrent:
    torch.manual_seed(2)
    return cw.nn.Recurrent("gru", width, 5, layers, parts=parts, dtype=torch.float64, **options)


def single(deep: cw.nn.Recurrent, at: int, x: Tensor) -> Tensor:
    """One layer of a stack, alone."""
    one = cw.nn.Recurrent("gru", x.shape[-1], 5, dtype=torch.float64)
    one.load_state_dict({f"{name}_l0": value for name, value in deep.weights(at).items()})
    y: Tensor = one(x)[0]
    return y


def test_residual() -> None:
    deep, x = stack(cw.nn.Residual(), width=4), random(6, 2, 4)
    y = single(deep, 0, x)
    for at in (1, 2):
        y = y + single(deep, at, y)
    torch.testing.assert_close(deep(x)[0], y)


def test_highway() -> None:
    part = cw.nn.Highway(bias=-2.0)
    deep, x = stack(part), random(6, 2, 5)
    y = x
    for at in range(3):
        gate = torch.sigmoid(y @ getattr(part, f"W_l{at}").T + getattr(part, f"b_l{at}"))
        y = gate * single(deep, at, y) + (1 - gate) * y
    torch.testing.assert_close(deep(x)[0], y)
    assert (part.b_l0 == -2).all() and sum(p.numel() for p in part.parameters()) == 3 * (25 + 5)
    deep(x)[0].sum().backward()
    assert all(p.grad.abs().max() > 0 for p in deep.parameters())


@pytest.mark.parametrize("first", [False, True])
def test_layer_norm_between_layers(first: bool) -> None:
    part = cw.nn.LayerNorm(first=first)
    deep, x = stack(part, width=4), random(6, 2, 4)
    with torch.no_grad():
        for parameter in part.parameters():
            parameter.add_(0.1 * random(*parameter.shape))
    y = x
    for at in range(3):
        if at or first:
            y = layer_norm(y, y.shape[-1:], getattr(part, f"gain_l{at}"), getattr(part, f"bias_l{at}"))
        y = single(deep, at, y)
    torch.testing.assert_close(deep(x)[0], y)


def test_the_first_part_is_the_outermost() -> None:
    x = random(6, 2, 5)
    before = stack(cw.nn.Residual(), cw.nn.LayerNorm(first=True), layers=1)
    after = stack(cw.nn.LayerNorm(first=True), cw.nn.Residual(), layers=1)
    normed = layer_norm(x, (5,))
    torch.testing.assert_close(before(x)[0], x + single(before, 0, normed))
    torch.testing.assert_close(after(x)[0], normed + single(after, 0, normed))


def masks_of(layer: Any, x: Tensor) -> list[Tensor]:
    """What every layer read, divided by what it would have read: the masks."""
    read: list[Tensor] = []
    execute = layer._execute
    layer._execute = lambda step, call: (read.append(call.x), execute(step, call))[1]
    layer(x)
    del layer._execute
    given = [x]
    for at in range(layer.num_layers - 1):
        given.append(single(layer, at, read[at]))
    return [a / b for a, b in zip(read, given, strict=True)]


def test_locked_dropout_is_one_mask_for_all_steps_and_another_for_each_sequence() -> None:
    masks = masks_of(stack(cw.nn.LockedDropout(0.4)), random(6, 4, 5))
    for mask in masks:
        torch.testing.assert_close(mask, mask[:1].expand_as(mask))
        assert not torch.equal(mask[0, 0], mask[0, 1])
        kept = mask[mask != 0]
        assert 0 < len(kept) < mask.numel()
        torch.testing.assert_close(kept, torch.full_like(kept, 1 / 0.6))


def test_plain_dropout_is_another_mask_at_every_step() -> None:
    first, *rest = masks_of(stack(dropout=0.4), random(6, 4, 5))
    torch.testing.assert_close(first, torch.ones_like(first))
    for mask in rest:
        assert not torch.equal(mask[0], mask[1])


def test_locked_dropout_of_each_layer_and_in_evaluation() -> None:
    deep, x = stack(cw.nn.LockedDropout([0.0, 0.9, 0.0])), random(6, 4, 5)
    dropped = [float((mask == 0).double().mean()) for mask in masks_of(deep, x)]
    assert dropped[0] == dropped[2] == 0 and dropped[1] > 0.6
    plain = stack()
    plain.load_state_dict(deep.state_dict())
    torch.testing.assert_close(deep.eval()(x)[0], plain(x)[0])


def test_the_skip_path_is_not_dropped() -> None:
    deep, x = stack(cw.nn.Residual(), dropout=1.0), random(6, 2, 5)
    y = x + single(deep, 0, x)
    for at in (1, 2):
        y = y + single(deep, at, torch.zeros_like(y))
    torch.testing.assert_close(deep(x)[0], y)


def test_parts_of_a_bidirectional_stack_of_other_sizes() -> None:
    part = cw.nn.LayerNorm()
    deep = cw.nn.Recurrent(
        ["lstm", "gru", "elman"], 3, [4, 6, 5], bidirectional=True, parts=[part], dtype=torch.float64
    )
    assert {n: tuple(p.shape) for n, p in part.named_parameters()} == {
        "gain_l1": (8,), "bias_l1": (8,), "gain_l2": (12,), "bias_l2": (12,),
    }  # fmt: skip
    y, state = deep(random(6, 2, 3), lengths=[6, 0])
    assert y.shape == (6, 2, 10) and list(state) == ["h_l0", "c_l0", "h_l1", "h_l2"]


def test_a_part_of_your_own() -> None:
    class Scaled(cw.nn.Around):
        def fit(self, frame: Any, make: Any) -> None:
            self.scale = make.parameter(frame.layers, value=2.0)

        def around(self, x: Tensor, inner: Any, at: int, training: bool) -> Tensor:
            return self.scale[at] * inner(x)

    deep, x = stack(Scaled(), layers=2), random(6, 2, 5)
    torch.testing.assert_close(deep(x)[0], 2 * single(deep, 1, 2 * single(deep, 0, x)))
    assert "parts.0.scale" in deep.state_dict()


REFUSED: list[tuple[str, Any, str]] = [
    ("narrow", lambda: stack(cw.nn.Residual(), layers=1, width=4), "a residual connection has no place: got 4 -> 5"),
    ("highway", lambda: stack(cw.nn.Highway(), layers=1, width=4), "a highway connection has no place"),
    ("one layer", lambda: stack(cw.nn.LayerNorm(), layers=1), "nothing between layers to norm"),
    ("shares", lambda: stack(cw.nn.LockedDropout([0.1, 0.2])), "another number of shares.*got 2, expected 1 or 3"),
    ("probability", lambda: cw.nn.LockedDropout(2), "dropout is a probability: got 2, expected 0 to 1"),
    ("no part", lambda: stack(torch.nn.Dropout(0.1)), "no part of a layer: got Dropout"),
    ("twice", lambda: stack(cw.nn.Residual(), cw.nn.Residual()), "each kind of part once: got Residual twice"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "message"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_refused(make: Any, message: str) -> None:
    with pytest.raises(cw.SettingError, match=message):
        make()


def test_a_part_belongs_to_one_layer() -> None:
    part = cw.nn.Residual()
    stack(part)
    with pytest.raises(cw.SettingError, match="Residual is part of another layer; make a new one"):
        stack(part)
