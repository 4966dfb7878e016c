"""Which photo of a list each crop shows, if some photos gave none and the order is kept.

Data sets come as crops numbered anew, beside a table of labels of all photos. The crops' embeddings
tell which labels are likely, and the order tells the rest: a hidden Markov model whose states are
the photos and whose steps skip some, fitted by expectation and maximisation (L. Baum, T. Petrie, G.
Soules and N. Weiss, "A maximization technique occurring in the statistical analysis of
probabilistic functions of Markov chains", 1970). A crop's embedding is normally distributed around
a sum of vectors, one for each label of its photo.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

Numbers = NDArray[np.float64]

PASSES = 10
DIRECTIONS = 96
"""Of most variance, in which embeddings are looked at."""

_RIDGE = 1e-3


@dataclass(frozen=True)
class Placement:
    """Where crops are in the list.

    Attributes:
        photos: int64 ``(K,)``, the most probable row of each crop.
        certainty: float ``(K,)``, the probability of that row, 0 to 1.
        gain: How much likelier the embeddings are so than if labels said nothing about them, as a
            natural logarithm for each crop. That of a shuffled list tells what chance gives.
    """

    photos: NDArray[np.int64]
    certainty: Numbers
    gain: float


def place(vectors: NDArray[np.float32], labels: NDArray[np.bool_]) -> Placement:
    """Find the photo of each crop.

    Args:
        vectors: ``(K, D)``, an embedding of each crop.
        labels: ``(N, L)``, which labels each photo has, N at least K.
    """
    x, y = _whitened(vectors), labels.astype(np.float64)
    skipped = 1.0 - len(x) / len(y)
    posterior, gain = _posterior(np.zeros((len(x), len(y) - len(x) + 1)), skipped)
    for _ in range(PASSES):
        posterior, gain = _posterior(_log_ratios(x, y, posterior), skipped)
    photos = posterior.argmax(axis=1) + np.arange(len(x))
    return Placement(photos, posterior.max(axis=1), gain / len(x))


def _whitened(vectors: NDArray[np.float32]) -> Numbers:
    centred = vectors.astype(np.float64) - vectors.mean(axis=0)
    u, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    kept = min(DIRECTIONS, int((sizes > 1e-6 * sizes[0]).sum()))
    return np.asarray(u[:, :kept] * len(vectors) ** 0.5)


def _log_ratios(x: Numbers, y: Numbers, posterior: Numbers) -> Numbers:
    """How much likelier each crop is of each photo than of any: log, ``(K, skips)``.

    Means and covariance are the likeliest for this posterior. Column d is for the photo that is d
    rows further down the list than the crop is in its own.
    """
    crops, skips = posterior.shape
    rows = np.arange(crops)[:, np.newaxis] + np.arange(skips)
    shown = np.bincount(rows.ravel(), posterior.ravel(), len(y))
    expected = np.stack([p @ y[k : k + skips] for k, p in enumerate(posterior)])
    moments, products = (y.T * shown) @ y, expected.T @ x
    weights = np.linalg.solve(moments + _RIDGE * np.eye(len(moments)), products)
    fitted = weights.T @ products
    covariance = (x.T @ x - fitted - fitted.T + weights.T @ moments @ weights) / crops
    root = np.linalg.cholesky(np.linalg.inv(covariance + _RIDGE * np.eye(len(covariance))))
    means, turned = y @ weights @ root, x @ root
    ratios = np.empty_like(posterior)
    for k, row in enumerate(turned):
        around = ((row - means[k : k + skips]) ** 2).sum(axis=1)
        ratios[k] = 0.5 * (x[k] @ x[k] - around)
    return ratios + np.log(np.diag(root)).sum()


def _posterior(log_ratios: Numbers, skipped: float) -> tuple[Numbers, float]:
    """The probability of each photo for each crop ``(K, skips)``, and the log of the evidence.

    Args:
        log_ratios: Of :func:`_log_ratios`.
        skipped: Share of the photos that gave no crop.
    """
    crops, skips = log_ratios.shape
    step = [1.0 - skipped], [1.0, -skipped]
    highest = log_ratios.max(axis=1, keepdims=True)
    likelihood = np.exp(log_ratios - highest)
    forward = np.empty_like(likelihood)
    now, evidence = lfilter(*step, np.eye(1, skips)[0]), float(highest.sum())
    for k in range(crops):
        now = likelihood[k] * (lfilter(*step, now) if k else now)
        evidence += float(np.log(now.sum()))
        now = forward[k] = now / now.sum()
    later = skipped ** np.arange(skips)[::-1]
    evidence += float(np.log(now @ later))
    posterior = forward * later
    for k in range(crops - 1)[::-1]:
        later = lfilter(*step, (likelihood[k + 1] * later)[::-1])[::-1]
        later /= later.sum()
        posterior[k] = forward[k] * later
    return posterior / posterior.sum(axis=1, keepdims=True), evidence
