"""The cross-entropy of a linear layer's logits, of which only some exist at a time. Floor 4.

With many classes - the words of a language - the last product and its softmax are most of a training step.
On the CPU one kernel does both, forward and back; elsewhere, and without a compiler, torch does, some rows
at a time. Under torch.compile, and for few classes, it is torch's own two functions. Under autocast to
bfloat16 the kernel's products read rounded operands; logits, losses and gradients stay float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import cross_entropy, linear

from cellwright import config
from cellwright.backends.cpu.softmax import DTYPES, Loss, Slopes, softmax
from cellwright.backends.cpu.toolchain import ToolchainError
from cellwright.errors import SettingError, ShapeError
from cellwright.nn.shapes import lower_type, own_type

ROOM = 1 << 23  # logits that exist at one time; 32 MiB as float32
FEW = 1024  # of fewer classes, and where there is room, torch's two functions are quicker


def linear_cross_entropy(
    input: Tensor,
    linear_weight: Tensor,
    target: Tensor,
    *,
    linear_bias: Tensor | None = None,
    label_smoothing: float = 0.0,
) -> Tensor:
    """The mean of -log softmax(W x + b)[target], as torch.nn.functional's function of this name.

        (1 - s) (log sum_v e^(z_v) - z_target) + s (log sum_v e^(z_v) - mean(z)),   z = W x + b

    Of many classes the gradients are taken on the way forward, while the logits are there, and there are none
    of a higher order.

    Args:
        input: x, [..., I]; the kernel takes float32 and float64, torch any floating type.
        linear_weight: W, [V, I].
        target: the right classes [...], int64, 0 to V - 1.
        linear_bias: b, [V].
        label_smoothing: s, the share of the wanted probability that goes evenly to all classes (Szegedy et
            al. 2016).

    Raises:
        ShapeError: shapes or types that do not fit, no row at all, or a target that is no class.
        SettingError: a smoothing outside 0 to 1.

    >>> x, target = torch.zeros(5, 3), torch.tensor([0, 1, 2, 3, 3])
    >>> linear_cross_entropy(x, torch.zeros(4, 3), target).exp().round(decimals=4)
    tensor(4.)
    """
    _check(input, linear_weight, target, linear_bias, label_smoothing)
    rows = input.flatten(0, -2) if input.dim() > 1 else input.unsqueeze(0)
    rows = own_type(rows, linear_weight)
    given = _Given(rows, linear_weight, linear_bias, target.flatten())
    classes, compiling = len(linear_weight), torch.compiler.is_compiling()
    if not compiling:
        _check_classes(target, classes)
    if compiling or (classes < FEW and len(rows) * classes <= ROOM):
        logits = linear(*given[:3]).to(rows.dtype)
        return cross_entropy(logits, given.target, label_smoothing=label_smoothing)
    loss = Loss(1 / len(rows), label_smoothing, lower_type(rows.device.type) == torch.bfloat16)
    if torch.is_grad_enabled() and any(v is not None and v.requires_grad for v in given):
        mean: Tensor = _Mean.apply(*given, loss)  # type: ignore[no-untyped-call]
        return mean
    return _mean(given, loss, None)


class _Given(NamedTuple):
    """Rows [N, I], weight [V, I], bias [V] or None, targets [N]."""

    x: Tensor
    weight: Tensor
    bias: Tensor | None
    target: Tensor


class _Mean(torch.autograd.Function):
    """What is given, tensor by tensor, in, the mean out; its slopes wait for the way back.

    The first way back takes them, so that they need no copy; a second one (`retain_graph`) makes them again.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, target: Tensor, loss: Loss
    ) -> Tensor:
        ctx.save_for_backward(x, weight, bias, target)
        ctx.loss, ctx.slopes = loss, []
        return _mean(_Given(x, weight, bias, target), loss, ctx.slopes)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        given = _Given(*ctx.saved_tensors)
        slopes, ctx.slopes = ctx.slopes, []
        if not slopes:
            _mean(given, ctx.loss, slopes)
        if grad.device.type != "cpu" or float(grad) != 1.0:
            slopes = [slope.mul_(grad) for slope in slopes]
        by_x, by_weight, by_bias = slopes
        return by_x, by_weight, None if given.bias is None else by_bias, None, None


def _mean(given: _Given, loss: Loss, slopes: list[Tensor] | None) -> Tensor:
    """The mean over rows; `slopes` is filled with its gradients by x, weight and bias."""
    given = _Given(*(None if v is None else v.detach() for v in given))  # type: ignore[arg-type]
    count = len(given.x)
    pieces = -(-count * len(given.weight) // ROOM)
    found = None if slopes is None else Slopes.like(given.weight)
    try:
        parts = _in_pieces(_kernel if _runs_here(given) else _torch, given, pieces, loss, found)
    except ToolchainError:
        parts = _in_pieces(_torch, given, pieces, loss, found)
    nats = sum(nats for nats, _ in parts) * loss.scale
    if slopes is not None and found is not None:
        by_x = [p for _, p in parts if p is not None]
        slopes += [by_x[0] if len(by_x) == 1 else torch.cat(by_x), found.weight, found.bias]
    return nats if isinstance(nats, Tensor) else given.x.new_full((), nats)


_Part = tuple[float | Tensor, Tensor | None]


def _in_pieces(
    way: Callable[..., _Part], given: _Given, pieces: int, loss: Loss, slopes: Slopes | None
) -> list[_Part]:
    """What `way` finds for so many pieces of the rows, one after the other."""
    if pieces == 1:
        return [way(given, loss, slopes, False)]
    rows = -(-len(given.x) // pieces)
    some = zip(torch.split(given.x, rows), torch.split(given.target, rows), strict=True)
    return [way(given._replace(x=x, target=t), loss, slopes, n > 0) for n, (x, t) in enumerate(some)]


def _runs_here(given: _Given) -> bool:
    """Whether the CPU's kernel takes these."""
    real = [v for v in given[:3] if v is not None]
    alike = all(v.device.type == "cpu" and v.dtype == given.x.dtype for v in real)
    return alike and given.x.dtype in DTYPES and config.read("CELLWRIGHT_BACKEND") in (None, "cpu")


def _kernel(given: _Given, loss: Loss, slopes: Slopes | None, add: bool) -> _Part:
    """The sum of some rows' nats and their slope of x, by the kernel; the others go to `slopes`."""
    bias = None if given.bias is None else given.bias.contiguous()
    x, weight, target = (v.contiguous() for v in (given.x, given.weight, given.target))
    return softmax(x, weight, bias, target, loss, slopes, add)


def _torch(given: _Given, loss: Loss, slopes: Slopes | None, add: bool) -> _Part:
    """The same by torch: softmax minus what is wanted, in the place of the logits."""
    with torch.autocast(given.x.device.type, enabled=False):
        return _by_torch(given, loss, slopes, add)


def _by_torch(given: _Given, loss: Loss, slopes: Slopes | None, add: bool) -> _Part:
    weight, at = given.weight, given.target.unsqueeze(1)
    x = given.x.to(weight.dtype)
    logits = linear(x, weight, given.bias)
    logits -= logits.amax(1, keepdim=True)
    right = (1 - loss.smoothing) * logits.gather(1, at)
    if loss.smoothing:  # 0 times the mean of logits of which one is -inf would be no number
        right += loss.smoothing * logits.mean(1, keepdim=True)
    mass = logits.exp_().sum(1, keepdim=True)
    nats = (mass.log() - right).sum()
    if slopes is None:
        return nats, None
    slope = logits.mul_(loss.scale / mass).sub_(loss.scale * loss.smoothing / len(weight))
    slope.scatter_add_(1, at, torch.full_like(right, -loss.scale * (1 - loss.smoothing)))
    slopes.weight.addmm_(slope.T, x, beta=int(add))
    slopes.bias.copy_(slope.sum(0) + slopes.bias if add else slope.sum(0))
    return nats, (slope @ weight).to(given.x.dtype)


def _check(x: Tensor, weight: Tensor, target: Tensor, bias: Tensor | None, smoothing: float) -> None:
    if weight.dim() != 2 or x.shape[-1:] != weight.shape[1:]:
        got = f"{list(x.shape)} and {list(weight.shape)}"
        raise ShapeError("input and linear_weight do not fit", got=got, expected="[..., I] and [V, I]")
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ShapeError("linear_bias", got=list(bias.shape), expected=[len(weight)])
    if target.shape != x.shape[:-1] or target.dtype != torch.int64:
        got = f"{target.dtype} {list(target.shape)}"
        raise ShapeError("target", got=got, expected=f"torch.int64 {list(x.shape[:-1])}")
    if target.numel() == 0:
        raise ShapeError(
            "there is no row to take the mean of", got=list(x.shape), fix="leave empty batches out"
        )
    if not 0 <= smoothing <= 1:
        raise SettingError("label_smoothing", got=smoothing, expected="0 to 1")


def _check_classes(target: Tensor, classes: int) -> None:
    low, high = (int(v) for v in target.aminmax())
    if low < 0 or high >= classes:
        raise ShapeError("a target is no class", got=low if low < 0 else high, expected=f"0 to {classes - 1}")
