"""The exceptions of Cellwright. Floor 0: imports nothing.

Every message is one line that says what is wrong, where, what was got, what was expected, and what to do.

    CellwrightError
    ├── UserError            a mistake of the user's: the command line prints it and exits with 2
    │   ├── CellError        the equations of a cell (carries the user's file and line)
    │   ├── ShapeError       a tensor that does not fit a layer (a RuntimeError too, as torch raises)
    │   ├── RoomError        the GPU's memory is too small (a RuntimeError too, as torch raises)
    │   ├── SettingError     an option or argument out of range
    │   │   └── KindError    an argument of another type (a TypeError too)
    │   ├── DataError        a file, a table, a column, a sequence
    │   └── RunError         a run folder: missing, of another version, truncated, tampered with
    └── Interrupted          the user stopped the work; all that was done is saved
"""

from __future__ import annotations


class CellwrightError(Exception):
    """The root: `except CellwrightError` catches all that this library raises on purpose."""


class UserError(CellwrightError, ValueError):
    """A mistake with a cure, as one line: what, where, got, expected, do this.

    Args:
        what: the mistake, a clause without a full stop.
        where: the file, line, column, option or argument it concerns.
        got: the value that was found.
        expected: what would have been accepted.
        fix: what the reader can do about it, an imperative.

    >>> print(DataError("no such column", where="a.csv", got="lable", expected="text, label", fix="mend it"))
    no such column (a.csv): got lable, expected text, label; mend it
    """

    def __init__(
        self,
        what: str,
        *,
        where: object = None,
        got: object = None,
        expected: object = None,
        fix: str | None = None,
    ) -> None:
        self.what, self.where, self.got, self.expected, self.fix = what, where, got, expected, fix
        super().__init__(_sentence(what, where, got, expected, fix))


class CellError(UserError):
    """The equations of a cell cannot be taken; `where` is the user's file and line."""

    @classmethod
    def together(cls, problems: list[CellError]) -> CellError:
        """One error for several mistakes; a single mistake stays as it is."""
        if len(problems) == 1:
            return problems[0]
        return cls(f"{len(problems)} mistakes: " + " | ".join(str(p) for p in problems))


class ShapeError(UserError, RuntimeError):
    """A tensor does not fit: its rank, size, dtype or device. A RuntimeError too, as torch raises."""


class RoomError(UserError, RuntimeError):
    """The GPU's memory is too small for a call: what it needs, and what would fit."""


class SettingError(UserError):
    """An option or argument is out of its range."""


class KindError(SettingError, TypeError):
    """An argument is of another type; a TypeError too.

    >>> print(KindError("bias", 1, "bool"))
    bias should be of type bool, got: int
    """

    def __init__(self, name: str, value: object, expected: str) -> None:
        super().__init__(f"{name} should be of type {expected}, got: {type(value).__name__}")


class DataError(UserError):
    """A file, table, column, text or series cannot be used as it is."""


class RunError(UserError):
    """A run folder cannot be read or written."""


class Interrupted(CellwrightError):  # noqa: N818 - it is not a mistake
    """The user stopped the work (Ctrl-C); the message says where it was saved."""


def _sentence(what: str, where: object, got: object, expected: object, fix: str | None) -> str:
    head = what if where is None else f"{what} ({where})"
    found = ", ".join(
        f"{label} {_one_line(value)}"
        for label, value in (("got", got), ("expected", expected))
        if value is not None
    )
    text = head if not found else f"{head}: {found}"
    return _one_line(text if fix is None else f"{text}; {fix}")


def _one_line(value: object) -> str:
    return " ".join(str(value).split())
