"""Sound of one sampling rate to another, in pieces: the numbers of `scipy.signal.resample_poly`. Floor 6.

Refuses nothing: rates are checked where sound comes in.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd

import numpy as np
import numpy.typing as npt
from scipy.signal import firwin

Floats = npt.NDArray[np.float64]
REACH = 10  # crossings of the filter to each side, as SciPy takes


class Resampler:
    """A polyphase low-pass filter that goes on where the last piece ended.

        y_m = sum_k h_{m down + half - k up} x_k

    It looks ahead by ten samples of the slower rate: what is not yet known comes with `end`.

    Args:
        source, target: samples a second.

    >>> thin = Resampler(2, 1)
    >>> len(thin.push(np.ones(100))) + len(thin.end())
    50
    """

    def __init__(self, source: int, target: int) -> None:
        shared = gcd(source, target)
        self.up, self.down = target // shared, source // shared
        most = max(self.up, self.down)
        self.half = REACH * most
        self.same = most == 1
        h = (
            np.zeros(0)
            if self.same
            else self.up * firwin(2 * self.half + 1, 1 / most, window=("kaiser", 5.0))
        )
        self._taps = -(-len(h) // self.up)
        self._bank = np.pad(h, (0, self._taps * self.up - len(h))).reshape(self._taps, self.up).T
        self.reset()

    def reset(self) -> None:
        """Nothing came yet: silence lies before."""
        self._kept = np.zeros(max(0, self._taps - 1))
        self._start = -len(self._kept)
        self._made = 0

    def push(self, x: Floats) -> Floats:
        """The samples that are settled once x [T] is known too."""
        if self.same:
            return x
        self._kept = np.concatenate((self._kept, x))
        end = self._start + len(self._kept)
        return self._until(-((self.half - end * self.up) // self.down))

    def end(self) -> Floats:
        """The last samples, as if silence followed; begins anew."""
        if self.same:
            return np.zeros(0)
        end = self._start + len(self._kept)
        self._kept = np.pad(self._kept, (0, self._taps + self.down))
        last = self._until(-(-end * self.up // self.down))
        self.reset()
        return last

    def carried(self) -> tuple[Floats, dict[str, int]]:
        """What is kept between two pieces."""
        return self._kept, {"start": self._start, "made": self._made}

    def carry(self, kept: Floats, numbers: Mapping[str, int]) -> None:
        """Go on from what `carried` gave."""
        self._kept, self._start, self._made = kept, numbers["start"], numbers["made"]

    def _until(self, end: int) -> Floats:
        """The samples from the first that was not made to `end`."""
        if end <= self._made:
            return np.zeros(0)
        at = np.arange(self._made, end) * self.down + self.half
        places = (at // self.up - self._start)[:, None] - np.arange(self._taps)
        y: Floats = np.einsum("mk,mk->m", self._kept[places], self._bank[at % self.up])
        self._made = end
        needed = (end * self.down + self.half) // self.up - self._taps + 1
        self._kept, self._start = self._kept[needed - self._start :], needed
        return y
