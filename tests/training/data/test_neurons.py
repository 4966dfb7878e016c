"""Selection of a teacher's neurons, against every subset."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from facesdk.errors import InputError
from facesdk_training.data.neurons import (
    discriminative_shares,
    energy,
    select_neurons,
    squared_correlations,
)


def people(seed: int, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Neurons [240, D] of 24 people whose own noise is that large, and who they are."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(24), 10)
    means = rng.normal(size=(24, len(noise)))
    return means[labels] + noise * rng.normal(size=(240, len(noise))), labels


def test_shares_are_the_analysis_of_variance() -> None:
    values, labels = people(1, np.array([0.1, 1.0, 10.0]))
    values = np.concatenate([values, np.full((len(values), 1), 3.0)], axis=1)
    shares = discriminative_shares(values, labels)
    for column, share in enumerate(shares[:3]):
        x = values[:, column]
        within = sum(((x[labels == n] - x[labels == n].mean()) ** 2).sum() for n in range(24))
        assert share == pytest.approx(1 - within / ((x - x.mean()) ** 2).sum())
    assert shares[0] > 0.95 > 0.2 > shares[2]
    assert shares[3] == 0


def test_correlations_are_numpys() -> None:
    values, _ = people(2, np.ones(5))
    np.testing.assert_allclose(squared_correlations(values), np.corrcoef(values.T) ** 2, atol=1e-12)


@pytest.mark.parametrize("seed", range(6))
def test_no_subset_has_less_energy(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, labels = people(seed, rng.uniform(0.1, 3, 8))
    values[:, 1] = values[:, 0] + 0.1 * rng.normal(size=len(values))
    chosen = select_neurons(values, labels, 4)
    shares, redundancy = discriminative_shares(values, labels), squared_correlations(values)
    every = [np.array(subset) for subset in combinations(range(8), 4)]
    least = min(energy(subset, shares, redundancy) for subset in every)
    assert energy(chosen, shares, redundancy) == pytest.approx(least)


def test_copies_and_noise_are_left_out() -> None:
    values, labels = people(3, np.array([0.3, 0.3, 0.3, 9.0, 9.0]))
    doubled = np.concatenate([values, -2 * values[:, :2]], axis=1)
    chosen = set(select_neurons(doubled, labels, 3))
    assert 2 in chosen
    assert len(chosen & {0, 5}) == len(chosen & {1, 6}) == 1


def test_all_of_them_and_nonsense() -> None:
    values, labels = people(4, np.ones(3))
    np.testing.assert_array_equal(select_neurons(values, labels, 3), range(3))
    with pytest.raises(InputError, match="1 to 3 neurons of the teacher can be selected, not 4"):
        select_neurons(values, labels, 4)
    with pytest.raises(InputError, match="label 2 or more"):
        select_neurons(values, np.zeros_like(labels), 2)
