"""Canvases show every pixel of the scaled photo, and know where it was."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facesdk.detection import canvases
from facesdk.detection.halvings import Halvings
from facesdk.detection.windows import BLANK


def photo(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 120, (height, width, 3), dtype=np.uint8)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 150),
    st.integers(1, 150),
    st.floats(0.2, 2),
    st.integers(0, 20),
    st.sampled_from(["squares", "fitted"]),
)
def test_every_pixel_is_shown_in_its_place(
    height: int, width: int, scale: float, margin: int, kind: str
) -> None:
    halvings = Halvings(photo(height, width))
    small = canvases.picture(halvings, scale)
    shown = np.zeros(small.shape[:2], bool)
    if kind == "squares":
        made = list(canvases.squares(halvings, scale, margin, 64))
    else:
        made = list(canvases.fitted(halvings, scale, margin, multiple=16, most=64))
    for canvas in made:
        rows, columns = canvas.pixels.shape[:2]
        assert (rows, columns) == (64, 64) or (kind == "fitted" and rows % 16 == columns % 16 == 0)
        assert max(rows, columns) <= 64
        for row in range(0, rows, 7):
            for column in range(0, columns, 7):
                y, x = row + canvas.top, column + canvas.left
                inside = 0 <= y < small.shape[0] and 0 <= x < small.shape[1]
                expected = small[y, x] if inside else BLANK
                assert (canvas.pixels[row, column] == expected).all()
        top, left = max(canvas.top, 0), max(canvas.left, 0)
        shown[top : canvas.top + rows, left : canvas.left + columns] = True
    assert shown.all()


def test_a_margin_is_kept_on_all_sides() -> None:
    halvings = Halvings(photo(40, 50))
    (canvas,) = canvases.squares(halvings, 1.0, 5, 64)
    assert (canvas.left, canvas.top) == (-7, -12)
    (canvas,) = canvases.fitted(halvings, 1.0, 6, multiple=32, most=640)
    assert canvas.pixels.shape == (64, 64, 3)
    assert (canvas.left, canvas.top) == (-6, -6)


def test_coordinates_lead_back_to_the_photo() -> None:
    canvas = canvases.Canvas(photo(8, 8), left=-4, top=10, across=2.0, down=3.0)
    points = canvas.to_photo(np.array([[4.0, 0.0, 5.0, 1.0]]))
    np.testing.assert_array_equal(points, [[0.0, 30.0, 2.0, 33.0]])


@pytest.mark.parametrize("length", [1, 63, 64, 65, 100, 112, 113, 160, 1000])
def test_tiles_overlap_by_their_lap(length: int) -> None:
    begins = canvases.starts(length, 64)
    assert begins[0] == 0
    assert length <= begins[-1] + 64 <= max(length, 64)
    steps = np.diff(begins)
    assert (steps <= 64 * (1 - canvases.LAP) + 1).all()
    assert (steps > 0).all()
