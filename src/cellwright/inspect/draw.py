"""Pictures of what the analyses give. Floor 5."""

from __future__ import annotations

import polars as pl

from cellwright.errors import SettingError
from cellwright.page.heat import heat
from cellwright.page.plot import plot

MOST = 60  # boxes side by side


def draw(frame: pl.DataFrame, *, title: str = "", log: bool = False) -> str:
    """The columns of a frame over its first one, as an SVG picture in the reader's light or dark.

    Over numbers they are lines; over texts (the words of a sentence) each is a row of boxes, coloured by the
    value that stands in them.

    Args:
        frame: such as `gradient_flow`, `jacobians` or `memory_span` give; select the columns to see.
        title: what is drawn.
        log: a logarithmic vertical axis, for lines.

    Returns:
        The picture's text, to be written to a file or put into a page.

    Raises:
        SettingError: fewer than two columns; a column that is not of numbers; more than 60 texts.

    >>> draw(pl.DataFrame({"step": [0, 1], "h": [0.5, 1.0]}), title="|dL/dh|")[:4]
    '<svg'
    """
    first, *others = frame.columns or [""]
    texts = bool(others) and frame.schema[first] == pl.String
    wrong = [name for name in (others if texts else frame.columns) if not frame.schema[name].is_numeric()]
    if not others or wrong:
        got = f"column {wrong[0]} of {frame.schema[wrong[0]]}" if wrong else f"columns {frame.columns}"
        expected = "a column of numbers or texts, and over it columns of numbers"
        raise SettingError("this frame cannot be drawn", got=got, expected=expected)
    columns = {name: frame[name].to_list() for name in others}
    if not texts:
        return plot(title, frame[first].to_list(), columns, x_label=first, log=log)
    if len(frame) > MOST:
        raise SettingError("too many texts side by side", got=len(frame), expected=f"at most {MOST}")
    return heat(title, frame[first].to_list(), columns)
