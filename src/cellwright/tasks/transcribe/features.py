"""Sound to what a network hears: frames, a bank of mel filters, the logarithm, perhaps cepstra. Floor 6.

Nothing looks ahead, so that sound in pieces gives the steps of sound at once. Refuses frames without
samples.

Sources: Davis & Mermelstein 1980 (mel-frequency cepstra); O'Shaughnessy 1987 (the mel scale below).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.fft import dct

from cellwright.errors import SettingError
from cellwright.tasks.transcribe.resample import Resampler

Floats = npt.NDArray[np.float64]
KINDS = ("logmel", "mfcc")
FLOOR = 1e-6  # energy of a band below which nothing is heard; full scale is 1
BLOCK = 1 << 16  # samples that are cut into frames at a time


@dataclass(frozen=True)
class Frames:
    """How sound becomes steps.

    Attributes:
        rate: samples a second.
        kind: `logmel`, the logarithm of each band's energy; `mfcc`, the cosine transform of those.
        window, hop: of a frame, in seconds: its length, and from one to the next.
        bands: filters, evenly spaced in mel from 0 Hz to half the rate.
        coefficients: of the cosine transform that are kept, the first ones.
        stack: frames in a step.

    Raises:
        SettingError: a frame or a hop without a sample, more coefficients than bands.
    """

    rate: int
    kind: str = "logmel"
    window: float = 0.025
    hop: float = 0.010
    bands: int = 40
    coefficients: int = 13
    stack: int = 2

    def __post_init__(self) -> None:
        if self.size < 2 or self.stride < 1:
            got = f"window {self.window:g} s, hop {self.hop:g} s at {self.rate} Hz"
            raise SettingError("a frame or a hop has no samples", got=got, fix="give longer ones")
        if self.kind == "mfcc" and self.coefficients > self.bands:
            raise SettingError(
                "coefficients can be no more than bands", got=self.coefficients, expected=f"<= {self.bands}"
            )

    @property
    def size(self) -> int:
        """Samples of a frame."""
        return round(self.window * self.rate)

    @property
    def stride(self) -> int:
        """Samples from one frame to the next."""
        return round(self.hop * self.rate)

    @property
    def points(self) -> int:
        """Points of the Fourier transform: a power of two, so many that low bands hold some."""
        return 1 << (2 * self.size - 1).bit_length()

    @property
    def width(self) -> int:
        """Numbers of a frame."""
        return self.bands if self.kind == "logmel" else self.coefficients

    def frames(self, samples: int) -> int:
        """Frames of so many samples: only whole ones, but for sound shorter than one."""
        return max(1, 1 + (samples - self.size) // self.stride)

    def steps(self, samples: int) -> int:
        """Steps of so many samples.

        >>> Frames(8000).steps(8000), Frames(8000).steps(3)
        (49, 1)
        """
        return -(-self.frames(samples) // self.stack)

    @property
    def seconds(self) -> float:
        """From one step to the next."""
        return self.stack * self.stride / self.rate

    def to_json(self) -> dict[str, Any]:
        """As a run keeps it."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Frames:
        """Of what `to_json` gave."""
        return cls(**data)


def mel(hertz: npt.ArrayLike) -> Floats:
    """2595 log10(1 + f / 700).

    >>> float(mel(1000.0).round(1))
    1000.0
    """
    return np.asarray(2595.0 * np.log10(1.0 + np.asarray(hertz, dtype=np.float64) / 700.0))


def filter_bank(rate: int, points: int, bands: int) -> Floats:
    """Triangles in hertz whose corners are evenly spaced in mel, 1 at the middle [bands, points // 2 + 1].

    >>> filter_bank(8000, 512, 3).max(axis=1).round(2).tolist()
    [0.99, 0.99, 1.0]
    """
    corners = 700.0 * (10.0 ** (np.linspace(0.0, mel(rate / 2), bands + 2) / 2595.0) - 1.0)
    at = np.linspace(0.0, rate / 2, points // 2 + 1)
    low, middle, high = (corners[k : k + bands, None] for k in range(3))
    rising, falling = (at - low) / (middle - low), (high - at) / (high - middle)
    return np.maximum(0.0, np.minimum(rising, falling))


class Ear:
    """Sound as it arrives, in pieces of any length, to steps of stacked frames.

    Args:
        frames: how.
        rate: samples a second of what arrives; resampled to that of the frames.
    """

    def __init__(self, frames: Frames, rate: int | None = None) -> None:
        self.frames, self.rate = frames, rate or frames.rate
        self._resampler = Resampler(self.rate, frames.rate)
        self._window = np.hanning(frames.size + 1)[:-1]
        self._bank = filter_bank(frames.rate, frames.points, frames.bands)
        self.reset()

    def reset(self) -> None:
        """Nothing was heard."""
        self._resampler.reset()
        self._samples = np.zeros(0)
        self._waiting = np.zeros((0, self.frames.width))
        self.heard = 0
        self._any = False

    def push(self, samples: npt.ArrayLike) -> Floats:
        """The steps [n, stack * width] that these samples [T], -1 to 1, complete."""
        x = np.asarray(samples, dtype=np.float64)
        self.heard += len(x)
        parts = [self._steps(self._resampler.push(x[k : k + BLOCK])) for k in range(0, len(x), BLOCK)]
        return np.concatenate([self._none(), *parts])

    def end(self) -> Floats:
        """The steps that were waiting for more, the last frame repeated in the last one; begins anew.

        Sound shorter than a frame is one frame with silence after it.
        """
        steps = [self._none(), self._steps(self._resampler.end())]
        if not self._any and not len(self._waiting):
            short = np.pad(self._samples, (0, self.frames.size - len(self._samples)))
            self._waiting = self._heard(short[None])
        if len(self._waiting):
            missing = self.frames.stack - len(self._waiting)
            steps.append(np.pad(self._waiting, ((0, missing), (0, 0)), "edge").reshape(1, -1))
        self.reset()
        return np.concatenate(steps)

    def carried(self) -> tuple[dict[str, Floats], dict[str, int]]:
        """What is kept between two pieces, for `carry`."""
        kept, numbers = self._resampler.carried()
        arrays = {"sound": kept, "samples": self._samples, "frames": self._waiting}
        return arrays, {**numbers, "heard": self.heard, "any": int(self._any)}

    def carry(self, arrays: Mapping[str, Floats], numbers: Mapping[str, int]) -> None:
        """Go on from what `carried` gave."""
        self._resampler.carry(arrays["sound"], numbers)
        self._samples, self._waiting = arrays["samples"], arrays["frames"].reshape(-1, self.frames.width)
        self.heard, self._any = numbers["heard"], bool(numbers["any"])

    def _none(self) -> Floats:
        return np.zeros((0, self.frames.stack * self.frames.width))

    def _steps(self, samples: Floats) -> Floats:
        frames, x = self.frames, np.concatenate((self._samples, samples))
        if len(x) < frames.size:
            self._samples = x
            return self._none()
        cut = np.lib.stride_tricks.sliding_window_view(x, frames.size)[:: frames.stride]
        self._samples = x[len(cut) * frames.stride :]
        rows = np.concatenate((self._waiting, self._heard(cut)))
        whole = len(rows) // frames.stack * frames.stack
        self._waiting, self._any = rows[whole:], True
        return rows[:whole].reshape(-1, frames.stack * frames.width)

    def _heard(self, cut: Floats) -> Floats:
        """Frames of samples [n, size] to frames of numbers [n, width]."""
        spectrum = np.fft.rfft(cut * self._window, self.frames.points)
        energy = (spectrum.real**2 + spectrum.imag**2) @ self._bank.T
        bands: Floats = np.log(energy + FLOOR)
        if self.frames.kind == "logmel":
            return bands
        kept: Floats = dct(bands, type=2, norm="ortho", axis=1)[:, : self.frames.coefficients]
        return kept


def features(samples: npt.ArrayLike, frames: Frames, rate: int | None = None) -> npt.NDArray[np.float32]:
    """The steps of a whole recording [T], as a stream of it would give them [steps, stack * width]."""
    ear = Ear(frames, rate)
    return np.concatenate((ear.push(samples), ear.end())).astype(np.float32)
