"""Windows cut out of a photo, also where they leave it."""

from __future__ import annotations

import tracemalloc

import cv2
import numpy as np

from facesdk.detection.halvings import Halvings
from facesdk.detection.windows import BLANK
from facesdk.detection.windows import cut as cut_boxes


def photo(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(7).integers(0, 256, (height, width, 3), dtype=np.uint8)


def cut(image: np.ndarray, boxes: np.ndarray, side: int) -> np.ndarray:
    """The windows alone, of boxes that are cut as they are."""
    kept, windows = cut_boxes(Halvings(image), boxes, side)
    np.testing.assert_array_equal(kept, boxes)
    return windows


def test_a_window_of_the_wanted_size_is_copied():
    image = photo(60, 80)
    windows = cut(image, np.array([[10.0, 20, 34, 44], [56, 36, 80, 60]]), 24)
    assert windows.dtype == np.float32
    np.testing.assert_array_equal(windows[0], image[20:44, 10:34])
    np.testing.assert_array_equal(windows[1], image[36:60, 56:80])


def test_a_larger_window_is_averaged():
    image = photo(96, 96)
    (window,) = cut(image, np.array([[0.0, 0, 96, 96]]), 24)
    np.testing.assert_allclose(window, image.reshape(24, 4, 24, 4, 3).mean(axis=(1, 3)), atol=1.01)


def test_outside_the_photo_is_blank():
    image = photo(30, 30)
    (window,) = cut(image, np.array([[-8.0, 10, 16, 34]]), 24)
    np.testing.assert_array_equal(window[:20, 8:], image[10:30, :16])
    assert (window[:, :8] == BLANK).all()
    assert (window[20:] == BLANK).all()


def test_a_window_beside_the_photo_is_blank():
    windows = cut(photo(30, 30), np.array([[40.0, 5, 52, 17], [-30, -30, -2, -2]]), 24)
    assert (windows == BLANK).all()


def test_a_window_far_larger_than_the_photo_takes_little_memory():
    image = cv2.resize(photo(8, 8), (1000, 1000), interpolation=cv2.INTER_LINEAR)
    tracemalloc.start()
    (window,) = cut(image, np.array([[-9472.0, -9472, 10496, 10496]]), 48)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6
    inside = (np.abs(window - BLANK).max(axis=2) > 4).nonzero()
    assert min(map(min, inside)) >= 22
    assert max(map(max, inside)) <= 26


def test_no_window():
    assert cut(photo(9, 9), np.empty((0, 4)), 24).shape == (0, 24, 24, 3)


def test_a_large_window_is_cut_from_whole_pixels_of_a_halving():
    """For 24 pixels, 400 are cut from the quarter: from 100 of its pixels."""
    image = cv2.resize(photo(16, 16), (640, 640), interpolation=cv2.INTER_CUBIC)
    kept, (window,) = cut_boxes(Halvings(image), np.array([[101.7, 50.2, 501.7, 450.2]]), 24)
    np.testing.assert_array_equal(kept, [[100, 48, 500, 448]])
    expected = cv2.resize(image[48:448, 100:500], (24, 24), interpolation=cv2.INTER_AREA)
    assert np.abs(window - expected).mean() < 2
    shifted = cv2.resize(image[48:448, 108:508], (24, 24), interpolation=cv2.INTER_AREA)
    assert np.abs(window - shifted).mean() > 4


def test_boxes_without_a_pixel_are_left_out():
    boxes = np.array([[5.2, 5, 5.9, 9], [3, 3, 9, 9], [7, 9, 5, 12]])
    kept, windows = cut_boxes(Halvings(photo(30, 30)), boxes, 24)
    np.testing.assert_array_equal(kept, [[3, 3, 9, 9]])
    assert windows.shape == (1, 24, 24, 3)
