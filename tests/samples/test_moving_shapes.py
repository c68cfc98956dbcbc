"""The clips: what is said of them is true of their pixels."""

from __future__ import annotations

import numpy as np
import pytest

from cellwright.samples.moving_shapes import COLOURS, SIDE, WAYS, clips, combinations, parted


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_combination_has_its_own_sentence(language: str) -> None:
    made = clips(combinations(), 1, language=language)
    assert len({clip.caption for clip in made}) == len(made) == 189


def test_what_is_said_is_seen() -> None:
    for clip in clips(combinations(), 1, seed=3):
        frames, colour = clip.frames[:, :-3].reshape(-1, SIDE, SIDE), clip.frames[:, -3:].mean(0)
        words = clip.caption.split()
        assert abs(colour - COLOURS[words[1]]).max() < 0.1
        places = np.indices((SIDE, SIDE)).reshape(2, -1)
        middles = [np.average(places, 1, np.clip(frame - 0.3, 0, None).ravel()) for frame in frames]
        pace = (middles[-1] - middles[0]) / (len(frames) - 1)
        wanted = np.array(WAYS.get(words[4], (0, 0)))
        low, high = {"slowly": (0.3, 0.8), "quickly": (1.0, 1.7)}.get(words[-1], (0, 0))
        assert abs(pace - wanted * (pace @ wanted)).max() < 0.15
        assert low <= pace @ wanted <= high


def test_parts_share_words_and_no_combination() -> None:
    known, unseen = parted()
    words = [{word for one in part for word in (one[0], one[1], *one[2])} for part in (known, unseen)]
    assert words[1] <= words[0]
    assert not set(known) & set(unseen)
