"""A Call as a list of tensors and back, and a stretch of time cut out of one. Floor 3."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from torch import Tensor

from cellwright.backends.call import Call


def with_tensors(call: Call, tensors: list[Tensor]) -> Call:
    """The same call on other tensors, in the order of `Call.tensors`."""
    rest = iter(tensors)
    return replace(
        call,
        x=next(rest),
        extra=None if call.extra is None else _taken(call.extra, rest),
        states=_taken(call.states, rest),
        fresh=None if call.fresh is None else _taken(call.fresh, rest),
        weights=_taken(call.weights, rest),
    )


def cut(call: Call, begin: int, end: int, states: Mapping[str, Tensor], into: Tensor | None = None) -> Call:
    """The steps from `begin` up to `end`, from the states before them; `into`: where their y may go."""
    steps = slice(begin, end)
    return replace(
        call,
        x=call.x[steps],
        states=states,
        extra=None if call.extra is None else {name: v[steps] for name, v in call.extra.items()},
        lengths=None if call.lengths is None else (call.lengths - begin).clamp(0, end - begin),
        resets=None if call.resets is None else call.resets[steps],
        segment=None,
        into=into,
    )


def _taken(names: Mapping[str, Tensor], rest: Iterator[Tensor]) -> dict[str, Tensor]:
    return {name: next(rest) for name in names}
