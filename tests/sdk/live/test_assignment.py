"""The assignment against trying every one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from facesdk.live.assignment import assign

tables = arrays(
    np.float64,
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
    elements=st.floats(0, 1000) | st.just(np.inf),
)


def every(cost: np.ndarray) -> tuple[int, float]:
    """Most pairs that can be, and of those choices the least sum, by trying all."""
    table = cost if cost.shape[0] <= cost.shape[1] else cost.T
    best = (0, 0.0)
    for columns in itertools.permutations(range(table.shape[1]), table.shape[0]):
        values = [table[row, column] for row, column in enumerate(columns)]
        allowed = [value for value in values if np.isfinite(value)]
        best = min(best, (-len(allowed), sum(allowed)))
    return -best[0], best[1]


@given(tables)
def test_it_is_as_good_as_the_best_of_all(cost: np.ndarray) -> None:
    pairs = assign(cost)
    assert len({row for row, _ in pairs}) == len(pairs) == len({column for _, column in pairs})
    assert all(np.isfinite(cost[pair]) for pair in pairs)
    count, least = every(cost)
    assert len(pairs) == count
    assert sum(cost[pair] for pair in pairs) == pytest.approx(least, abs=1e-5)


def test_nobody_and_nothing_give_no_pairs() -> None:
    assert assign([]) == []
    assert assign(np.empty((3, 0))) == []
    assert assign([[np.inf]]) == []
