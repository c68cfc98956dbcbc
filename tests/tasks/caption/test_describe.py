"""The description of an image: what each part of it answers to."""

from __future__ import annotations

import numpy as np

from cellwright.tasks.caption.describe import CELLS, DIRECTIONS, GRID, SHADES, SIDE, WIDTH, described

EDGES = CELLS * CELLS * DIRECTIONS


def test_edges_answer_to_their_direction_alone() -> None:
    """Stripes across have gradients downwards: direction 4.5 of 9; stripes down: direction 0."""
    wave = (np.sin(np.arange(SIDE)) + 1) / 2
    for turned, likeliest in ((False, {4, 5}), (True, {0, 8})):
        grey = np.tile(wave[:, None], (1, SIDE))
        image = np.repeat((grey.T if turned else grey)[:, :, None], 3, 2).astype(np.float32)
        for region in described(image):
            cells = region[:EDGES].reshape(-1, DIRECTIONS)
            assert {int(k) for cell in cells for k in cell.argsort()[-1:]} <= likeliest


def test_colours_and_places_are_those_of_the_region() -> None:
    image = np.zeros((SIDE, SIDE, 3), dtype=np.float32)
    image[: SIDE // GRID, : SIDE // GRID] = (1.0, 0.0, 0.0)
    found = described(image)
    assert found.shape == (GRID * GRID, WIDTH)
    red, black = found[0][EDGES:], found[-1][EDGES:]
    assert red[: SHADES**3].argmax() == (SHADES - 1) * SHADES**2
    assert black[: SHADES**3].argmax() == 0
    assert red[SHADES**3 : SHADES**3 + 6].tolist() == [1, 0, 0, 0, 0, 0]
    assert found[0][-2:].tolist() == [-0.75, -0.75]
    assert found[1][-2:].tolist() == [-0.75, -0.25]


def test_the_brightness_of_the_light_changes_edges_little() -> None:
    draw = np.random.default_rng(0)
    image = draw.random((SIDE, SIDE, 3)).astype(np.float32)
    one, other = described(image)[:, :EDGES], described(0.5 * image)[:, :EDGES]
    assert abs(one - other).max() < 0.01
