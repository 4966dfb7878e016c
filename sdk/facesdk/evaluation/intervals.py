"""How far measured rates can be trusted: 95 % confidence intervals.

- A rate at a threshold that was fixed before is a share of independent decisions: Wilson's score
  interval (E. Wilson, "Probable inference, the law of succession, and statistical inference",
  JASA, 1927).
- TAR at a FAR, and the EER, also depend on a threshold that the same pairs decide: percentiles of a
  bootstrap (B. Efron, "Bootstrap methods", 1979) that draws pairs of each kind anew. Where the
  pairs are all those of some people they are not independent, and people are drawn instead, a pair
  counting as often as both of its people were drawn (R. Bolle, N. Ratha, S. Pankanti, "Error
  analysis of pattern recognition systems: the subsets bootstrap", CVIU, 2004). Where all draws
  agree, as with a handful of pairs that are all right, they know nothing: Wilson's interval of as
  many decisions as there are pairs of the rarer kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError

CONFIDENCE = 0.95
PAIR_RESAMPLES, PEOPLE_RESAMPLES = 1000, 200

_ROUNDING = 1e-9

Interval = tuple[float, float]
"""Lower and upper end."""


@dataclass(frozen=True, slots=True)
class BootstrapIntervals:
    """Intervals of what depends on a threshold chosen on the pairs themselves.

    Attributes:
        equal_error_rate: Of the EER.
        tar: Of the TAR at each FAR asked for, in that order.
    """

    equal_error_rate: Interval
    tar: tuple[Interval, ...]


def wilson(share: float, count: int, confidence: float = CONFIDENCE) -> Interval:
    """Wilson's score interval of a share.

    Args:
        share: Observed, 0 to 1.
        count: Number of decisions, at least 1.
        confidence: Above 0 and below 1.

    Raises:
        InputError: An argument is out of its range.
    """
    if count < 1 or not (0 <= share <= 1 and 0 < confidence < 1):
        raise InputError(
            f"an interval needs a share of at least one decision, but got {share} of {count} "
            f"with confidence {confidence}"
        )
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    scale = 1 + z * z / count
    centre = (share + z * z / (2 * count)) / scale
    margin = z / scale * sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return max(0.0, centre - margin), min(1.0, centre + margin)


def bootstrap(
    similarities: NDArray[np.float64],
    same: NDArray[np.bool_],
    fars: Sequence[float],
    people: NDArray[np.int64] | None = None,
    *,
    seed: int = 0,
) -> BootstrapIntervals:
    """Percentile intervals of the EER and of the TAR at each FAR.

    Args:
        similarities: float64 ``(P,)``, finite.
        same: bool ``(P,)``, with pairs of both kinds.
        fars: False accept rates, above 0 and below 1.
        people: int64 ``(P, 2)``, the people of each pair, from 0; None draws pairs.
        seed: Of the draws: the same seed gives the same intervals.
    """
    rng = np.random.default_rng(seed)
    order = np.argsort(-similarities, kind="stable")
    labels = same[order]
    ends = np.append(np.flatnonzero(np.diff(similarities[order])), len(order) - 1)
    resamples = PAIR_RESAMPLES if people is None else PEOPLE_RESAMPLES
    if people is not None:
        people = people[order]
    rates = []
    for _ in range(resamples):
        weights = _pair_weights(labels, rng) if people is None else _people_weights(people, rng)
        if weights[labels].any() and weights[~labels].any():
            rates.append(_rates(labels, ends, weights, fars))
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(rates, [tail, 100 - tail], axis=0)
    found = _rates(labels, ends, np.ones(len(labels), np.int64), fars)
    positives, negatives = int(labels.sum()), int((~labels).sum())
    counts = [min(positives, negatives), *[positives] * len(fars)]
    intervals = [
        (float(a), float(b)) if a < b else wilson(float(np.clip(rate, 0, 1)), count)
        for a, b, rate, count in zip(low, high, found, counts, strict=True)
    ]
    return BootstrapIntervals(intervals[0], tuple(intervals[1:]))


def _pair_weights(labels: NDArray[np.bool_], rng: np.random.Generator) -> NDArray[np.int64]:
    """How often each pair is drawn, each kind as often as it is there."""
    weights = np.empty(len(labels), np.int64)
    for kind in (labels, ~labels):
        count = int(kind.sum())
        weights[kind] = np.bincount(rng.integers(0, count, count), minlength=count)
    return weights


def _people_weights(people: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    count = int(people.max()) + 1
    drawn = np.bincount(rng.integers(0, count, count), minlength=count)
    first, second = drawn[people[:, 0]], drawn[people[:, 1]]
    return np.where(people[:, 0] == people[:, 1], first, first * second)


def _rates(
    labels: NDArray[np.bool_],
    ends: NDArray[np.int64],
    weights: NDArray[np.int64],
    fars: Sequence[float],
) -> list[float]:
    """The EER and the TARs of weighted pairs in the order of falling similarity.

    ``ends`` are the last pairs of each similarity: thresholds between equal ones do not exist.
    """
    tar = np.cumsum(np.where(labels, weights, 0))[ends]
    far = np.cumsum(np.where(labels, 0, weights))[ends]
    tar, far = (np.concatenate([[0.0], counts / counts[-1]]) for counts in (tar, far))
    right = int(np.argmax(far >= 1 - tar))
    gaps = far[right - 1 : right + 1] - (1 - tar[right - 1 : right + 1])
    step = -gaps[0] / (gaps[1] - gaps[0])
    equal = far[right - 1] + step * (far[right] - far[right - 1])
    at = (np.searchsorted(far, rate + _ROUNDING, side="right") - 1 for rate in fars)
    return [float(equal), *(float(tar[index]) for index in at)]
