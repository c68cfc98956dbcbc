"""WAV files and samples in memory, as recordings of one channel between -1 and 1. Floor 6.

Whole numbers of 8, 16, 24 and 32 bits, floats of 32 and 64; channels are averaged. Refuses what is no WAV,
one that is cut short, one packed otherwise (mu-law, ADPCM), and samples that are not finite.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
import numpy.typing as npt
from scipy.io import wavfile

from cellwright.errors import DataError
from cellwright.tasks.data.source import read_bytes

Samples = npt.NDArray[np.float32]

QUIET = 1e-4  # a loudest sample below it is silence: 80 dB under full scale
FULL, CLIPPED = 0.999, 0.001  # a share of samples at full scale above which sound is clipped
ENDLESS = (0, 0xFFFFFFFF, 0x7FFFFFFF)  # sizes that a program writes that does not know the end yet


@dataclass(frozen=True)
class Recording:
    """A recording: what is known of it, and where its samples are.

    Attributes:
        name: its file as a table would name it.
        rate: samples a second.
        length: samples of a channel.
        path: the file, or its name in the archive.
        archive: that it is in, kept open.
        values: the samples, where they are in memory.
        channels: that are averaged.
        silent, clipped: what is wrong with it.
    """

    name: str
    rate: int
    length: int
    path: str | Path = ""
    archive: ZipFile | None = None
    values: Samples | None = None
    channels: int = 1
    silent: bool = False
    clipped: bool = False

    def samples(self) -> Samples:
        """The samples [T], -1 to 1, read again where they are in a file."""
        if self.values is not None:
            return self.values
        return decoded(_stored(self.path, self.archive), self.name)[1]


def of_file(path: str | Path, name: str, archive: ZipFile | None = None) -> Recording:
    """What is known of a WAV file, or of one in a zip archive.

    Raises:
        DataError: it cannot be used; the message has its name.
    """
    rate, samples, channels = decoded(_stored(path, archive), name)
    return Recording(name, rate, len(samples), path, archive, None, channels, *_flaws(samples))


def of_values(values: Any, rate: int, name: str) -> Recording:
    """Samples in memory: floats between -1 and 1, or the whole numbers of a WAV file; [T] or [T, channels].

    Raises:
        DataError: no numbers, another shape, not finite.
    """
    try:
        x = np.asarray(values)
        scaled, channels = mono(x, name)
    except (TypeError, ValueError) as error:
        raise DataError("no sound", where=name, got=error, expected="samples [T], -1 to 1") from None
    return Recording(name, rate, len(scaled), "", None, scaled, channels, *_flaws(scaled))


def decoded(data: bytes, name: str) -> tuple[int, Samples, int]:
    """The rate, the samples of the averaged channels [T], and how many channels there were.

    Raises:
        DataError: no WAV, cut short, packed in a way that is not read, not finite.
    """
    if data[:4] not in (b"RIFF", b"RIFX", b"RF64") or data[8:12] != b"WAVE":
        fix = "convert it, say by: ffmpeg -i FILE FILE.wav"
        raise DataError("not a WAV file", where=name, got=repr(data[:12]), expected="RIFF....WAVE", fix=fix)
    _refuse_cut(data, name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wavfile.WavFileWarning)  # chunks besides the sound
            rate, values = wavfile.read(io.BytesIO(data))
    except (ValueError, struct.error, TypeError, EOFError, KeyError, IndexError, ZeroDivisionError) as error:
        raise DataError(
            "the WAV file cannot be read",
            where=name,
            got=error,
            expected="whole numbers of 8 to 32 bits, or floats",
            fix="convert it, say by: ffmpeg -i FILE -c:a pcm_s16le OTHER.wav",
        ) from None
    if rate < 1:
        raise DataError("the WAV file has no sampling rate", where=name, got=rate)
    samples, channels = mono(values, name)
    return int(rate), samples, channels


def mono(values: npt.NDArray[Any], name: str) -> tuple[Samples, int]:
    """The mean of the channels [T], -1 to 1, and how many there were.

    >>> mono(np.array([[16384, 0], [-32768, -32768]], dtype=np.int16), "x")[0].tolist()
    [0.25, -1.0]
    """
    if values.ndim not in (1, 2) or values.dtype.kind not in "iuf":
        raise DataError(
            "no sound", where=name, got=f"{values.dtype} {list(values.shape)}", expected="samples [T]"
        )
    x = values.astype(np.float64)
    if values.dtype.kind == "u":
        x = (x - (1 << 8 * values.dtype.itemsize - 1)) / (1 << 8 * values.dtype.itemsize - 1)
    elif values.dtype.kind == "i":
        x = x / (1 << 8 * values.dtype.itemsize - 1)
    if not np.isfinite(x).all():
        bad = int(np.argmax(~np.isfinite(x.reshape(len(x), -1)).all(axis=1)))
        raise DataError(
            "samples that are no finite numbers", where=name, got=f"sample {bad + 1}", fix="mend the file"
        )
    channels = 1 if x.ndim == 1 else x.shape[1]
    return (x if x.ndim == 1 else x.mean(axis=1)).astype(np.float32), channels


def _stored(path: str | Path, archive: ZipFile | None) -> bytes:
    """The bytes of a file, or of one in an archive."""
    if archive is None:
        return read_bytes(Path(path))
    try:
        return archive.read(str(path))
    except (BadZipFile, OSError, RuntimeError, NotImplementedError, zlib.error) as error:
        where = f"{archive.filename}, {path}"
        raise DataError("the archive is damaged", where=where, got=error, fix="pack it again") from None


def _refuse_cut(data: bytes, name: str) -> None:
    """Walk from chunk to chunk: what the file says it holds must be there."""
    order, at, found = (">" if data[:4] == b"RIFX" else "<"), 12, False
    while at + 8 <= len(data):
        kind, (size,) = data[at : at + 4], struct.unpack(order + "I", data[at + 4 : at + 8])
        if kind == b"data":
            found = True
            if size not in ENDLESS and at + 8 + size > len(data):
                raise DataError(
                    "the WAV file is cut short",
                    where=name,
                    got=f"{len(data) - at - 8:,} bytes of sound",
                    expected=f"{size:,}",
                    fix="copy it again, or leave it out",
                )
            break
        at += 8 + size + (size & 1)
    if not found:
        raise DataError("the WAV file is cut short", where=name, got="no sound", expected="a data chunk")


def _flaws(samples: Samples) -> tuple[bool, bool]:
    """Whether it is silent, whether it is clipped."""
    if not len(samples):
        return True, False
    size = np.abs(samples)
    return bool(size.max() < QUIET), bool((size >= FULL).mean() > CLIPPED)
