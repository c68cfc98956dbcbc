"""The signature of a cell's function is its declaration of inputs, states, parameters. Floor 1.

positional            the first is the input `x`; the others are states, the first state is the output;
                      one annotated "input [..]" is a further input per step
keyword, no default   a parameter; its shape follows its letter, or its annotation
keyword, default      a hyper-parameter: a plain Python value, fixed when the cell is traced
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cellwright.compiler.dims import H, I, Shape, parse_shape
from cellwright.compiler.graph import Where
from cellwright.errors import CellError


@dataclass(frozen=True)
class Argument:
    """One leaf the signature declares."""

    kind: str
    name: str
    shape: Shape


@dataclass(frozen=True)
class Declaration:
    """All leaves in order, and the hyper-parameters with their values."""

    arguments: tuple[Argument, ...]
    hyper: tuple[tuple[str, Any], ...]


def read_signature(function: Callable[..., Any], hyper: Mapping[str, Any]) -> Declaration:
    """Read the declaration; `hyper` replaces defaults.

    Raises:
        CellError: no state, `*args`, an annotation that is no shape, an unknown hyper-parameter.
    """
    parameters = inspect.signature(function).parameters
    where = Where(function.__code__.co_filename, function.__code__.co_firstlineno)
    defaults = {k: p.default for k, p in parameters.items() if p.default is not p.empty}
    _check(parameters, defaults, hyper, where)
    values = {**defaults, **hyper}
    counts = {k: v for k, v in values.items() if isinstance(v, int) and not isinstance(v, bool)}
    arguments: list[Argument] = []
    for name, parameter in parameters.items():
        if name not in defaults:
            kind, text = _kind(parameter, bool(arguments))
            arguments.append(Argument(kind, name, _shape(kind, name, text, counts, where)))
    if not any(a.kind == "state" for a in arguments):
        raise CellError(
            "a cell needs an input and at least one state",
            where=where,
            got=f"({', '.join(parameters)})",
            expected="(x, h, *, W, U, b)",
            fix="put the states after the input and the parameters after a lone *",
        )
    return Declaration(tuple(arguments), tuple(values.items()))


def default_shape(kind: str, name: str) -> Shape:
    """The shape that follows the letter: W_* [H, I], U_* [H, H], anything else [H]; x is [I]."""
    if kind == "input":
        return (I,)
    if kind == "parameter" and re.match(r"^W(_|$|\d)", name):
        return (H, I)
    if kind == "parameter" and re.match(r"^U(_|$|\d)", name):
        return (H, H)
    return (H,)


def _check(
    parameters: Mapping[str, inspect.Parameter],
    defaults: Mapping[str, Any],
    hyper: Mapping[str, Any],
    where: Where,
) -> None:
    for name, parameter in parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise CellError(
                "a cell takes no *args or **kwargs", where=where, got=name, fix="name every argument"
            )
        if parameter.kind is not parameter.KEYWORD_ONLY and name in defaults:
            raise CellError(
                "a hyper-parameter must be keyword-only",
                where=where,
                got=name,
                fix=f"put {name} after a lone *",
            )
    unknown = [name for name in hyper if name not in defaults]
    if unknown:
        raise CellError(
            "the cell has no such hyper-parameter",
            where=where,
            got=", ".join(unknown),
            expected=", ".join(defaults) or "none",
            fix="give the cell a keyword with a default",
        )


def _kind(parameter: inspect.Parameter, first_seen: bool) -> tuple[str, str]:
    annotation = parameter.annotation
    text = annotation.strip().strip("'\"").strip() if isinstance(annotation, str) else ""
    if parameter.kind is parameter.KEYWORD_ONLY:
        return "parameter", text
    if text.startswith("input"):
        return "input", text.removeprefix("input").strip()
    return ("state" if first_seen else "input"), text


def _shape(kind: str, name: str, text: str, counts: Mapping[str, int], where: Where) -> Shape:
    if not text.startswith("["):
        return default_shape(kind, name)
    try:
        return parse_shape(text, counts)
    except ValueError as fact:
        raise CellError(
            f"the annotation of `{name}` is not a shape",
            where=where,
            got=repr(text),
            expected="'[H, I]' or the like",
            fix=str(fact),
        ) from None
