"""What a unit may follow: properties of a text or a signal, one number a step. Floor 5."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from cellwright.errors import ShapeError

Floats = npt.NDArray[np.float64]

OPENING, CLOSING = "([{（【《〈「『", ")]}）】》〉」』"
QUOTES, QUOTE_OPENS, QUOTE_CLOSES = '"', "“«「『", "”»」』"
TEXT = (
    "in quotes", "bracket depth", "line length", "word length", "capital", "digit", "space", "punctuation",
)  # fmt: skip
NEAR = 5  # steps that a slope and a spread are of


def text_properties(tokens: str | Sequence[str]) -> dict[str, Floats]:
    """Properties of a text after each of its tokens.

    in quotes        1 inside quotation marks
    bracket depth    how many brackets are open
    line length      characters since the line began
    word length      letters and digits since the word began
    capital, digit, space, punctuation    1 where the last character is one

    Args:
        tokens: the text, whose characters are the tokens, or the tokens.

    Returns:
        [T] by name.

    >>> found = text_properties('a (b) "c"')
    >>> found["bracket depth"].astype(int).tolist(), found["in quotes"].astype(int).tolist()
    ([0, 0, 1, 1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 1, 1, 0])
    """
    rows, state = [], _Reading()
    for token in tokens:
        for character in token:
            state.read(character)
        rows.append(state.row())
    table = np.array(rows, dtype=np.float64).reshape(-1, len(TEXT))
    return dict(zip(TEXT, table.T, strict=True))


class _Reading:
    """What is known of a text after a character."""

    def __init__(self) -> None:
        self.quoted, self.depth, self.line, self.word, self.last = False, 0, 0, 0, " "

    def read(self, character: str) -> None:
        """Go on by one character."""
        if character in QUOTES:
            self.quoted = not self.quoted
        elif character in QUOTE_OPENS + QUOTE_CLOSES:
            self.quoted = character in QUOTE_OPENS
        self.depth += character in OPENING
        self.depth = max(0, self.depth - (character in CLOSING))
        self.line = 0 if character == "\n" else self.line + 1
        self.word = self.word + 1 if character.isalnum() else 0
        self.last = character

    def row(self) -> tuple[float, ...]:
        """The properties, in the order of TEXT."""
        last = self.last
        kinds = (last.isupper(), last.isdigit(), last.isspace(), not (last.isalnum() or last.isspace()))
        return (self.quoted, self.depth, self.line, self.word, *kinds)


def signal_properties(x: npt.ArrayLike, names: Sequence[str] | None = None) -> dict[str, Floats]:
    """Properties of a signal at each step, of the past alone.

    level     the value
    change    from the step before
    trend     the slope of a line through the last 5 values
    spread    the standard deviation of the last 5 values
    and, once, `time`: the step's number

    Args:
        x: [T] or [T, C].
        names: of the channels, to be written before each property; numbers from 1 unless given.

    Returns:
        [T] by name.

    Raises:
        ShapeError: neither [T] nor [T, C], or no step.

    >>> signal_properties([0.0, 2.0, 4.0, 6.0, 8.0, 10.0])["trend"].round(6).tolist()[-2:]
    [2.0, 2.0]
    """
    values = np.asarray(x, dtype=np.float64)
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or len(values) == 0:
        raise ShapeError("this is no signal", got=f"shape {list(values.shape)}", expected="[T] or [T, C]")
    named = names or [str(k + 1) for k in range(values.shape[1])]
    found: dict[str, Floats] = {}
    for name, channel in zip(named, values.T, strict=True):
        before = f"{name}: " if values.shape[1] > 1 or names else ""
        found |= {before + name: value for name, value in _of_channel(channel).items()}
    return found | {"time": np.arange(len(values), dtype=np.float64)}


def _of_channel(values: Floats) -> dict[str, Floats]:
    # Before the first step the signal counts as resting at its first value.
    padded = np.concatenate([np.full(NEAR - 1, values[0]), values])
    near = sliding_window_view(padded, NEAR)
    steps = np.arange(NEAR) - (NEAR - 1) / 2
    slope = near @ steps / (steps @ steps)
    return {
        "level": values,
        "change": np.diff(values, prepend=values[0]),
        "trend": slope,
        "spread": near.std(axis=1),
    }
