from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facesdk.errors import InputError
from facesdk_training.compression.low_rank.ranks import (
    noise_variance,
    rank_by_energy,
    rank_by_evbmf,
)


def planted(rows: int, columns: int, rank: int, noise: float, seed: int) -> np.ndarray:
    """A matrix with singular values well above those of its noise."""
    rng = np.random.default_rng(seed)
    left, _ = np.linalg.qr(rng.normal(size=(rows, max(rank, 1))))
    right, _ = np.linalg.qr(rng.normal(size=(columns, max(rank, 1))))
    values = (np.sqrt(rows) + np.sqrt(columns)) * np.linspace(2.5, 4.0, max(rank, 1))
    signal = (left * values) @ right.T if rank else 0.0
    return noise * (signal + rng.normal(size=(rows, columns)))


@settings(max_examples=25)
@given(
    st.integers(30, 60),
    st.integers(30, 120),
    st.integers(0, 8),
    st.sampled_from([1e-3, 1.0, 50.0]),
    st.integers(0, 99),
)
def test_evbmf_counts_the_components_above_the_noise(
    rows: int, columns: int, rank: int, noise: float, seed: int
) -> None:
    matrix = planted(rows, columns, rank, noise, seed)
    assert rank_by_evbmf(matrix) == rank
    assert rank_by_evbmf(matrix.T) == rank
    deviation = np.sqrt(
        2 / ((rows - rank) * (columns - rank))
    )  # of the variance of so many numbers
    assert noise_variance(matrix) == pytest.approx(noise**2, rel=6 * deviation)


def test_a_matrix_of_zeros_has_no_components() -> None:
    assert rank_by_evbmf(np.zeros((5, 9))) == 0


@settings(max_examples=50)
@given(st.integers(1, 9), st.integers(1, 9), st.floats(0.01, 1.0), st.integers(0, 99))
def test_energy_is_the_least_rank_whose_best_approximation_holds_it(
    rows: int, columns: int, share: float, seed: int
) -> None:
    matrix = np.random.default_rng(seed).normal(size=(rows, columns))
    rank = rank_by_energy(matrix, share)
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    total = (matrix**2).sum()

    def missing(count: int) -> float:
        return float(((matrix - (left[:, :count] * values[:count]) @ right[:count]) ** 2).sum())

    assert missing(rank) <= (1 - share) * total + 1e-9 * total
    assert rank == 1 or missing(rank - 1) > (1 - share) * total - 1e-9 * total


@pytest.mark.parametrize("share", [0.0, -1.0, 1.01])
def test_no_such_share(share: float) -> None:
    with pytest.raises(InputError, match="energy must be"):
        rank_by_energy(np.eye(3), share)
