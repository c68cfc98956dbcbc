"""The bundled samples: small data everybody may share, found by name.

Two are public facts as CSV files, two are made by us (`word_order`, and `worlds`, a text without a file), one
is the prose of the Python documentation that lies in every Python (`pydoc`, likewise). Refuses names it does
not know.
Floor 5; imports the standard library and `cellwright.errors` only.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

from cellwright.errors import DataError
from cellwright.samples import worlds


@dataclass(frozen=True)
class Sample:
    """One bundled sample: its task, its file (None: made on demand), what it holds, where it is from."""

    name: str
    task: str
    file: str | None
    about: str
    origin: str


_SAMPLES = (
    Sample(
        "air_passengers",
        "forecast",
        "air_passengers.csv",
        "144 months of airline passengers (thousands), 1949-1960: trend and a growing season of 12",
        "public facts (Box and Jenkins 1970, series G)",
    ),
    Sample(
        "sunspots",
        "forecast",
        "sunspots.csv",
        "309 years of mean sunspot numbers, 1700-2008: a cycle of about 11 years",
        "public domain (Royal Observatory of Belgium, by way of statsmodels)",
    ),
    Sample(
        "pydoc",
        "generate",
        None,
        "the prose of the Python documentation, as this Python carries it (about half a million characters)",
        "the pydoc_data module of the running Python (PSF licence; read, not copied)",
    ),
    Sample(
        "word_order",
        "classify",
        "word_order.csv",
        "Chinese and English sentences, each with its mirror: only the order of the words tells the label",
        "made by cellwright.samples.word_order (Apache-2.0)",
    ),
    Sample(
        "worlds",
        "answer",
        None,
        "2,000 questions about stories, in bAbI's format: where is she, who gave it, yes or no, how many",
        "made by cellwright.samples.worlds (Apache-2.0)",
    ),
)


def names() -> tuple[str, ...]:
    """The names of the samples, in alphabetical order.

    >>> names()
    ('air_passengers', 'pydoc', 'sunspots', 'word_order', 'worlds')
    """
    return tuple(sorted(sample.name for sample in _SAMPLES))


def describe() -> tuple[Sample, ...]:
    """Every sample with its task, contents and origin, by name."""
    return tuple(sorted(_SAMPLES, key=lambda sample: sample.name))


def get(name: str) -> Sample:
    """The sample of this name. Raises `DataError` (naming the nearest) where there is none."""
    for sample in _SAMPLES:
        if sample.name == name:
            return sample
    near = difflib.get_close_matches(name, names(), n=1)
    fix = f"did you mean {near[0]}?" if near else None
    raise DataError("no such sample", got=name, expected=", ".join(names()), fix=fix)


def path(name: str) -> Path:
    """The file of a sample. Raises `DataError` for one that has no file (`pydoc`, `worlds`)."""
    sample = get(name)
    if sample.file is None:
        raise DataError("this sample is a text without a file", got=name, fix=f'use samples.text("{name}")')
    return Path(__file__).parent / sample.file


def text(name: str) -> str:
    """The text of a sample: its file's; of `pydoc` the prose this Python carries; `worlds` is made.

    The text of `pydoc` differs a little from one version of Python to the next.
    """
    if get(name).file is not None:
        return path(name).read_text(encoding="utf-8")
    if name == "worlds":
        return worlds.babi(told for kind in worlds.SHORT for told in worlds.questions(kind, 500))
    from pydoc_data.topics import topics  # half a megabyte, read only when asked for

    return "\n\n".join(topics[topic].strip() for topic in sorted(topics)) + "\n"
