"""The fused softmax against torch's cross_entropy of all logits, by the kernel and by torch, and by gradcheck."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.backends.rounded import OWN, PAIRS, TILES, Rounded, distance
from torch import Tensor
from torch.nn.functional import cross_entropy, linear

from cellwright.backends.cpu import softmax as kernel
from cellwright.backends.cpu.toolchain import ToolchainError
from cellwright.errors import SettingError, ShapeError
from cellwright.nn import linear_cross_entropy

HERE = sys.modules["cellwright.nn.linear_cross_entropy"]
WAYS = ("cpu", "eager")
# Rows, width, classes: one of each, a vector and its neighbours, several blocks of classes, the last one short,
# more logits than are kept in the caches.
SIZES = ((1, 1, 1), (7, 3, 2), (8, 16, 9), (37, 6, 50), (12, 33, 1025), (41, 200, 701), (219, 5, 4801))


@pytest.fixture(autouse=True)
def _as_if_of_many_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HERE, "FEW", 0)


def given(rows: int, width: int, classes: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, ...]:
    x, weight, bias = (
        torch.randn(*shape, dtype=dtype) for shape in ((rows, width), (classes, width), (classes,))
    )
    return x.requires_grad_(), weight.requires_grad_(), bias.requires_grad_(), torch.randint(classes, (rows,))


def plainly(x: Tensor, weight: Tensor, bias: Tensor | None, target: Tensor, smoothing: float = 0.0) -> Tensor:
    return cross_entropy(linear(x, weight, bias), target, label_smoothing=smoothing)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_it_is_the_cross_entropy_of_all_logits(
    sizes: tuple[int, int, int], smoothing: float, threads: int, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CELLWRIGHT_BACKEND", way)
    monkeypatch.setattr("cellwright.backends.cpu.softmax.SMALL", 0)
    torch.set_num_threads(threads)
    x, weight, bias, target = given(*sizes)
    found = linear_cross_entropy(x, weight, target, linear_bias=bias, label_smoothing=smoothing)
    right = plainly(x, weight, bias, target, smoothing)
    torch.testing.assert_close(found, right, rtol=1e-12, atol=1e-12)
    slopes = [torch.autograd.grad(3 * value, (x, weight, bias)) for value in (found, right)]
    for one, other in zip(*slopes, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-13)
    with torch.no_grad():
        again = linear_cross_entropy(x, weight, target, linear_bias=bias, label_smoothing=smoothing)
    torch.testing.assert_close(again, right.detach(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("way", WAYS)
def test_classes_that_cannot_be(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELLWRIGHT_BACKEND", way)
    x, weight, bias, target = given(11, 6, 300)
    with torch.no_grad():
        bias[1::2] = -torch.inf
    target = target // 2 * 2
    values = [linear_cross_entropy(x, weight, target, linear_bias=bias), plainly(x, weight, bias, target)]
    torch.testing.assert_close(*values, rtol=1e-12, atol=1e-12)
    slopes = [torch.autograd.grad(value, (x, weight, bias)) for value in values]
    for one, other in zip(*slopes, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("room", [1, 50, 170, 36 * 50, 37 * 50])
def test_rows_in_pieces_are_all_rows(room: int, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELLWRIGHT_BACKEND", way)
    monkeypatch.setattr(HERE, "ROOM", room)
    x, weight, bias, target = given(37, 6, 50)
    values = [linear_cross_entropy(x, weight, target, linear_bias=bias), plainly(x, weight, bias, target)]
    torch.testing.assert_close(*values)
    slopes = [torch.autograd.grad(value, (x, weight, bias)) for value in values]
    for one, other in zip(*slopes, strict=True):
        torch.testing.assert_close(one, other)
        assert other.abs().max() > 1e-3


@pytest.mark.parametrize("way", WAYS)
def test_no_more_logits_exist_than_there_is_room(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELLWRIGHT_BACKEND", way)
    monkeypatch.setattr(HERE, "ROOM", 200)
    made: list[int] = []

    def counting(run: Callable[..., object]) -> Callable[..., object]:
        def counted(x: Tensor, weight: Tensor, *rest: object) -> object:
            made.append(len(x) * len(weight))
            return run(x, weight, *rest)

        return counted

    name = {"cpu": "softmax", "eager": "linear"}[way]
    monkeypatch.setattr(HERE, name, counting(getattr(HERE, name)))
    x, weight, bias, target = given(37, 6, 50)
    linear_cross_entropy(x, weight, target, linear_bias=bias).backward()
    assert max(made) <= 200 and sum(made) == 37 * 50


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("biased", [True, False])
def test_gradcheck(biased: bool, smoothing: float, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It walks back more than once over the same graph, too."""
    monkeypatch.setenv("CELLWRIGHT_BACKEND", way)
    monkeypatch.setattr(HERE, "ROOM", 40)
    x, weight, bias, _ = given(12, 5, 9)
    target = torch.randint(9, (3, 4))

    def run(x: Tensor, weight: Tensor, *bias: Tensor) -> Tensor:
        wide = x.view(3, 4, 5)
        found = linear_cross_entropy(
            wide, weight, target, linear_bias=bias[0] if bias else None, label_smoothing=smoothing
        )
        return found * 2

    assert torch.autograd.gradcheck(run, (x, weight, bias) if biased else (x, weight))


def test_a_second_way_back_finds_the_same() -> None:
    x, weight, bias, target = given(9, 4, 11)
    loss = linear_cross_entropy(x, weight, target, linear_bias=bias)
    first = torch.autograd.grad(loss, (x, weight, bias), retain_graph=True)
    for one, other in zip(first, torch.autograd.grad(2 * loss, (x, weight, bias)), strict=True):
        torch.testing.assert_close(2 * one, other)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shift", [1e4, -1e4])
def test_logits_far_from_nought_stay_numbers(way: str, shift: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELLWRIGHT_BACKEND", way)
    x, weight, bias, target = given(20, 8, 300, torch.float32)
    with torch.no_grad():
        bias += shift
        weight[:100] *= 50
    values = [linear_cross_entropy(x, weight, target, linear_bias=bias), plainly(x, weight, bias, target)]
    torch.testing.assert_close(*values)
    slopes = [torch.autograd.grad(value, (x, weight, bias)) for value in values]
    for one, other in zip(*slopes, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_no_number_is_passed_on(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELLWRIGHT_BACKEND", way)
    x, weight, bias, target = given(20, 8, 300)
    with torch.no_grad():
        weight[250, 3] = torch.nan
    assert linear_cross_entropy(x, weight, target, linear_bias=bias).isnan()


def test_rows_of_any_stride_and_none_of_the_batch() -> None:
    x, weight, bias, target = given(6, 5, 7)
    turned = x.detach().T.contiguous().T
    torch.testing.assert_close(
        linear_cross_entropy(turned, weight.T.contiguous().T, target, linear_bias=bias),
        plainly(x, weight, bias, target),
    )
    torch.testing.assert_close(
        linear_cross_entropy(x[0], weight, target[0], linear_bias=bias),
        plainly(x[:1], weight, bias, target[:1]),
    )


def test_of_few_classes_torchs_two_functions_are_quicker(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def asking(given: Any, *_: object) -> tuple[Tensor, None]:
        asked.append(len(given.weight))
        return given.x.sum(), None

    monkeypatch.setattr(HERE, "_kernel", asking)
    monkeypatch.setattr(HERE, "FEW", 7)
    for classes in (6, 7):
        x, weight, _, target = given(6, 5, classes)
        with torch.no_grad():
            linear_cross_entropy(x, weight, target)
    assert asked == [7]
    monkeypatch.setattr(HERE, "ROOM", 20)  # more logits than there is room for: in pieces all the same
    x, weight, _, target = given(6, 5, 6)
    with torch.no_grad():
        linear_cross_entropy(x, weight, target)
    assert asked == [7, 6, 6]


def test_it_can_be_compiled_by_torch() -> None:
    x, weight, bias, target = given(6, 5, 7)
    whole = torch.compile(linear_cross_entropy, backend="aot_eager", fullgraph=True)
    values = [whole(x, weight, target, linear_bias=bias), plainly(x, weight, bias, target)]
    torch.testing.assert_close(*values)
    slopes = [torch.autograd.grad(value, (x, weight, bias)) for value in values]
    torch.testing.assert_close(*slopes)


def test_without_a_compiler_torch_does_it_and_nobody_asks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def none(text: str, name: str, *_: object) -> None:
        asked.append(name)
        raise ToolchainError("no compiler")

    monkeypatch.setattr(kernel, "library", none)
    kernel._built.cache_clear()
    x, weight, bias, target = given(6, 5, 7)
    for _ in range(2):
        values = [linear_cross_entropy(x, weight, target, linear_bias=bias), plainly(x, weight, bias, target)]
        torch.testing.assert_close(*values)
    assert asked == ["softmax"]
    kernel._built.cache_clear()


MACROS = pytest.mark.parametrize(
    "macros",
    [PAIRS, TILES, pytest.param(OWN, marks=pytest.mark.skipif(not OWN, reason="no bfloat16 products here"))],
)


@MACROS
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_under_autocast_products_read_rounded_operands(
    sizes: tuple[int, int, int],
    smoothing: float,
    threads: int,
    macros: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kernel, "bfloat16_macros", lambda: macros)
    monkeypatch.setattr(kernel, "SMALL", 0)
    torch.set_num_threads(threads)
    x, weight, bias, target = given(*sizes, torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        found = linear_cross_entropy(x, weight, target, linear_bias=bias, label_smoothing=smoothing)
    assert found.dtype == torch.float32
    wide = [v.detach().double().requires_grad_() for v in (x, weight, bias)]
    right = cross_entropy(Rounded.apply(*wide[:2]) + wide[2], target, label_smoothing=smoothing)
    torch.testing.assert_close(found.double(), right, rtol=1e-5, atol=1e-5)
    slopes = [torch.autograd.grad(found, (x, weight, bias)), torch.autograd.grad(right, wide)]
    for one, other in zip(*slopes, strict=True):
        assert (one.double() - other).norm() <= 2e-3 * other.norm() + 1e-7


@MACROS
def test_a_way_back_is_as_rounded_as_the_way_there(
    macros: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outside autocast, and a second time; and not as in float32: the test could tell."""
    monkeypatch.setattr(kernel, "bfloat16_macros", lambda: macros)
    x, weight, bias, target = given(41, 60, 701, torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        loss = linear_cross_entropy(x, weight, target, linear_bias=bias)
    first = torch.autograd.grad(loss, (x, weight), retain_graph=True)
    again = torch.autograd.grad(loss, (x, weight))
    plain = torch.autograd.grad(plainly(x, weight, bias, target), (x, weight))
    for one, other, exact in zip(first, again, plain, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
        assert 1e-4 < distance(one, exact.double()) < 1e-2


@pytest.mark.parametrize("few", [0, 100])
def test_what_a_layer_before_made_smaller_is_taken(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HERE, "FEW", few)
    x, weight, bias, target = given(6, 5, 7, torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        found = linear_cross_entropy(x.bfloat16(), weight, target, linear_bias=bias)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, plainly(x, weight, bias, target), rtol=2e-2, atol=2e-2)
    assert torch.autograd.grad(found, x)[0].dtype == torch.float32


REFUSED = (
    ((3, 4), (5, 6), (3,), (5,), 0.0, r"input and linear_weight do not fit: got \[3, 4\] and \[5, 6\]"),
    ((3, 4), (5, 4), (3,), (4,), 0.0, r"linear_bias: got \[4\], expected \[5\]"),
    ((3, 4), (5, 4), (2,), (5,), 0.0, r"target: got torch.int64 \[2\], expected torch.int64 \[3\]"),
    ((0, 4), (5, 4), (0,), (5,), 0.0, r"there is no row to take the mean of: got \[0, 4\]"),
    ((3, 4), (5, 4), (3,), (5,), 1.5, r"label_smoothing: got 1.5, expected 0 to 1"),
)


@pytest.mark.parametrize(("x", "weight", "target", "bias", "smoothing", "says"), REFUSED)
def test_what_does_not_fit_is_refused(
    x: tuple[int, ...],
    weight: tuple[int, ...],
    target: tuple[int, ...],
    bias: tuple[int, ...],
    smoothing: float,
    says: str,
) -> None:
    with pytest.raises((ShapeError, SettingError), match=says):
        linear_cross_entropy(
            torch.zeros(x), torch.zeros(weight), torch.zeros(target, dtype=torch.int64),
            linear_bias=torch.zeros(bias), label_smoothing=smoothing,
        )  # fmt: skip


@pytest.mark.parametrize("wrong", [-100, 5])
def test_a_target_that_is_no_class_is_refused(wrong: int) -> None:
    with pytest.raises(ShapeError, match=rf"a target is no class: got {wrong}, expected 0 to 4"):
        linear_cross_entropy(torch.zeros(2, 4), torch.zeros(5, 4), torch.tensor([0, wrong]))
