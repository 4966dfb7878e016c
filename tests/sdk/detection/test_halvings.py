"""Halvings against plain averages."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesdk.detection.halvings import Halvings, times_for


def photo(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * 1000 + width).integers(
        0, 256, (height, width, 3), dtype=np.uint8
    )


@given(height=st.integers(1, 70), width=st.integers(1, 70), number=st.integers(1, 4))
def test_a_halving_averages_blocks_of_the_photo(height, width, number):
    """The last odd row or column counts as repeated."""
    image = photo(height, width)
    expected = image.astype(float)
    for _ in range(number):
        padded = np.pad(
            expected, ((0, expected.shape[0] % 2), (0, expected.shape[1] % 2), (0, 0)), "edge"
        )
        rows, columns, _ = padded.shape
        expected = padded.reshape(rows // 2, 2, columns // 2, 2, 3).mean(axis=(1, 3))
    assert times_for(0.5**number) == number
    found = Halvings(image).halved(number)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=0.51 * number)


@pytest.mark.parametrize("wanted", [3.0, 1.0, 0.6, 0.13, 0.125, 0.03, 0.001])
def test_the_halving_is_large_enough_but_no_larger(wanted):
    scale = 0.5 ** times_for(wanted)
    assert min(1, wanted) <= scale < 2 * wanted


def test_a_halving_is_made_once():
    halvings = Halvings(photo(64, 48))
    assert halvings.halved(5) is halvings.halved(5)
    assert halvings.halved(0) is halvings.photo
