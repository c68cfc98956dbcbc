"""A piano roll as a standard MIDI file that any player plays. Floor 6.

Format 0: one track, a tempo, a piano. A key that sounds in steps that follow each other is one long note.
Refuses nothing: the caller checks its settings.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

LOWEST = 21  # the MIDI note of key 0
TICKS = 480  # of a step
LOUD = 80
_ON, _OFF, _PIANO = 0x90, 0x80, b"\xc0\x00"


def midi(roll: npt.NDArray[Any], tempo: float = 100.0) -> bytes:
    """The bytes of a MIDI file.

    Args:
        roll: [T, 88] of 0 and 1.
        tempo: steps in a minute, 4 to 1000.

    >>> midi(np.zeros((1, 88)))[:4]
    b'MThd'
    """
    micro = round(60e6 / tempo)
    track = [b"\x00\xff\x51\x03" + micro.to_bytes(3, "big"), b"\x00" + _PIANO]
    now = 0
    for step, kind, key in _events(roll):
        at = step * TICKS
        track.append(_length(at - now) + bytes((kind, LOWEST + key, LOUD if kind == _ON else 0)))
        now = at
    track.append(_length(len(roll) * TICKS - now) + b"\xff\x2f\x00")
    body = b"".join(track)
    head = b"MThd" + struct.pack(">IHHH", 6, 0, 1, TICKS)
    return head + b"MTrk" + struct.pack(">I", len(body)) + body


def _events(roll: npt.NDArray[Any]) -> Iterator[tuple[int, int, int]]:
    """Where keys are pressed and let go: (step, kind, key); let go first."""
    silent = np.zeros((1, roll.shape[1]))
    change = np.diff(np.concatenate((silent, roll != 0, silent)), axis=0)
    for step, row in enumerate(change):
        for kind, sign in ((_OFF, -1), (_ON, 1)):
            for key in np.flatnonzero(row == sign).tolist():
                yield step, kind, key


def _length(ticks: int) -> bytes:
    """A number in MIDI's variable length: 7 bits a byte, the highest bit says that more follow."""
    found = [ticks & 0x7F]
    while ticks := ticks >> 7:
        found.append(ticks & 0x7F | 0x80)
    return bytes(reversed(found))
