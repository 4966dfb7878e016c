"""How many components of a matrix are worth keeping.

Two rules. *Energy*: the fewest singular values that hold a share of the sum of all their squares.
*EVBMF*, which has no parameter: S. Nakajima, M. Sugiyama, S. D. Babacan and R. Tomioka, "Global
Analytic Solution of Fully-Observed Variational Bayesian Matrix Factorization", JMLR 14, 2013,
theorem 2 and corollary 3. It takes a matrix as a product of thin Gaussian factors plus white noise
and counts the components that an empirical Bayesian would not take for noise. With L <= M the sides
and a = L / M, singular value g stays if

    g^2 > M s^2 (1 + t) (1 + a / t),     phi(t) + phi(t / a) = 0,  phi(z) = log(z + 1) / z - 1/2

where the variance s^2 of the noise minimises the free energy, in x = g^2 / (M s^2),

    sum over kept:  x - tau + log((tau + 1) / x) + a log(tau / a + 1),
    sum over others: x - log x,     tau = (x - 1 - a + sqrt((x - 1 - a)^2 - 4 a)) / 2

Cost: a singular value decomposition.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize_scalar

from facesdk.errors import InputError

_GRID = 200
_TINY = 1e-12


def rank_by_energy(matrix: NDArray[np.floating], share: float) -> int:
    """The fewest singular values that hold ``share`` of the sum of squares; at least 1.

    Raises:
        InputError: The share is not above 0 and at most 1.
    """
    if not 0 < share <= 1:
        raise InputError(f"energy must be above 0 and at most 1, but got {share:g}")
    squares = np.linalg.svd(np.asarray(matrix, np.float64), compute_uv=False) ** 2
    sums = np.cumsum(squares)
    return int(np.searchsorted(sums, share * sums[-1] * (1 - _TINY)) + 1)


def rank_by_evbmf(matrix: NDArray[np.floating]) -> int:
    """The components that are no noise, 0 to the smaller side."""
    return int(np.count_nonzero(_kept(matrix)))


def noise_variance(matrix: NDArray[np.floating]) -> float:
    """Variance of the noise per entry, as EVBMF estimates it."""
    values, sides = _spectrum(matrix)
    return _variance(values, *sides)


def _kept(matrix: NDArray[np.floating]) -> NDArray[np.bool_]:
    values, (small, large) = _spectrum(matrix)
    if not values.any():
        return np.zeros(len(values), bool)
    limit = large * _variance(values, small, large) * _threshold(small / large)
    return np.asarray(values**2 > limit)


def _spectrum(matrix: NDArray[np.floating]) -> tuple[NDArray[np.float64], tuple[int, int]]:
    small, large = sorted(matrix.shape)
    return np.linalg.svd(np.asarray(matrix, np.float64), compute_uv=False), (small, large)


def _threshold(ratio: float) -> float:
    """The least x that is kept."""

    def balance(t: float) -> float:
        return _phi(t) + _phi(t / ratio)

    t = brentq(balance, 1e-6 * np.sqrt(ratio), 10.0)
    return float((1 + t) * (1 + ratio / t))


def _phi(z: float) -> float:
    return float(np.log1p(z) / z - 0.5)


def _variance(values: NDArray[np.float64], small: int, large: int) -> float:
    ratio = small / large
    squares = values**2 / large
    least = _threshold(ratio)
    first_noise = min(int(np.ceil(small / (1 + ratio))) - 1, small - 1)
    upper = squares.sum() / small
    lower = max(squares[first_noise] / least, squares[first_noise:].mean(), _TINY * upper)
    if lower >= upper:
        return float(upper)

    def energy(logarithm: float) -> float:
        x = np.maximum(squares / np.exp(logarithm), _TINY)
        signal, noise = x[x > least], x[x <= least]
        tau = (signal - 1 - ratio + np.sqrt((signal - 1 - ratio) ** 2 - 4 * ratio)) / 2
        kept = signal - tau + np.log((tau + 1) / signal) + ratio * np.log1p(tau / ratio)
        return float(kept.sum() + (noise - np.log(noise)).sum())

    # energy() leaves out log s^2 terms: x - log x holds those of all L components.
    grid = np.linspace(np.log(lower), np.log(upper), _GRID)
    best = int(np.argmin([energy(point) for point in grid]))
    ends = grid[max(best - 1, 0)], grid[min(best + 1, _GRID - 1)]
    found = minimize_scalar(energy, bounds=ends, method="bounded").x
    return float(np.exp(found))
