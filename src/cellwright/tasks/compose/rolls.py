"""Pieces of music as piano rolls: which of 88 keys sound at every step; from JSON files. Floor 6.

A piece is a list of steps, a step a list of keys, 0 (A0, MIDI note 21) to 87. Refuses what is no such list,
keys out of range, and pieces of fewer than two steps.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from cellwright.errors import DataError
from cellwright.tasks.data import Source, resolve, split_examples
from cellwright.tasks.data.source import file_of, read_utf8, shown

KEYS = 88
PART = ":"  # between a file and the part of it
Roll: TypeAlias = npt.NDArray[np.float32]
EXPECTED = "[piece, ...] or {part: [piece, ...]}; a piece is [[key, ...] for each step]"


@dataclass(frozen=True)
class Rolls:
    """Pieces, each [T, 88] of 0 and 1.

    Attributes:
        pieces: at least two steps each.
        note: one line about the file; empty for data from memory.
        place: the file's name, for messages.
    """

    pieces: Sequence[Roll]
    note: str = ""
    place: str = ""

    def __len__(self) -> int:
        return len(self.pieces)

    def some(self, index: Iterable[int]) -> Rolls:
        """The pieces at these places."""
        return replace(self, pieces=[self.pieces[int(k)] for k in index])

    def split(self, share: float, seed: int) -> tuple[Rolls, Rolls]:
        """(rest, held out), whole pieces.

        Raises:
            DataError: fewer than two pieces.
        """
        rest, held = split_examples(len(self), None, (1 - share, share), seed)
        return self.some(rest), self.some(held)


def read(data: Any) -> Rolls:
    """The pieces of a JSON file, all of them or those of one part: `FILE.json:train`.

    Raises:
        DataError: no JSON, no pieces, no such part, keys out of range.
    """
    name, part = _parted(data)
    source = resolve(name)
    place = shown(source) + (PART + part if part else "")
    try:
        found = json.loads(read_utf8(file_of(source)))
    except (ValueError, RecursionError) as error:
        raise DataError("no JSON", where=shown(source), got=error, expected=EXPECTED) from None
    said = ""
    if isinstance(found, dict):
        if part and part not in found:
            raise DataError(
                "no such part", where=shown(source), got=part, expected=", ".join(map(str, found))
            )
        chosen = {part: found[part]} if part else found
        wrong = next((name for name, value in chosen.items() if not isinstance(value, list)), None)
        if wrong is not None:
            raise DataError("a part that is no list of pieces", where=f"{place}, {wrong}", expected=EXPECTED)
        pieces = [piece for value in chosen.values() for piece in value]
        said = "" if part else f", the parts {', '.join(found)} together (one: {shown(source)}:NAME)"
    elif part:
        raise DataError("the file has no parts", where=shown(source), got=part, expected=EXPECTED)
    else:
        pieces = found
    rolls = normal(pieces, place)
    steps = sum(map(len, rolls.pieces))
    return replace(rolls, note=f"{len(rolls):,} pieces, {steps:,} steps of {place}{said}")


def normal(X: Any, place: str = "X") -> Rolls:
    """Pieces in normal form: lists of steps, each a list of keys; or arrays [T, 88] of 0 and 1.

    Raises:
        DataError: as `read`.
    """
    if isinstance(X, Rolls):
        return X
    if not isinstance(X, (list, tuple)):
        raise DataError("no pieces", where=place, got=type(X).__name__, expected=EXPECTED)
    if not X:
        raise DataError("there are no pieces", where=place, got=0, expected="at least one")
    return Rolls([_roll(piece, f"{place}, piece {k}") for k, piece in enumerate(X, start=1)], place=place)


def keys_of(roll: npt.NDArray[Any]) -> list[list[int]]:
    """The keys that sound at each step of [T, 88].

    >>> keys_of(_roll([[3, 7], []], "a piece"))
    [[3, 7], []]
    """
    return [np.flatnonzero(step).tolist() for step in roll]


def _roll(piece: Any, where: str) -> Roll:
    if isinstance(piece, np.ndarray):
        if piece.ndim != 2 or piece.shape[1] != KEYS or not np.isin(piece, (0, 1)).all():
            raise DataError(
                "no piano roll", where=where, got=list(piece.shape), expected=f"[T, {KEYS}] of 0, 1"
            )
        steps = keys_of(piece)
    else:
        if not isinstance(piece, (list, tuple)):
            raise DataError(
                "a piece that is no list of steps", where=where, got=_short(piece), expected=EXPECTED
            )
        steps = list(piece)
    if len(steps) < 2:
        what = "an empty piece" if not steps else "a piece of one step"
        raise DataError(what, where=where, expected="two steps at least", fix="take it out")
    roll = np.zeros((len(steps), KEYS), dtype=np.float32)
    for k, step in enumerate(steps, start=1):
        if not isinstance(step, (list, tuple)):
            raise DataError("a step that is no list of keys", where=f"{where}, step {k}", got=_short(step))
        for key in step:
            if isinstance(key, bool) or not isinstance(key, (int, np.integer)):
                raise DataError("a key that is no whole number", where=f"{where}, step {k}", got=_short(key))
            if not 0 <= key < KEYS:
                raise DataError(
                    "a key out of range",
                    where=f"{where}, step {k}",
                    got=int(key),
                    expected=f"0 to {KEYS - 1}",
                    fix="take 21 off MIDI notes",
                )
            roll[k - 1, key] = 1.0
    return roll


def _parted(data: Any) -> tuple[str | Path | Source, str]:
    """A file's name and the part after its last colon, unless a file is called so."""
    text = str(data) if isinstance(data, (str, Path)) else ""
    name, mark, part = text.rpartition(PART)
    if mark and name and part and "/" not in part and not Path(text).expanduser().exists():
        return name, part
    return data, ""


def _short(value: Any) -> str:
    return repr(value)[:40]
