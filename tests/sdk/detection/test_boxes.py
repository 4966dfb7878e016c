"""Box arithmetic against loops that follow the definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from facesdk.detection import boxes


def random_boxes(seed: int, count: int) -> np.ndarray:
    """Boxes with whole coordinates in a small area, so that many overlap and some are equal."""
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, 12, (count, 2))
    return np.hstack([corners, corners + rng.integers(1, 9, (count, 2))]).astype(float)


def share(a: np.ndarray, b: np.ndarray, of_smaller: bool) -> float:
    """The overlap by counting unit squares."""
    cells = [
        {(x, y) for x in range(int(c[0]), int(c[2])) for y in range(int(c[1]), int(c[3]))}
        for c in (a, b)
    ]
    common = len(cells[0] & cells[1])
    whole = min(map(len, cells)) if of_smaller else len(cells[0] | cells[1])
    return common / whole


def naive_suppress(rows, scores, threshold, of_smaller):
    kept: list[int] = []
    for index in sorted(range(len(rows)), key=lambda i: -scores[i]):
        if all(share(rows[index], rows[other], of_smaller) <= threshold for other in kept):
            kept.append(index)
    return kept


@pytest.mark.parametrize("of_smaller", [False, True])
def test_overlaps_count_shared_area(of_smaller):
    a, b = random_boxes(0, 12), random_boxes(1, 9)
    expected = [[share(row, other, of_smaller) for other in b] for row in a]
    np.testing.assert_allclose(boxes.overlaps(a, b, of_smaller=of_smaller), expected)


def test_boxes_without_area_overlap_with_nothing():
    point = np.array([[3.0, 3, 3, 3]])
    assert boxes.overlaps(point, point) == 0


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(0, 40),
    threshold=st.sampled_from([0.0, 0.3, 0.5, 0.7]),
    of_smaller=st.booleans(),
)
def test_suppress_follows_the_greedy_definition(seed, count, threshold, of_smaller):
    rows = random_boxes(seed, count)
    scores = np.random.default_rng(seed).integers(0, 10, count) / 10
    kept = boxes.suppress(rows, scores, threshold, of_smaller=of_smaller)
    assert kept.tolist() == naive_suppress(rows, scores, threshold, of_smaller)


@pytest.mark.parametrize("block", [1, 3, 7])
def test_suppress_does_not_depend_on_its_blocks(monkeypatch, block):
    rows, scores = random_boxes(5, 60), np.random.default_rng(5).random(60)
    expected = boxes.suppress(rows, scores, 0.3)
    monkeypatch.setattr(boxes, "_BLOCK", block)
    np.testing.assert_array_equal(boxes.suppress(rows, scores, 0.3), expected)


def test_regress_moves_edges_by_shares_of_the_size():
    moved = boxes.regress(np.array([[10.0, 20, 30, 60]]), np.array([[0.1, -0.25, 0.5, 0.0]]))
    np.testing.assert_allclose(moved, [[12, 10, 40, 60]])


def test_squared_keeps_the_centre_and_the_longer_side():
    square = boxes.squared(np.array([[10.0, 20, 30, 60], [0, 0, 8, 2]]))
    np.testing.assert_allclose(square, [[0, 20, 40, 60], [0, -3, 8, 5]])
