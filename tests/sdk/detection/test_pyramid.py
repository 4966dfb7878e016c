"""The pyramid: which windows are looked at, and where in the photo they are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesdk.detection import pyramid


def photo(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_levels_of_an_lfw_photo():
    scales, pixels = zip(*pyramid.levels(photo(250, 250), 20), strict=True)
    np.testing.assert_allclose(scales, 0.6 * 0.709 ** np.arange(len(scales)))
    assert pixels[0].shape == (162, 162, 3)  # 150 and a margin of 6 on either side
    # Up to a window of twice the photo's side, and no further.
    assert 250 * scales[-1] >= 6 > 250 * scales[-1] * 0.709


@pytest.mark.parametrize("size", [(1, 1), (3, 3000), (9, 9)])
def test_photos_smaller_than_half_a_face_have_no_level(size):
    assert list(pyramid.levels(photo(*size), 20)) == []


def test_the_first_level_of_min_face_12_is_the_photo_in_its_margin():
    image = photo(31, 40)
    scale, pixels = next(pyramid.levels(image, 12))
    assert scale == 1
    assert pixels.shape == (44, 52, 3)
    np.testing.assert_array_equal(pixels[6:37, 6:46], image)


def test_coarse_levels_of_a_large_photo_are_averages():
    rng = np.random.default_rng(0)
    image = np.kron(rng.integers(0, 256, (8, 8, 3)), np.ones((128, 128, 1))).astype(np.uint8)
    for scale, pixels in pyramid.levels(image, 48):
        side = int(np.ceil(1024 * scale))
        inner = pixels[6 : 6 + side, 6 : 6 + side]
        expected = image.mean(axis=(0, 1))
        np.testing.assert_allclose(inner.mean(axis=(0, 1)), expected, atol=2)


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
    assert shapes == {(1, 256, 256, 3)}


def test_a_window_covers_its_area_of_the_photo():
    tile = pyramid.Tile(np.zeros((1, 40, 40, 3), np.float32), row=10, column=20, scale=0.25)
    # Window (3, 5) of the tile is window (13, 25) of the level. It starts at pixel 2 * 13 - 6 =
    # 20 of the level, which is 80 of the photo, and covers 12 / 0.25 = 48 pixels, less the first
    # level pixel.
    (box,) = tile.boxes(np.array([3]), np.array([5]))
    np.testing.assert_array_equal(box, [44 * 4 + 3, 20 * 4 + 3, 44 * 4 + 48, 20 * 4 + 48])
