"""A live stream by lines: one in, one out, JSON or CSV, whichever the first line is. Floor 6.

A line that cannot be used is answered by a line that says so, and the stream goes on. {"reset": true}, or the
plain line `reset`, begins anew.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

from cellwright.checkpoint import to_json
from cellwright.errors import DataError, SettingError, UserError
from cellwright.stream import Stream
from cellwright.tasks.live import Live

Form = Literal["auto", "json", "csv"]
FORMS: tuple[Form, ...] = ("auto", "json", "csv")
NOTE = "note"
RESET = "reset"
_JSON = ("{", "[", '"')
LONGEST = 1 << 24  # bytes of a line


class Lines:
    """The lines of one stream.

    Args:
        stream: of a trained model.
        form: `json`, `csv` (where a task reads texts, a line is the text), `auto`: the first line decides.

    Raises:
        SettingError: no such form, or the stream is not of a trained model.
    """

    def __init__(self, stream: Stream, form: str = "auto") -> None:
        live = stream.way
        if not isinstance(live, Live):
            raise SettingError("lines need a stream of a trained model", got=repr(stream))
        if form not in FORMS:
            raise SettingError("no such form of lines", got=form, expected=", ".join(FORMS))
        self.live, self.stream, self.form = live, stream, form
        self.taken = self.refused = 0

    def answers(self, lines: Iterable[bytes]) -> Iterator[str]:
        """What is said to each line, one after the other."""
        return map(self.answer, lines)

    def told(self) -> str:
        """What was done, in one line."""
        return f"{self.taken} lines answered, {self.refused} of them refused"

    def answer(self, line: bytes) -> str:
        """What is said to one line, without its end."""
        self.taken += 1
        try:
            text = _decoded(line)
            if self.form == "auto":
                self.form = "json" if text.lstrip().startswith(_JSON) else "csv"
            return self._json(text) if self.form == "json" else self._plain(text)
        except UserError as error:
            self.refused += 1
            said = f"line {self.taken}: {error}"
            if self.form == "csv":
                return _csv([*[""] * len(self.live.heads), f"error: {said}"])
            return to_json({"error": said})

    def _json(self, text: str) -> str:
        item = _parsed(text)
        if isinstance(item, dict) and item.get(RESET) is True:
            if len(item) > 1:
                raise DataError("a reset stands alone", got=", ".join(item), expected='{"reset": true}')
            self.stream.reset()
            return to_json({RESET: True})
        return to_json(self.stream.push(item))

    def _plain(self, text: str) -> str:
        if text.strip() == RESET:
            self.stream.reset()
            return _csv([*[""] * len(self.live.heads), RESET])
        item = self.live.item(text)
        if item is None:
            return _csv([*self.live.heads, NOTE])
        answer = self.stream.push(item)
        note = f"needs {answer['needs']} more" if "needs" in answer else ""
        return _csv([*self.live.cells(answer), note])


def _decoded(line: bytes) -> str:
    if len(line) >= LONGEST:
        raise DataError(
            "the line is too long", got=f"{len(line)} bytes or more", expected=f"less than {LONGEST}"
        )
    try:
        return line.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise DataError("not UTF-8", got=f"byte {line[error.start]:#04x} at {error.start + 1}") from None


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        got = repr(text[:40]) if text.strip() else "an empty line"
        raise DataError("no JSON", got=f"{got} ({error})", expected="one JSON value in a line") from None


def _csv(cells: Sequence[Any]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow([f"{c:.7g}" if isinstance(c, float) else c for c in cells])
    return text.getvalue().replace("\n", " ")
