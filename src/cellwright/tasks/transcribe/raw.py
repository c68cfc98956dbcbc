"""Raw sound on a pipe: 16-bit samples, as `arecord -t raw -f S16_LE` writes them. Floor 6.

What was said so far comes out as a line of JSON whenever it changes, and once more at the end. Refuses a WAV
file, whose head is no sound.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedIOBase
from typing import Any

import numpy as np

from cellwright.checkpoint import to_json
from cellwright.errors import DataError, SettingError
from cellwright.stream import Stream
from cellwright.tasks.transcribe.live import LiveSound

PCM = "pcm"
MOST = 1 << 13  # bytes taken at a time; a pipe gives what is there


class Raw:
    """The sound of one pipe.

    Args:
        stream: of a trained transcriber.
        rate: samples a second; None: the run's.

    Raises:
        SettingError: the stream is of another task; no such rate.
    """

    def __init__(self, stream: Stream, rate: int | None = None) -> None:
        if not isinstance(stream.way, LiveSound):
            raise SettingError("raw sound needs a run of the task transcribe", got=repr(stream))
        if rate is not None and rate < 1:
            raise SettingError("no sampling rate", where="--rate", got=rate, expected="samples a second")
        self._stream, self._rate = stream, rate or stream.way.frames.rate
        self.seconds = 0.0

    def answers(self, source: BufferedIOBase) -> Iterator[str]:
        """A line whenever the text changes, and the last one.

        Raises:
            DataError: a WAV file; the rate of an utterance that goes on is another one.
        """
        text, rest = "", b""
        while data := source.read1(MOST):
            if not self.seconds and (rest + data)[:4] in (b"RIFF", b"RIFX"):
                fix = "name it instead, one path in a line, or take its head off"
                raise DataError("the sound begins as a WAV file does", expected="16-bit samples", fix=fix)
            data = rest + data
            whole = len(data) // 2 * 2
            data, rest = data[:whole], data[whole:]
            said = self._pushed({"samples": np.frombuffer(data, "<i2"), "rate": self._rate})
            self.seconds = said["seconds"]
            if said["text"] != text:
                text = said["text"]
                yield to_json(said)
        yield to_json(self._pushed({"end": True}))

    def _pushed(self, item: Any) -> Any:
        return self._stream.push(item)

    def told(self) -> str:
        """What was done, in one line."""
        return f"{self.seconds:g} s of sound heard"
