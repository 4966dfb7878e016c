"""A map of a one-stage network, cell by cell."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facesdk.detection.one_stage.decoding import decode


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from([8, 16, 32]),
    st.floats(0.05, 0.95),
)
def test_every_cell_by_the_definition(
    seed: int, rows: int, columns: int, stride: int, score: float
) -> None:
    values = np.random.default_rng(seed).normal(0, 2, (rows, columns, 16)).astype(np.float32)
    scores, boxes = decode(values, stride, score)
    expected = []
    for row in range(rows):
        for column in range(columns):
            face, fits, x, y, width, height = map(float, values[row, column, :6])
            value = math.sqrt(1 / (1 + math.exp(-face)) / (1 + math.exp(-fits)))
            if value < score:
                continue
            x, y = (x + column) * stride, (y + row) * stride
            width, height = (math.exp(min(side, 8)) * stride for side in (width, height))
            box = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
            expected.append((value, box))
    assert len(scores) == len(boxes) == len(expected)
    for number, (value, box) in enumerate(expected):
        assert scores[number] == pytest.approx(value, rel=1e-9)
        np.testing.assert_allclose(boxes[number], box, rtol=1e-9, atol=1e-9)


def test_sizes_without_bound_stay_finite() -> None:
    values = np.full((1, 1, 16), 300, np.float32)
    _, boxes = decode(values, 32, 0.5)
    assert np.isfinite(boxes).all()
