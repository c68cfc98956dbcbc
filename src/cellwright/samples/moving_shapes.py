"""Clips of one shape that moves, each with a sentence that is true of it, English or Chinese. Floor 5.

Colour, shape and motion are drawn separately, so that whole combinations can be kept for the test: whoever
describes those has understood the parts. Needs NumPy; the room's other files do not import this one.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SIDE = 14  # pixels of a frame
COLOURS = {
    "red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "yellow": (1, 1, 0),
    "purple": (1, 0, 1), "white": (1, 1, 1), "black": (0, 0, 0),
}  # fmt: skip
SHAPES = ("square", "disc", "triangle")
WAYS = {"left": (0, -1), "right": (0, 1), "up": (-1, 0), "down": (1, 0)}
SPEEDS = {"slowly": (0.45, 0.65), "quickly": (1.15, 1.5)}
MOTIONS = (*itertools.product(WAYS, SPEEDS), ("", "stays"))
NOISE = 0.05
_CHINESE = {
    "red": "红", "green": "绿", "blue": "蓝", "yellow": "黄",
    "purple": "紫", "white": "白", "black": "黑",
    "square": "方块", "disc": "圆盘", "triangle": "三角",
    "left": "左", "right": "右", "up": "上", "down": "下",
    "slowly": "慢慢地", "quickly": "快快地",
}  # fmt: skip

Combination = tuple[str, str, tuple[str, str]]


@dataclass(frozen=True)
class Clip:
    """A clip: frames [T, 199], the brightness of 14 x 14 pixels and a colour, and what is true of it."""

    frames: npt.NDArray[np.float32]
    caption: str


def combinations() -> list[Combination]:
    """Every colour with every shape and every motion, in a fixed order."""
    return list(itertools.product(COLOURS, SHAPES, MOTIONS))


def parted(share: float = 0.2, seed: int = 0) -> tuple[list[Combination], list[Combination]]:
    """(for training, never in it): every word of the second stands in the first.

    >>> known, unseen = parted()
    >>> len(known), len(unseen), set(known) & set(unseen)
    (151, 38, set())
    """
    found = combinations()
    random.Random(seed).shuffle(found)
    at = round(len(found) * (1 - share))
    return found[:at], found[at:]


def clips(chosen: list[Combination], each: int, seed: int = 0, language: str = "en") -> list[Clip]:
    """`each` clips of every combination, 6 to 10 frames long, in a random order.

    >>> clip = clips([("red", "disc", ("left", "slowly"))], 1)[0]
    >>> clip.caption, clip.frames.shape[1]
    ('a red disc moves left slowly', 199)
    """
    draw, noise = random.Random(seed), np.random.default_rng(seed)
    made = [_clip(one, draw, noise, language) for one in chosen for _ in range(each)]
    draw.shuffle(made)
    return made


def sentence(one: Combination, language: str = "en") -> str:
    """What is true of a combination.

    >>> sentence(("blue", "square", ("", "stays"))), sentence(("red", "disc", ("up", "quickly")), "zh")
    ('a blue square stays where it is', '红圆盘快快地向上移动')
    """
    colour, shape, (way, speed) = one
    if language == "zh":
        what = _CHINESE[colour] + _CHINESE[shape]
        return f"{what}{_CHINESE[speed]}向{_CHINESE[way]}移动" if way else f"{what}停在原处"
    return f"a {colour} {shape} " + (f"moves {way} {speed}" if way else "stays where it is")


def _clip(one: Combination, draw: random.Random, noise: np.random.Generator, language: str) -> Clip:
    colour, shape, (way, speed) = one
    down, across = WAYS.get(way, (0, 0))
    pace, count, half = (
        draw.uniform(*SPEEDS.get(speed, (0.0, 0.0))),
        draw.randint(6, 10),
        draw.uniform(2, 2.8),
    )
    far = pace * (count - 1) / 2
    middle = [
        (SIDE - 1) / 2 + draw.uniform(-1, 1) * max(0.0, (SIDE - 1) / 2 - half - far * abs(d))
        for d in (down, across)
    ]
    frames = []
    for step in range(count):
        moved = pace * step - far
        covered = _covered(shape, middle[0] + down * moved, middle[1] + across * moved, half)
        frames.append(np.concatenate((covered.ravel(), COLOURS[colour])))
    pixels = np.stack(frames)
    pixels = pixels + noise.normal(0, NOISE, pixels.shape)
    return Clip(pixels.astype(np.float32), sentence(one, language))


def _covered(shape: str, row: float, column: float, half: float) -> npt.NDArray[np.float64]:
    """How much of each pixel a shape covers, its edges soft."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float64)
    down, across = y - row, x - column
    if shape == "disc":
        inside = half - np.hypot(down, across)
    elif shape == "square":
        inside = half - np.maximum(abs(down), abs(across))
    else:
        inside = np.minimum(half - down, (down + half) / 2 - abs(across))
    covered: npt.NDArray[np.float64] = np.clip(inside + 0.5, 0.0, 1.0)
    return covered
