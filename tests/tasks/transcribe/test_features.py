"""Features against the direct formula, the resampler against SciPy, pieces against the whole."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.signal import resample_poly

from cellwright.errors import SettingError
from cellwright.tasks.transcribe.features import FLOOR, Ear, Frames, features, filter_bank, mel
from cellwright.tasks.transcribe.resample import Resampler

RNG = np.random.default_rng(5)
TINY = Frames(1000, window=0.016, hop=0.007, bands=5, coefficients=4, stack=2)


def by_hand(x: np.ndarray, frames: Frames, kind: str) -> np.ndarray:
    """Frame by frame, sum by sum: the discrete Fourier transform, triangles in mel, logarithm, cosines."""
    size, step, points = frames.size, frames.stride, frames.points
    top = 2595 * math.log10(1 + frames.rate / 2 / 700)
    corners = [700 * (10 ** (k * top / (frames.bands + 1) / 2595) - 1) for k in range(frames.bands + 2)]
    rows = []
    for begin in range(0, len(x) - size + 1, step):
        window = [0.5 - 0.5 * math.cos(2 * math.pi * n / size) for n in range(size)]
        power = []
        for k in range(points // 2 + 1):
            terms = [x[begin + n] * window[n] * np.exp(-2j * math.pi * k * n / points) for n in range(size)]
            power.append(abs(sum(terms)) ** 2)
        logs = []
        for b in range(frames.bands):
            low, middle, high = corners[b : b + 3]
            energy = 0.0
            for k, one in enumerate(power):
                f = k * frames.rate / points
                inside = (f - low) / (middle - low) if f <= middle else (high - f) / (high - middle)
                energy += one * max(0.0, inside)
            logs.append(math.log(energy + FLOOR))
        if kind == "mfcc":
            n = len(logs)
            logs = [
                math.sqrt((1 if k == 0 else 2) / n)
                * sum(v * math.cos(math.pi * k * (2 * j + 1) / (2 * n)) for j, v in enumerate(logs))
                for k in range(frames.coefficients)
            ]
        rows.append(logs)
    return np.array(rows)


@pytest.mark.parametrize("kind", ["logmel", "mfcc"])
def test_features_are_the_direct_formula(kind: str) -> None:
    frames = Frames(1000, kind, 0.016, 0.007, 5, 4, stack=2)
    x = RNG.standard_normal(16 + 7 * 5) * 0.2
    wanted = by_hand(x, frames, kind)
    assert len(wanted) == 6
    assert np.allclose(features(x, frames), wanted.reshape(3, -1), rtol=1e-5, atol=1e-5)


def test_the_last_step_is_filled_with_the_last_frame() -> None:
    x = RNG.standard_normal(16 + 7 * 2)
    rows = features(x, TINY)
    wanted = by_hand(x, TINY, "logmel")
    assert np.allclose(rows, np.concatenate([wanted, wanted[-1:]]).reshape(2, -1), atol=1e-4)


def test_bands_lie_evenly_in_mel_and_each_hears_something() -> None:
    bank = filter_bank(8000, Frames(8000).points, 40)
    assert bank.shape == (40, 257)
    assert (bank.max(axis=1) > 0.4).all()
    middles = mel(bank.argmax(axis=1) * 8000 / 512)
    assert np.abs(np.diff(middles) - mel(4000) / 41).max() < 30
    assert np.allclose(bank[:, 30:].sum(axis=0)[:-40], 1, atol=0.2)


@pytest.mark.parametrize(("source", "target"), [(441, 160), (80, 160), (48, 8), (8, 8), (110, 80), (3, 7)])
def test_resampled_in_pieces_is_scipy_at_once(source: int, target: int) -> None:
    x = RNG.standard_normal(1500)
    shared = math.gcd(source, target)
    wanted = resample_poly(x, target // shared, source // shared)
    resampler = Resampler(source, target)
    for _ in range(2):  # `end` begins anew
        cuts = np.sort(RNG.integers(0, len(x), 12))
        got = [resampler.push(piece) for piece in np.split(x, cuts)]
        assert np.allclose(np.concatenate([*got, resampler.end()]), wanted, atol=1e-12)


@pytest.mark.parametrize("samples", [0, 1, 15, 16, 17, 22, 23, 30, 301, 302])
@pytest.mark.parametrize("rate", [1000, 1600])
def test_a_stream_of_sound_is_the_whole(samples: int, rate: int) -> None:
    x = RNG.standard_normal(samples)
    whole = features(x, TINY, rate)
    assert len(whole) == TINY.steps(-(-samples * 1000 // rate))
    ear, kept = Ear(TINY, rate), Ear(TINY, rate)
    steps = []
    for k in range(0, samples, 9):
        kept.carry(*ear.carried())
        kept, ear = ear, kept  # from one to the other with nothing but what is carried
        steps.append(ear.push(x[k : k + 9]))
    steps.append(ear.end())
    assert np.allclose(np.concatenate(steps), whole, atol=1e-5)


def test_sound_shorter_than_a_frame_is_a_frame_with_silence_after_it() -> None:
    x = RNG.standard_normal(5)
    assert np.allclose(features(x, TINY), features(np.pad(x, (0, 11)), TINY))


def test_frames_that_cannot_be_are_refused() -> None:
    with pytest.raises(
        SettingError, match="a frame or a hop has no samples: got window 0.025 s, hop 0.01 s at 40"
    ):
        Frames(40)
    with pytest.raises(SettingError, match="coefficients can be no more than bands: got 13, expected <= 8"):
        Frames(8000, "mfcc", bands=8)
