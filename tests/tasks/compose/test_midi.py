"""A MIDI file, read back by a reader of its own, byte by byte from the standard."""

from __future__ import annotations

import numpy as np
import pytest

from cellwright.tasks.compose.midi import LOWEST, TICKS, _length, midi


def played(raw: bytes) -> tuple[float, int, list[tuple[int, int, int]]]:
    """Seconds of a quarter, ticks at the end, and (note, first tick, last tick) of every note."""
    assert raw[:4] == b"MThd"
    assert [int.from_bytes(raw[a:b], "big") for a, b in ((4, 8), (8, 10), (10, 12), (12, 14))] == [
        6,
        0,
        1,
        TICKS,
    ]
    assert raw[14:18] == b"MTrk"
    body = raw[22:]
    assert int.from_bytes(raw[18:22], "big") == len(body)
    at = now = 0
    quarter, open_, notes = 0.0, {}, []
    while at < len(body):
        ticks = 0
        while body[at] & 0x80:
            ticks, at = ticks << 7 | body[at] & 0x7F, at + 1
        ticks, at = ticks << 7 | body[at], at + 1
        now += ticks
        kind = body[at]
        if kind == 0xFF:
            what, size = body[at + 1 : at + 3]
            if what == 0x51:
                quarter = int.from_bytes(body[at + 3 : at + 3 + size], "big") / 1e6
            elif what == 0x2F:
                assert at + 3 == len(body)
            at += 3 + size
        elif kind == 0xC0:
            at += 2
        elif kind == 0x90:
            assert body[at + 1] not in open_ and body[at + 2] > 0
            open_[body[at + 1]], at = now, at + 3
        else:
            assert kind == 0x80
            notes.append((body[at + 1], open_.pop(body[at + 1]), now))
            at += 3
    assert not open_
    return quarter, now, sorted(notes)


def test_what_is_written_is_what_is_played() -> None:
    roll = (np.random.default_rng(0).random((40, 88)) < 0.1).astype(np.float32)
    roll[7] = 0
    quarter, end, notes = played(midi(roll, tempo=120))
    assert (quarter, end) == (0.5, 40 * TICKS)
    again = np.zeros_like(roll)
    for note, first, last in notes:
        assert first % TICKS == last % TICKS == 0
        again[first // TICKS : last // TICKS, note - LOWEST] += 1
    assert (again == roll).all()


def test_a_key_that_goes_on_is_one_long_note() -> None:
    roll = np.zeros((5, 88))
    roll[1:4, 39] = 1
    assert played(midi(roll))[2] == [(60, TICKS, 4 * TICKS)]


@pytest.mark.parametrize(
    ("ticks", "written"), [(0, "00"), (127, "7f"), (128, "8100"), (8192, "c000"), (0x1FFFFF, "ffff7f")]
)
def test_lengths_as_in_the_standard(ticks: int, written: str) -> None:
    assert _length(ticks).hex() == written
