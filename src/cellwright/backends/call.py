"""What a backend is handed and what it gives back: one layer, one direction, a whole sequence. Floor 2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Call:
    """One run of a plan over time.

    x [T, B, I]; extra inputs by name [T, B, *]; states by name [B, size]; weights by name in the shapes of
    the equations; lengths [B] (int64, same device) or None; record: names wanted at every step.

    resets [T, B] (bool, same device) or None: where true, the step begins from `fresh` ([B, size] by name)
    instead of the states that the step before left. Past a length nothing is reset.

    into: where y may be written, contiguous, [T, B, size]; a backend that writes there gives it back as y.
    Never with derivatives.

    half: the type that operands of matrix products may be rounded to, or None (a layer sets it under
    autocast); sums, states and results keep x's type.

    segment: the way back keeps the states before every so many steps only, and computes the rest again
    (`runtime.segments`); backends never see it.
    """

    x: Tensor
    states: Mapping[str, Tensor]
    weights: Mapping[str, Tensor]
    lengths: Tensor | None = None
    extra: Mapping[str, Tensor] | None = None
    record: tuple[str, ...] = ()
    resets: Tensor | None = None
    fresh: Mapping[str, Tensor] | None = None
    segment: int | None = None
    half: torch.dtype | None = None
    into: Tensor | None = None

    def tensors(self) -> list[Tensor]:
        """Everything that may have a gradient: x, further inputs, states, fresh states, weights."""
        groups = (self.extra or {}, self.states, self.fresh or {}, self.weights)
        return [self.x, *(v for group in groups for v in group.values())]

    def transformed(self) -> bool:
        """Whether one of torch.func's transforms or a forward-mode derivative is at work."""
        mode = torch.autograd.forward_ad
        if torch._C._functorch.peek_interpreter_stack() is not None:
            return True
        return mode._current_level >= 0 and any(
            mode.unpack_dual(t).tangent is not None  # type: ignore[no-untyped-call]
            for t in self.tensors()
        )

    def beyond_kernels(self) -> str | None:
        """What no emitted kernel does, on whatever device: one sentence, or None."""
        if self.record and torch.is_grad_enabled() and any(t.requires_grad for t in self.tensors()):
            return "its kernels give out gate values without their derivatives: use torch.no_grad()"
        if self.x.shape[0] == 0 or self.x.shape[1] == 0:
            return "there is nothing to compute in an empty sequence or batch"
        if self.transformed():
            return "the reference takes torch.func's transforms and forward-mode derivatives"
        return None

    def mask(self) -> Tensor | None:
        """True where a step is real, [T, B, 1]; None when every step is."""
        if self.lengths is None:
            return None
        steps = torch.arange(self.x.shape[0], device=self.x.device)
        return (steps[:, None] < self.lengths[None, :]).unsqueeze(-1)

    def boundaries(self) -> Tensor | None:
        """True where a real step begins from `fresh`, [T, B, 1]; None when none does."""
        if self.resets is None:
            return None
        real = self.mask()
        return self.resets.unsqueeze(-1) if real is None else self.resets.unsqueeze(-1) & real


@dataclass(frozen=True)
class Outcome:
    """What a run gives.

    y [T, B, size of the first state], zero past each length; the states after the last real step, [B, size];
    recorded values by name, [T, B, size], zero past each length.
    """

    y: Tensor
    states: dict[str, Tensor]
    recorded: dict[str, Tensor]

    def detached(self) -> Outcome:
        """The same numbers without their history."""
        states, recorded = (
            {name: v.detach() for name, v in values.items()} for values in (self.states, self.recorded)
        )
        return Outcome(self.y.detach(), states, recorded)
