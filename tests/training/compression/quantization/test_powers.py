"""INQ's levels, its rounding and its order, by brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from facesdk.errors import InputError
from facesdk_training.compression.quantization.powers import nearest, powers, settled_first


def test_levels_are_those_of_the_paper() -> None:
    """Section 2.1: with b = 3 and n1 = -1 the levels are 0, +-2^-1 and +-2^-2."""
    np.testing.assert_array_equal(powers(0.74, 3), [0.25, 0.5])
    np.testing.assert_array_equal(powers(0.75, 3), [0.5, 1.0])
    assert len(powers(1.0, 5)) == 8
    with pytest.raises(InputError, match="3 to 5 bits, but got 2"):
        powers(1.0, 2)


@given(
    weights=hnp.arrays(np.float32, st.integers(1, 30), elements=st.floats(-3, 3, width=32)),
    bits=st.integers(3, 5),
)
def test_each_weight_gets_the_nearest_level(weights: np.ndarray, bits: int) -> None:
    largest = float(np.abs(weights).max())
    if largest < 1e-30:
        return
    levels = powers(largest, bits)
    every = np.concatenate([-levels, [0.0], levels])
    found = nearest(weights, levels)
    assert set(found.astype(np.float64)) <= set(every)
    for weight, value in zip(weights.astype(np.float64), found, strict=True):
        assert abs(weight - value) <= np.abs(every - weight).min() * (1 + 1e-6)
    np.testing.assert_array_equal(nearest(found, levels), found)
    np.testing.assert_array_equal(powers(float(levels[-1]), bits), levels)


def test_the_largest_weights_are_settled_first() -> None:
    weights = np.array([[0.1, -0.9], [0.5, -0.3]])
    np.testing.assert_array_equal(settled_first(weights, 0.5), [[False, True], [True, False]])
    assert not settled_first(weights, 0).any()
    assert settled_first(weights, 1).all()
