"""Strings of 2 to 7 spoken digits, made by joining recordings of the free spoken digit data set.

python benchmarks/tasks/digit_strings.py ../shared/data/fsdd FOLDER [--seed 0]

Writes FOLDER/strings.zip with train.csv, valid.csv and test.csv beside it: file, text, speaker. A string is
of one speaker; between two digits lie 0 to 0.1 s of faint noise. Training strings are of the recordings 10 to
49 of each speaker and digit, those for validation of 5 to 9, test strings of 0 to 4, the official test part.
The same seed gives the same bytes.
"""

from __future__ import annotations

import argparse
import csv
import io
import wave
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile, ZipInfo

import numpy as np
import numpy.typing as npt

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
PARTS = {"train": (range(10, 50), 1600), "valid": (range(5, 10), 150), "test": (range(5), 300)}
RATE = 8000
SHORTEST, LONGEST = 2, 7
PAUSE, FAINT = 0.1, 20  # seconds at most, and the spread of 16-bit noise in them

Sound = npt.NDArray[np.int16]


def recordings(data: Path) -> dict[tuple[str, int, int], Sound]:
    """Every recording by speaker, digit and index."""
    found = {}
    with ZipFile(data / "fsdd_recordings.zip") as archive:
        for name in archive.namelist():
            if not name.endswith(".wav"):
                continue
            digit, speaker, index = Path(name).stem.split("_")
            with wave.open(io.BytesIO(archive.read(name))) as file:
                sound = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
            found[speaker, int(digit), int(index)] = sound
    return found


def strings(
    known: dict[tuple[str, int, int], Sound], part: str, seed: int
) -> Iterator[tuple[str, str, Sound]]:
    """(text, speaker, sound) of a part."""
    indices, count = PARTS[part]
    draw = np.random.default_rng([seed, list(PARTS).index(part)])
    for _ in range(count):
        speaker = SPEAKERS[draw.integers(len(SPEAKERS))]
        digits = draw.integers(10, size=draw.integers(SHORTEST, LONGEST + 1)).tolist()
        pieces: list[npt.NDArray[np.floating]] = []
        for digit in digits:
            pieces.append(known[speaker, digit, int(draw.choice(indices))].astype(np.float64))
            pieces.append(draw.normal(0, FAINT, draw.integers(int(PAUSE * RATE) + 1)))
        whole = np.concatenate(pieces[:-1]).round().astype("<i2")
        yield " ".join(WORDS[digit] for digit in digits), speaker, whole


def wav(sound: Sound) -> bytes:
    """A WAV file of 16 bits."""
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(sound.tobytes())
    return held.getvalue()


def write(data: Path, folder: Path, seed: int = 0) -> None:
    """All parts into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    known = recordings(data)
    with ZipFile(folder / "strings.zip", "w") as archive:
        for part in PARTS:
            with (folder / f"{part}.csv").open("w", newline="", encoding="utf-8") as table:
                rows = csv.writer(table, lineterminator="\n")
                rows.writerow(("file", "text", "speaker"))
                for k, (text, speaker, sound) in enumerate(strings(known, part, seed)):
                    name = f"{part}/{k:04}.wav"
                    archive.writestr(ZipInfo(name), wav(sound))
                    rows.writerow((name, text, speaker))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    write(given.data, given.folder, given.seed)
