"""A small fixed description of an image: gradients and colours of its regions. Floor 6.

The image is squeezed to 96 x 96 and cut into 4 x 4 regions. Of each: histograms of gradients over 9
directions in 2 x 2 cells (Dalal and Triggs 2005), a colour histogram of 4 x 4 x 4, mean and spread of the
colours, its place; 108 numbers. Pillow reads (the extra `caption`). Refuses what Pillow cannot read.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np

from cellwright.errors import DataError, SettingError
from cellwright.tasks.caption.pictures import Floats

SIDE, GRID, CELLS, DIRECTIONS, SHADES = 96, 4, 2, 9, 4
REGION = SIDE // GRID
WIDTH = CELLS * CELLS * DIRECTIONS + SHADES**3 + 6 + 2
SMALL = 96  # pixels of the longer side of a picture in a report


@dataclass(frozen=True)
class Seen:
    """An image, read: its regions' features [16, 108], row by row, and a small JPEG of it."""

    features: Floats
    look: bytes


def need_pillow() -> None:
    """Refuse to go on without Pillow.

    Raises:
        SettingError: it is not installed.
    """
    if find_spec("PIL") is None:
        raise SettingError(
            "reading images needs Pillow, which is not installed", fix='pip install "cellwright[caption]"'
        )


def seen(raw: bytes, where: str) -> Seen:
    """The description of an image file's bytes; of an animation the first image.

    Raises:
        DataError: it does not read.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(raw)) as opened:
            image = ImageOps.exif_transpose(opened).convert("RGB")
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        got = "nothing" if not raw else type(error).__name__
        raise DataError(
            "the image does not read", where=where, got=got, fix="replace it, or take it out of the captions"
        ) from None
    pixels = np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.float32) / 255
    image.thumbnail((SMALL, SMALL))
    look = io.BytesIO()
    image.save(look, "JPEG", quality=70)
    return Seen(described(pixels.astype(np.float32)), look.getvalue())


def described(pixels: Floats) -> Floats:
    """The regions of an image [96, 96, 3] of numbers from 0 to 1, as [16, 108].

    >>> described(np.zeros((96, 96, 3), dtype=np.float32)).shape == (GRID * GRID, WIDTH)
    True
    """
    size, direction = _gradients(pixels.mean(2))
    shade = np.minimum((pixels * SHADES).astype(np.intp), SHADES - 1) @ np.array([SHADES**2, SHADES, 1])
    rows = []
    for row, column in np.ndindex(GRID, GRID):
        part = np.s_[row * REGION : (row + 1) * REGION, column * REGION : (column + 1) * REGION]
        colours = np.bincount(shade[part].ravel(), minlength=SHADES**3) / REGION**2
        inside = pixels[part].reshape(-1, 3)
        place = [(2 * row + 1) / GRID - 1, (2 * column + 1) / GRID - 1]
        edges = _edges(size[part], direction[part])
        rows.append(np.concatenate((edges, np.sqrt(colours), inside.mean(0), inside.std(0), place)))
    return np.stack(rows).astype(np.float32)


def _gradients(grey: Any) -> tuple[Any, Any]:
    """How strong the change is at every pixel [96, 96], and its direction without sign, 0 to 9."""
    down, across = np.gradient(grey)
    turned = np.arctan2(down, across) / np.pi % 1.0
    return np.hypot(down, across), turned * DIRECTIONS


def _edges(size: Any, direction: Any) -> Any:
    """Histograms of directions in a region's cells, their length 1 together, no part above 0.2."""
    side = REGION // CELLS
    cells = list(_cells(size, direction, side))
    found = np.concatenate(cells)
    for _ in range(2):
        found = np.minimum(found / np.sqrt((found**2).sum() + 1e-3), 0.2)
    return found


def _cells(size: Any, direction: Any, side: int) -> Iterator[Any]:
    """Each pixel's strength is shared between the two directions it lies between."""
    for row, column in np.ndindex(CELLS, CELLS):
        part = np.s_[row * side : (row + 1) * side, column * side : (column + 1) * side]
        weight, at = size[part].ravel(), direction[part].ravel()
        below = at.astype(np.intp) % DIRECTIONS
        share = at - np.floor(at)
        yield np.bincount(below, weight * (1 - share), DIRECTIONS) + np.bincount(
            (below + 1) % DIRECTIONS, weight * share, DIRECTIONS
        )
