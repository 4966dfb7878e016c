"""Measures of 1:1 verification, from similarities and whether each pair is of one person.

A pair is accepted when its similarity is at or above the threshold, as in
:func:`facesdk.recognition.matching.compare`. Terms follow ISO/IEC 19795-1: FMR is the share of
different-person pairs that are accepted, FNMR that of same-person pairs that are not; TAR = 1 -
FNMR at a FAR (the same as FMR here, where every pair gives a similarity).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facesdk.errors import InputError

MIN_FALSE_ACCEPTS = 3
"""A FAR is reported only if at least this many false accepts are expected at it. With fewer, it is
likelier than 5 % to see none at all, so the pairs cannot tell that rate from 0: the "rule of three"
of J. Hanley and A. Lippman-Hand, "If nothing goes wrong, is everything all right?", JAMA, 1983."""

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class CrossValidation:
    """Accuracy on each fold at a threshold chosen without it.

    Attributes:
        accuracies: float64 ``(F,)``, share of the fold's pairs decided rightly, 0 to 1.
        thresholds: float64 ``(F,)``, the threshold used on the fold, from the other folds.
    """

    accuracies: NDArray[np.float64]
    thresholds: NDArray[np.float64]

    @property
    def mean(self) -> float:
        """Mean accuracy of the folds."""
        return float(self.accuracies.mean())

    @property
    def std(self) -> float:
        """Standard deviation of the folds' accuracies (of these folds: divided by F, not F - 1)."""
        return float(self.accuracies.std())


@dataclass(frozen=True, slots=True, eq=False)
class ErrorCurve:
    """Both error rates at every threshold that matters: the ROC and the DET curve.

    ROC plots ``1 - fnmr`` over ``fmr``, DET plots ``fnmr`` over ``fmr`` on normal deviates. The
    first point accepts nothing (threshold infinity), then each distinct similarity is a threshold,
    from the highest to the lowest, which accepts all.

    Attributes:
        thresholds: float64 ``(T,)``, falling.
        fmr: float64 ``(T,)``, rising from 0 to 1.
        fnmr: float64 ``(T,)``, falling from 1 to 0.
        negatives: Number of different-person pairs.
    """

    thresholds: NDArray[np.float64]
    fmr: NDArray[np.float64]
    fnmr: NDArray[np.float64]
    negatives: int


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """What a threshold gives.

    Attributes:
        far: The false accept rate aimed at; the measured one is at most that.
        tar: Share of same-person pairs accepted, 0 to 1.
        threshold: The lowest similarity that keeps the false accept rate.
    """

    far: float
    tar: float
    threshold: float


@dataclass(frozen=True, slots=True)
class ErrorRates:
    """Both error rates at one threshold.

    Attributes:
        threshold: Similarity from which a pair is accepted.
        fmr: Share of different-person pairs that are accepted, 0 to 1.
        fnmr: Share of same-person pairs that are not, 0 to 1.
    """

    threshold: float
    fmr: float
    fnmr: float


def best_threshold(similarities: ArrayLike, same: ArrayLike) -> float:
    """The threshold with the most right decisions.

    Candidates lie halfway between neighbouring similarities; of equally good ones the middle one
    is taken. If accepting all, or none, is best, it is the lowest or just above the highest
    similarity.

    Args:
        similarities: ``(P,)``.
        same: bool ``(P,)``, True for pairs of one person.

    Raises:
        InputError: As :func:`error_curve`.
    """
    scores, labels = _checked(similarities, same)
    values, accepted_same, accepted_different = _accepted(scores, labels)
    right = accepted_same - accepted_different
    upper, lower = values[1:-1], values[2:]
    halfway = np.where((upper + lower) / 2 > lower, (upper + lower) / 2, upper)
    candidates = np.concatenate([[np.nextafter(values[1], np.inf)], halfway, values[-1:]])
    best = np.flatnonzero(right == right.max())
    return float(candidates[best[len(best) // 2]])


def cross_validate(similarities: ArrayLike, same: ArrayLike, folds: ArrayLike) -> CrossValidation:
    """Accuracy on each fold, at the threshold that is best on all the other folds together.

    This is LFW's protocol for "View 2" (UMass Amherst TR 07-49).

    Args:
        similarities: ``(P,)``.
        same: bool ``(P,)``.
        folds: integer ``(P,)``, the fold of each pair, 0 to F - 1 with F at least 2.

    Raises:
        InputError: As :func:`error_curve` for the rest of any fold, or a fold has no pair.
    """
    scores, labels = np.asarray(similarities, np.float64), np.asarray(same, bool)
    fold_of = np.asarray(folds)
    if fold_of.shape != scores.shape or not np.issubdtype(fold_of.dtype, np.integer):
        raise InputError(
            f"folds must be integers with shape {scores.shape}, "
            f"but got {fold_of.dtype} with shape {fold_of.shape}"
        )
    names = np.unique(fold_of)
    if len(names) < 2 or not np.array_equal(names, np.arange(len(names))):
        raise InputError(f"folds must be 0 to F - 1, F at least 2, but got {names.tolist()}")
    accuracies, thresholds = np.empty(len(names)), np.empty(len(names))
    for fold in names:
        tested = fold_of == fold
        thresholds[fold] = best_threshold(scores[~tested], labels[~tested])
        accepted = scores[tested] >= thresholds[fold]
        accuracies[fold] = np.mean(accepted == labels[tested])
    return CrossValidation(accuracies, thresholds)


def error_curve(similarities: ArrayLike, same: ArrayLike) -> ErrorCurve:
    """False match and false non-match rate at every threshold that matters.

    Args:
        similarities: ``(P,)``, finite.
        same: bool ``(P,)``, with pairs of both kinds.

    Raises:
        InputError: Shapes differ, a similarity is not finite, or one kind of pair is missing.
    """
    scores, labels = _checked(similarities, same)
    values, accepted_same, accepted_different = _accepted(scores, labels)
    positives = int(labels.sum())
    negatives = labels.size - positives
    return ErrorCurve(
        values, accepted_different / negatives, 1 - accepted_same / positives, negatives
    )


def tar_at_far(curve: ErrorCurve, fars: Iterable[float]) -> tuple[OperatingPoint, ...]:
    """The true accept rate where the false accept rate is at most each of ``fars``.

    A rate is left out where the negative pairs cannot show it, that is where fewer than
    :data:`MIN_FALSE_ACCEPTS` are expected: 3,000 negatives support 1e-3 but not 1e-4.

    Args:
        curve: From :func:`error_curve`.
        fars: False accept rates, above 0 and below 1.

    Raises:
        InputError: A rate is out of range.
    """
    points = []
    for far in fars:
        if not 0 < far < 1:
            raise InputError(f"a false accept rate must be above 0 and below 1, but got {far}")
        if far * curve.negatives < MIN_FALSE_ACCEPTS - _ROUNDING:
            continue
        at = int(np.flatnonzero(curve.fmr <= far + _ROUNDING)[-1])
        points.append(OperatingPoint(far, float(1 - curve.fnmr[at]), float(curve.thresholds[at])))
    return tuple(points)


def error_rates(curve: ErrorCurve, threshold: float) -> ErrorRates:
    """Both error rates at any threshold.

    Args:
        curve: From :func:`error_curve`.
        threshold: Similarity from which a pair is accepted; finite.
    """
    at = int(np.count_nonzero(curve.thresholds >= threshold)) - 1
    return ErrorRates(threshold, float(curve.fmr[at]), float(curve.fnmr[at]))


def equal_error_rate(curve: ErrorCurve) -> float:
    """The rate at which FMR and FNMR are equal, between two thresholds by linear interpolation."""
    gap = curve.fmr - curve.fnmr
    right = int(np.flatnonzero(gap >= 0)[0])
    left = right - 1
    share = -gap[left] / (gap[right] - gap[left])
    return float(curve.fmr[left] + share * (curve.fmr[right] - curve.fmr[left]))


def _checked(
    similarities: ArrayLike, same: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    scores, labels = np.asarray(similarities, np.float64), np.asarray(same)
    if scores.ndim != 1 or labels.shape != scores.shape or labels.dtype != np.bool_:
        raise InputError(
            "similarities and same must have one shape (P,), same must be bool, "
            f"but got {scores.shape} and {labels.dtype} {labels.shape}"
        )
    if not np.isfinite(scores).all():
        raise InputError("similarities must be finite, but got one that is not")
    if labels.all() or not labels.any():
        raise InputError("pairs of the same and of different people are needed, but got one kind")
    return scores, labels


def _accepted(
    scores: NDArray[np.float64], same: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.int64]]:
    """Falling thresholds, and how many pairs of each kind each of them accepts."""
    values, index = np.unique(-scores, return_inverse=True)
    accepted = [
        np.concatenate([[0], np.cumsum(np.bincount(index[kind], minlength=len(values)))])
        for kind in (same, ~same)
    ]
    return np.concatenate([[np.inf], -values]), accepted[0], accepted[1]
