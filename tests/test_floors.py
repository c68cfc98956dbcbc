"""Imports go strictly down: the floors of the house, from the files themselves."""

import ast
from pathlib import Path

import pytest

import cellwright

ROOT = Path(cellwright.__file__).parent
FLOORS = {
    "errors": -1, "config": 0, "checkpoint": 0,
    "compiler": 1,
    "cells": 2, "backends": 2,
    "runtime": 3,
    "nn": 4, "page": 4,
    "stream": 5, "inspect": 5, "export": 5, "description": 5, "display": 5, "samples": 5,
    "tasks": 6, "testing": 6,
    "cli": 7, "__main__": 8,
    "__init__": 8,
}  # fmt: skip
FILES = sorted(ROOT.rglob("*.py"))


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def imports(file: Path) -> set[str]:
    """Every cellwright module a file imports, at any depth of its code."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative imports hide the floors"
            names = (
                {f"cellwright.{alias.name}" for alias in node.names} if node.module == "cellwright" else set()
            )
            found |= names or {node.module or ""}
    return {name for name in found if name.split(".")[0] == "cellwright"}


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_imports_go_down(file: Path) -> None:
    own = file.relative_to(ROOT).parts[0].removesuffix(".py")
    for name in imports(file):
        other = room(name)
        if other in FLOORS:
            assert other == own or FLOORS[other] < FLOORS[own], f"{own} must not import {name}"
        else:
            # A name of the front door, such as `from cellwright import cell`: only for the floors above all.
            assert FLOORS[own] >= 8, f"{own} must import {name} from the room it lives in"


def test_every_room_has_a_floor() -> None:
    rooms = {p.relative_to(ROOT).parts[0].removesuffix(".py") for p in FILES}
    assert rooms <= set(FLOORS)


def test_the_compiler_never_imports_torch() -> None:
    for file in (ROOT / "compiler").rglob("*.py"):
        assert "import torch" not in file.read_text(), file


def test_files_stop_at_400_lines() -> None:
    long = [str(f.relative_to(ROOT)) for f in FILES if len(f.read_text().splitlines()) > 400]
    assert not long
