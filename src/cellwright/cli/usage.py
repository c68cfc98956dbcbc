"""Mistakes in the options themselves, as our one line instead of Typer's usage text. Floor 7."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from cellwright.errors import SettingError


def unknown(kind: str, got: str, known: Iterable[str], otherwise: str) -> SettingError:
    """The error for a verb, task or option that is not there; it names the nearest.

    >>> print(unknown("verb", "trian", ["train", "show"], "see cellwright --help"))
    no such verb: got trian, expected train, show; did you mean train?
    """
    known = list(known)
    near = difflib.get_close_matches(got, known, n=1)
    fix = f"did you mean {near[0]}?" if near else otherwise
    return SettingError(f"no such {kind}", got=got, expected=", ".join(known), fix=fix)


def usage_line(error: BaseException) -> str | None:
    """One line for an error of Typer's parser; None for any other error.

    Typer's errors are known by what they offer: `format_message` and a context with its command.
    """
    if not hasattr(error, "format_message"):
        return None
    context = getattr(error, "ctx", None)
    where = context.command_path if context is not None else "cellwright"
    if hasattr(error, "option_name") and "no such option" in str(error.format_message()).lower():
        return _no_such_option(str(error.option_name), context, where)
    text = " ".join(str(error.format_message()).split()).rstrip(".")
    return f"{text[:1].lower()}{text[1:]}; see {where} --help"


def _no_such_option(name: str, context: Any, where: str) -> str:
    known = [option for parameter in context.command.params for option in parameter.opts if option[:1] == "-"]
    near = difflib.get_close_matches(name, known, n=1)
    fix = f"did you mean {near[0]}?" if near else f"see {where} --help"
    return f"no such option ({where}): got {name}; {fix}"
