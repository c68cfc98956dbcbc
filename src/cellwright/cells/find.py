"""A cell by its name, or out of the user's own file. Floor 2."""

from __future__ import annotations

import ast
import difflib
import importlib.util
import sys
from pathlib import Path

from cellwright.compiler.trace import Cell
from cellwright.errors import CellError


def all() -> dict[str, Cell]:
    """Every cell of the library by name, in alphabetical order."""
    library = sys.modules["cellwright.cells"]
    return {
        name: value for name in sorted(vars(library)) if isinstance(value := getattr(library, name), Cell)
    }


def get(name: str) -> Cell:
    """A cell of the library (`"lstm"`), with hyper-parameters (`"elman(nonlinearity='relu')"`), or of a file
    (`"my_cells.py:fast"`; the file is the user's own program and is run).

    Raises:
        CellError: no such cell (the nearest is suggested), no such file, or the file cannot be run.

    >>> get("elman(nonlinearity='relu')").graph.hyper
    (('nonlinearity', 'relu'),)
    """
    base, hyper = _split(name)
    found = _from_file(base) if ".py" in base else _from_library(base)
    return found.configure(**hyper) if hyper else found


def _split(name: str) -> tuple[str, dict[str, object]]:
    if not name.endswith(")"):
        return name, {}
    try:
        call = ast.parse(name[name.index("(") :].replace("(", "f(", 1), mode="eval").body
        if not isinstance(call, ast.Call) or call.args or any(k.arg is None for k in call.keywords):
            raise ValueError(name)
        hyper = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
    except (SyntaxError, ValueError):
        raise CellError(
            "the hyper-parameters of the cell cannot be read",
            got=name,
            expected="NAME(key=value, ...)",
            fix="write values as Python numbers or quoted strings",
        ) from None
    return name[: name.index("(")], hyper


def _from_library(name: str) -> Cell:
    library = all()
    if name in library:
        return library[name]
    near = difflib.get_close_matches(name, library, 3, 0.5)
    some = ", ".join(near or ["elman", "gru", "lstm"])
    raise CellError(
        "unknown cell",
        got=name,
        expected=f"one of {len(library)} such as {some}, or FILE.py:NAME",
        fix=f"did you mean {near[0]}?" if near else "`cellwright show` lists them",
    )


def _from_file(reference: str) -> Cell:
    file, _, name = reference.rpartition(":") if ".py:" in reference else (reference, "", "")
    path = Path(file)
    if not path.is_file():
        raise CellError("no such file of cells", where=file, fix="give FILE.py:NAME, the file's path first")
    spec = importlib.util.spec_from_file_location(f"cells_of_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except CellError:
        raise
    except Exception as mistake:
        raise CellError(
            "the file of cells cannot be run",
            where=file,
            got=f"{type(mistake).__name__}: {mistake}",
            fix="mend it",
        ) from mistake
    own = {k: v for k, v in vars(module).items() if isinstance(v, Cell)}
    if name in own or (not name and len(own) == 1):
        return own[name] if name else next(iter(own.values()))
    raise CellError(
        "the file has no such cell",
        where=file,
        got=name or "no name",
        expected=", ".join(own) or "an @cell function",
    )
