"""A setting is a dataclass field with its own help and bounds; the CLI and the checks both read it. Floor 6.

Refuses values of the wrong kind or out of range, all of them in one message.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

T = TypeVar("T")

_KINDS: dict[type, tuple[type | tuple[type, ...], str]] = {
    bool: ((bool, np.bool_), "true or false"),
    int: (Integral, "a whole number"),
    float: (Real, "a number"),
    str: (str, "a text"),
}


def setting(
    default: T,
    help: str,
    *,
    min: float | None = None,
    max: float | None = None,
    exclusive: Literal["", "min", "max", "both"] = "",
    choices: Sequence[str] = (),
    on_resume: bool = False,
) -> T:
    """A dataclass field with what its readers need to know.

    Args:
        default: the value when nothing is said.
        help: one line for the command line and the documentation, without a full stop.
        min, max: the bounds; `exclusive` names those that are themselves out of range.
        choices: the accepted texts, when only some are.
        on_resume: whether a run may be resumed with another value.
    """
    facts = {
        "help": help,
        "min": min,
        "max": max,
        "exclusive": exclusive,
        "choices": tuple(choices),
        "on_resume": on_resume,
    }
    return dataclasses.field(default=default, metadata=facts)


def dropping(default: float, help: str) -> float:
    """A share of something that training leaves out, from 0 to below 1; a run may be resumed with another."""
    return setting(default, help, min=0, max=1, exclusive="max", on_resume=True)


def with_default(owner: type, name: str, default: T) -> T:
    """The setting `name` of the class `owner` with another default: help and bounds are not said again."""
    base = next(field for field in fields(owner) if field.name == name)
    return dataclasses.field(default=default, metadata=base.metadata)


def fields(owner: Any) -> tuple[dataclasses.Field[Any], ...]:
    """The settings of an estimator or its class, in order of declaration, without fitted attributes."""
    return tuple(field for field in dataclasses.fields(owner) if field.init)


def problems(owner: Any) -> list[str]:
    """One clause for every setting of `owner` that is of the wrong kind or out of range."""
    hints = get_type_hints(type(owner))
    found = (_problem(field, hints[field.name], getattr(owner, field.name)) for field in fields(owner))
    return [clause for clause in found if clause is not None]


def _problem(field: dataclasses.Field[Any], hint: Any, value: Any) -> str | None:
    kinds = _members(hint)
    others = tuple(get_origin(kind) or kind for kind in kinds if kind not in _KINDS)
    if any(isinstance(kind, type) and isinstance(value, kind) for kind in others):
        return None
    wanted = [kind for kind in kinds if kind in _KINDS]
    if wanted and not any(_is_a(value, kind) for kind in wanted):
        return f"{field.name} must be {' or '.join(_KINDS[kind][1] for kind in wanted)}, got {value!r}"
    limit = _limit(value, field.metadata) if isinstance(value, (int, float, Real)) else None
    if limit is not None:
        return f"{field.name} must be {limit}, got {value}"
    choices = field.metadata.get("choices") or ()
    if choices and value not in choices:
        return f"{field.name} must be one of {', '.join(choices)}, got {value}{nearest(value, choices)}"
    return None


def nearest(value: object, choices: Iterable[str]) -> str:
    """A clause that names the choice that was probably meant, or nothing.

    >>> nearest("cosin", ["cosine", "constant"])
    ' (did you mean cosine?)'
    """
    close = difflib.get_close_matches(str(value), list(choices), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _members(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)


def _is_a(value: object, kind: type) -> bool:
    return isinstance(value, _KINDS[kind][0]) and (kind is bool or not isinstance(value, bool))


def _limit(value: Any, bounds: Any) -> str | None:
    """What `value` fails to be, or None. The comparisons are written so that NaN fails them."""
    if not math.isfinite(value):
        return "finite"
    low, high, exclusive = bounds.get("min"), bounds.get("max"), bounds.get("exclusive", "")
    if low is not None and not (value > low if exclusive in ("min", "both") else value >= low):
        return f"{'greater than' if exclusive in ('min', 'both') else 'at least'} {low:g}"
    if high is not None and not (value < high if exclusive in ("max", "both") else value <= high):
        return f"{'less than' if exclusive in ('max', 'both') else 'at most'} {high:g}"
    return None
