"""The baselines beside a transcriber: what no recurrent network is needed for. Floor 6. Refuses nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.neighbors import NearestNeighbors

from cellwright.tasks import baselines

Features = Sequence[npt.NDArray[np.floating]]
TIMES = 10  # at which a recording is read off
CLOSED = 200  # different texts at most, for a linear machine to learn each as a class


def said(train: Features, texts: Sequence[str], held: Features) -> dict[str, list[str]]:
    """What each simple method says of the held-out features [T, C], by its name.

    The most frequent text; and, of recordings read off at ten times, a linear machine where there are but a
    few texts that come again and again, else the text of the nearest recording.
    """
    found = {"most_frequent": baselines.majority(texts, [""] * len(held))}
    counts = Counter(texts)
    if 1 < len(counts) <= min(CLOSED, len(texts) // 2):
        return found | {"linear": baselines.linear_series(train, list(texts), held, TIMES)}
    known = NearestNeighbors(n_neighbors=1).fit(baselines.resampled(train, TIMES))
    places = known.kneighbors(baselines.resampled(held, TIMES), return_distance=False)
    return found | {"nearest": [texts[k] for k in places[:, 0].tolist()]}
