"""Strangers of a set without a direction, counted pair by pair."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from tools.experiments.recogniser.means_of_sets import Strangers, without


@pytest.fixture
def strangers() -> Strangers:
    """Unit vectors that share a direction; two crops of each third person."""
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(60, 8)) + [3.0, 0, 0, 0, 0, 0, 0, 0]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    people = np.repeat(np.arange(45), [2, 1, 1] * 15)
    return Strangers(vectors.astype(np.float32), people, rng.random(60) < 0.5)


def test_what_passes_is_counted_among_strangers(strangers: Strangers) -> None:
    direction = np.eye(8, dtype=np.float32)[0]
    rows = ~strangers.fitted
    found, passing = 0, 0
    for a, b in combinations(np.flatnonzero(rows), 2):
        if strangers.people[a] == strangers.people[b]:
            continue
        x, y = (strangers.vectors[row][1:].astype(np.float64) for row in (a, b))
        found += 1
        passing += x @ y / np.linalg.norm(x) / np.linalg.norm(y) >= 0.25
    assert strangers.passing(direction, 0.25, rows) == pytest.approx(passing / found)


def test_the_mean_is_that_of_the_fitted_half_and_leaves_nothing_of_it(
    strangers: Strangers,
) -> None:
    half = strangers.vectors[strangers.fitted].astype(np.float64).mean(axis=0)
    np.testing.assert_allclose(strangers.mean, half / np.linalg.norm(half), atol=1e-6)
    rest = without(strangers.vectors, strangers.mean)
    np.testing.assert_allclose(rest @ strangers.mean, 0, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(rest, axis=1), 1, atol=1e-6)


def test_nothing_is_taken_out_by_no_direction(strangers: Strangers) -> None:
    same = without(strangers.vectors, np.zeros(8, np.float32))
    np.testing.assert_allclose(same, strangers.vectors, atol=1e-6)
