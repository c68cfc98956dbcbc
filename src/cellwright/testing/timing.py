"""Times of things that do the same work, taken in turns in one process. Floor 6."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass

from cellwright.page.numbers import number

# Each turn begins with a pause, in which threads that still spin for the one before go to sleep, and with a
# step that is not timed, which brings the data back; then this many are timed.
PAUSE = 0.003
PER_TURN = 3


@dataclass(frozen=True)
class Timing:
    """Milliseconds: the least, the quartiles and the median of `count` times."""

    least: float
    lower: float
    median: float
    upper: float
    count: int

    @classmethod
    def of(cls, seconds: Iterable[float]) -> Timing:
        """From the times themselves.

        >>> Timing.of([0.003, 0.001, 0.002])
        Timing(least=1.0, lower=1.5, median=2.0, upper=2.5, count=3)
        """
        times = sorted(1e3 * s for s in seconds)
        # One time alone is its own quartiles; `quantiles` wants two.
        pair = times * 2 if len(times) == 1 else times
        lower, median, upper = statistics.quantiles(pair, n=4, method="inclusive")
        return cls(times[0], lower, median, upper, len(times))

    def document(self) -> dict[str, float]:
        """As it is written to JSON, four digits of each."""
        return {k: v if k == "count" else float(f"{v:.4g}") for k, v in asdict(self).items()}

    def __str__(self) -> str:
        return f"{number(self.median, 3)} ({number(self.lower, 3)}-{number(self.upper, 3)})"


def in_turns(
    jobs: Mapping[str, Callable[[], object]],
    repetitions: int,
    clock: Callable[[], float] | None = None,
) -> dict[str, Timing]:
    """Time jobs in turns, so that what disturbs the machine disturbs all of them.

    Args:
        jobs: what to run, by name; a job returns when its work is done.
        repetitions: how many times each is timed; rounded up to whole turns.
        clock: seconds, by the wall if left out; `time.process_time` counts the processor's, for one thread.

    Returns:
        The times of each.

    >>> {name: timing.count for name, timing in in_turns({"a": lambda: 1, "b": lambda: 2}, 4).items()}
    {'a': 6, 'b': 6}
    """
    clock = clock or time.perf_counter
    names = list(jobs)
    times: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(math.ceil(repetitions / PER_TURN)):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            time.sleep(PAUSE)
            jobs[name]()
            for _ in range(PER_TURN):
                begun = clock()
                jobs[name]()
                times[name].append(clock() - begun)
    return {name: Timing.of(found) for name, found in times.items()}
