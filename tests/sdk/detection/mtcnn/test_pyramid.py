"""The pyramid: which windows are looked at, and where in the photo they are."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesdk.detection.halvings import Halvings
from facesdk.detection.mtcnn import pyramid


def photo(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_levels_of_an_lfw_photo():
    scales = pyramid.scales(250, 250, 20)
    np.testing.assert_allclose(scales, 0.6 * 0.709 ** np.arange(len(scales)))
    # 150 and a margin of 6 on either side
    assert pyramid.level(Halvings(photo(250, 250)), scales[0]).shape == (162, 162, 3)
    # Up to a window of twice the photo's side, and no further.
    assert 250 * scales[-1] >= 6 > 250 * scales[-1] * 0.709


@pytest.mark.parametrize("size", [(1, 1), (3, 3000), (9, 9)])
def test_photos_smaller_than_half_a_face_have_no_level(size):
    assert pyramid.scales(*size, 20) == []


def test_the_first_level_of_min_face_12_is_the_photo_in_its_margin():
    image = photo(31, 40)
    scale = pyramid.scales(31, 40, 12)[0]
    assert scale == 1
    pixels = pyramid.level(Halvings(image), scale)
    assert pixels.shape == (44, 52, 3)
    np.testing.assert_array_equal(pixels[6:37, 6:46], image)


@pytest.mark.parametrize("size", [(1024, 1024), (1023, 1021), (513, 770)])
def test_coarse_levels_of_a_large_photo_are_averages(size):
    """Also of odd sides, whose halvings reach beyond the photo: each part stays in its place."""
    blocks = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    image = cv2.resize(blocks, size[::-1], interpolation=cv2.INTER_CUBIC)
    shared = Halvings(image)
    for scale in pyramid.scales(*size, 48):
        height, width = (int(np.ceil(side * scale)) for side in size)
        inner = pyramid.level(shared, scale)[6 : 6 + height, 6 : 6 + width]
        expected = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        assert inner.shape == expected.shape
        assert np.abs(inner.astype(int) - expected).max() <= 3


@given(height=st.integers(6, 420), width=st.integers(6, 420))
def test_tiles_show_every_window_of_a_level(height, width):
    pixels = photo(height * 2, width * 2)
    seen = np.zeros((height - 5, width - 5), dtype=bool)
    for tile in pyramid.tiles(pixels, 1.0):
        _, rows, columns, _ = tile.pixels.shape
        assert max(rows, columns) <= 256
        top, left = tile.row * 2, tile.column * 2
        np.testing.assert_array_equal(
            tile.pixels[0], pixels[top : top + rows, left : left + columns]
        )
        seen[tile.row : tile.row + rows // 2 - 5, tile.column : tile.column + columns // 2 - 5] = 1
    assert seen.all()


def test_tiles_of_a_large_level_have_one_shape():
    shapes = {tile.pixels.shape for tile in pyramid.tiles(photo(900, 1300), 0.5)}
    ((_, height, width, _),) = shapes
    assert max(height, width) <= 256


def test_tiles_overlap_no_more_than_the_windows_at_their_edges_need():
    tiles = list(pyramid.tiles(photo(300, 396), 1.0))
    looked_at = sum(tile.pixels.shape[1] * tile.pixels.shape[2] for tile in tiles)
    assert len(tiles) == 4
    assert looked_at < 1.1 * 300 * 396


def test_a_window_covers_its_area_of_the_photo():
    tile = pyramid.Tile(np.zeros((1, 40, 40, 3), np.float32), row=10, column=20, scale=0.25)
    # Window (3, 5) of the tile is window (13, 25) of the level. It starts at pixel 2 * 13 - 6 =
    # 20 of the level, which is 80 of the photo, and covers 12 / 0.25 = 48 pixels, less the first
    # level pixel.
    (box,) = tile.boxes(np.array([3]), np.array([5]))
    np.testing.assert_array_equal(box, [44 * 4 + 3, 20 * 4 + 3, 44 * 4 + 48, 20 * 4 + 48])
