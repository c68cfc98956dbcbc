"""What a report shows of a transcriber: bands with letters over them, the worst recordings. Floor 6."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from cellwright.tasks.transcribe.decode import Said
from cellwright.tasks.transcribe.features import Frames
from cellwright.tasks.transcribe.score import errors
from cellwright.tasks.transcribe.utterances import Utterances

DRAWN = 6  # recordings whose bands are drawn
WORST = 12
WIDEST = 400  # frames that are drawn
SPREAD = 2.5  # of a scaled value that is drawn black or white


def shown(part: Utterances, said: Sequence[str]) -> list[int]:
    """The places of some recordings, evenly spread, the first ones with errors where there are such."""
    wrong = [k for k, (a, b) in enumerate(zip(part.known(), said, strict=True)) if a != b]
    right = [k for k in range(len(part)) if k not in set(wrong)]
    few = wrong[:: max(1, len(wrong) // (DRAWN // 2))][: DRAWN // 2]
    return [*right[:: max(1, len(right) // (DRAWN - len(few)))][: DRAWN - len(few)], *few]


def heard(
    part: Utterances,
    k: int,
    steps: npt.NDArray[np.float32],
    letters: Sequence[tuple[str, Said]],
    frames: Frames,
) -> dict[str, Any]:
    """One recording: its bands as rows of two hex digits a frame, the highest first; its letters in time."""
    rows = steps.reshape(-1, frames.width)[: frames.frames(_length(part, k, frames))]
    every = -(-len(rows) // WIDEST)
    grey = np.clip((rows[::every].T / (2 * SPREAD) + 0.5) * 255, 0, 255).astype(np.uint8)[::-1]
    return {
        "file": part.recordings[k].name,
        "wanted": part.known()[k],
        "seconds": round(len(rows) * frames.stride / frames.rate, 3),
        "bands": [row.tobytes().hex() for row in np.ascontiguousarray(grey)],
        "letters": [
            {"letter": letter, "second": round(one.step * frames.seconds, 3), "share": round(one.share, 3)}
            for letter, one in letters
        ],
    }


def worst(part: Utterances, said: Sequence[str]) -> list[dict[str, Any]]:
    """The recordings with the most wrong words, the most first; none without."""
    rows: list[dict[str, Any]] = [
        {"file": one.name, "wanted": wanted, "said": text, "errors": errors(wanted, text)}
        for one, wanted, text in zip(part.recordings, part.known(), said, strict=True)
        if wanted != text
    ]
    return sorted(rows, key=lambda row: int(row["errors"]), reverse=True)[:WORST]


def _length(part: Utterances, k: int, frames: Frames) -> int:
    """Samples of a recording at the rate of the frames."""
    one = part.recordings[k]
    return -(-one.length * frames.rate // one.rate)
