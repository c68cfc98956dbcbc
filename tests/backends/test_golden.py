"""The emitted text of every cell, as it was last looked at: `pytest tests/backends/test_golden.py --update-golden`.

The text is the same for every size, so one per cell is enough. `elman` is kept whole; of the others the
equations and the steps of both routines, since what stands around them follows from the same few templates.
"""

from __future__ import annotations

import difflib
import re
from pathlib import Path

import pytest

import cellwright as cw

FOLDER = Path(__file__).resolve().parents[1] / "golden"
LIBRARY = cw.cells.all()
WHOLE = "elman"
# Around the steps: types, panels, the loops over time, the entries. Whatever else comes to stand there is kept.
AROUND = re.compile(
    r'typedef|template|INLINE|struct|static int64_t place_panels|extern "C"'
    r"|static void ((read|pack_panels)|(forward|backward)_through_time)"
)
STEP = re.compile(r"^static void (forward|backward)_\d+\(", re.M)


def golden(name: str) -> str:
    """What is kept of a cell's text."""
    text = cw.show(LIBRARY[name], "cpp").strip() + "\n"
    if name == WHOLE:
        return text
    kept = []
    for piece in re.split(r"\n{2,}", text):
        code = [line for line in piece.splitlines() if not line.startswith("//")]
        if not code or not AROUND.match(code[0]):
            kept.append(piece.strip())
    return "\n\n".join(kept) + "\n"


def changes(was: str, now: str, name: str, most: int = 60) -> str:
    """The lines that differ, none if none do."""
    lines = list(difflib.unified_diff(was.splitlines(), now.splitlines(), f"{name}.cpp", "emitted now", n=1))
    more = [f"... and {len(lines) - most} more lines"] if len(lines) > most else []
    return "\n".join([*lines[:most], *more])


@pytest.mark.parametrize("name", LIBRARY)
def test_emitted_text(name: str, update_golden: bool) -> None:
    file, now = FOLDER / f"{name}.cpp", golden(name)
    assert {found[1] for found in STEP.finditer(now)} == {"forward", "backward"}
    if update_golden:
        FOLDER.mkdir(exist_ok=True)
        file.write_text(now, encoding="utf-8")
    assert file.exists(), f"{file} is missing: run with --update-golden and look at what it wrote"
    differ = changes(file.read_text(encoding="utf-8"), now, name)
    assert not differ, f"the emitted text changed; if it should have, run with --update-golden\n{differ}"


def test_no_text_is_left_of_a_cell_that_is_gone(update_golden: bool) -> None:
    gone = [file for file in FOLDER.glob("*") if file.stem not in LIBRARY or file.suffix != ".cpp"]
    if update_golden:
        for file in gone:
            file.unlink()
        return
    assert not gone


def test_the_steps_stand_in_the_text_and_little_else() -> None:
    for name in ("lstm", "slstm"):
        whole, kept = cw.show(LIBRARY[name], "cpp"), golden(name)
        assert set(kept.splitlines()) <= set(whole.splitlines())
        assert STEP.findall(kept) == STEP.findall(whole)
        assert "tanh_(" in kept and "through_time" not in kept and "\nstruct" not in kept


def test_one_changed_line_is_shown() -> None:
    was = golden("lstm")
    now = was.replace("tanh_(", "sigmoid_(", 1)
    shown = changes(was, now, "lstm").splitlines()
    assert [line[0] for line in shown if line[1:2] == " "].count("-") == 1
    assert any(line.startswith("+") and "sigmoid_(" in line for line in shown)
    assert changes(was, was, "lstm") == ""
