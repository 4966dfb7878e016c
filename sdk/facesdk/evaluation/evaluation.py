"""All figures of a model on a verification set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.evaluation.calibration import REPORTED_FMRS
from facesdk.evaluation.intervals import Interval, bootstrap, wilson
from facesdk.evaluation.sets.verification_set import VerificationSet
from facesdk.evaluation.subject import Subject
from facesdk.evaluation.verification import (
    ErrorCurve,
    ErrorRates,
    OperatingPoint,
    cross_validate,
    equal_error_rate,
    error_curve,
    error_rates,
    tar_at_far,
)
from facesdk.models.contract import Threshold
from facesdk.results import FloatArray

_PAIRS_AT_ONCE = 1 << 16


@dataclass(frozen=True, slots=True)
class RecommendedPoint:
    """What a threshold of the model's contract gives on these pairs.

    Attributes:
        aimed: The false match rate that it was calibrated for.
        rates: The rates it has here.
        fmr_interval: 95 % interval of its FMR.
        fnmr_interval: 95 % interval of its FNMR.
    """

    aimed: float
    rates: ErrorRates
    fmr_interval: Interval
    fnmr_interval: Interval


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How well a model verifies faces. Rates are 0 to 1; intervals are of 95 % confidence.

    Attributes:
        protocol: Name of the verification set's protocol.
        subject: What was measured.
        accuracies: Share of right decisions on each fold, at a threshold from the other folds;
            empty where the pairs could not be split into folds.
        thresholds: The threshold used on each fold.
        pairs: Number of pairs.
        negatives: Number of those of two people.
        photos: Number of different photos in them.
        undetected: Number of photos without a detected face; None if unknown.
        equal_error_rate: Where FMR and FNMR meet, over all pairs.
        equal_error_rate_interval: Its interval.
        tar_at_far: True accept rates over all pairs.
        tar_intervals: Their intervals.
        recommended: For each threshold of the model's contract what it gives here.
        similarities: float64 ``(P,)``, the score of each pair.
        curve: The ROC and DET curve.
    """

    protocol: str
    subject: Subject
    accuracies: tuple[float, ...]
    thresholds: tuple[float, ...]
    pairs: int
    negatives: int
    photos: int
    undetected: int | None
    equal_error_rate: float
    equal_error_rate_interval: Interval
    tar_at_far: tuple[OperatingPoint, ...]
    tar_intervals: tuple[Interval, ...]
    recommended: tuple[RecommendedPoint, ...]
    similarities: NDArray[np.float64] = field(compare=False, repr=False)
    curve: ErrorCurve = field(compare=False, repr=False)

    @property
    def accuracy(self) -> float | None:
        """Mean accuracy of the folds; None without folds."""
        return float(np.mean(self.accuracies)) if self.accuracies else None

    @property
    def std(self) -> float | None:
        """Standard deviation of the folds' accuracies (divided by the number of folds)."""
        return float(np.std(self.accuracies)) if self.accuracies else None

    def to_dict(self) -> dict[str, Any]:
        """The record that ``facesdk evaluate --json`` prints."""
        return {
            "protocol": self.protocol,
            "model": self.subject.model,
            "model_id": self.subject.model_id,
            "detector": self.subject.detector,
            "template": self.subject.template,
            "flip": self.subject.flip,
            "accuracy": _rounded(self.accuracy),
            "std": _rounded(self.std),
            "folds": len(self.accuracies),
            "fold_accuracies": [round(value, 6) for value in self.accuracies],
            "threshold_mean": _rounded(np.mean(self.thresholds) if self.thresholds else None),
            "threshold_std": _rounded(np.std(self.thresholds) if self.thresholds else None),
            "pairs": self.pairs,
            "positive_pairs": self.pairs - self.negatives,
            "negative_pairs": self.negatives,
            "photos": self.photos,
            "undetected": self.undetected,
            "equal_error_rate": round(self.equal_error_rate, 6),
            "equal_error_rate_interval": _pair(self.equal_error_rate_interval),
            "tar_at_far": {f"{point.far:g}": round(point.tar, 6) for point in self.tar_at_far},
            "tar_at_far_interval": {
                f"{point.far:g}": _pair(interval)
                for point, interval in zip(self.tar_at_far, self.tar_intervals, strict=True)
            },
            "at_recommended_thresholds": {
                f"{point.aimed:g}": {
                    "threshold": point.rates.threshold,
                    "fmr": round(point.rates.fmr, 6),
                    "fmr_interval": _pair(point.fmr_interval),
                    "fnmr": round(point.rates.fnmr, 6),
                    "fnmr_interval": _pair(point.fnmr_interval),
                }
                for point in self.recommended
            },
        }


def evaluate(
    pairs: VerificationSet,
    vectors: FloatArray,
    subject: Subject,
    *,
    thresholds: Sequence[Threshold] = (),
    undetected: int | None = None,
) -> Evaluation:
    """Score every pair by cosine similarity and measure.

    Args:
        pairs: The set.
        vectors: float32 ``(N, D)``, embeddings of its images, of norm 1 or less.
        subject: What made them.
        thresholds: Those that the model recommends.
        undetected: Number of photos without a detected face; None if unknown.

    Raises:
        InputError: Pairs of one kind are missing.
    """
    similarities = pair_similarities(pairs, vectors)
    curve = error_curve(similarities, pairs.same)
    points = tar_at_far(curve, REPORTED_FMRS)
    intervals = bootstrap(similarities, pairs.same, [point.far for point in points], pairs.people)
    folded = pairs.folds >= 0
    validation = (
        cross_validate(similarities[folded], pairs.same[folded], pairs.folds[folded])
        if folded.any()
        else None
    )
    positives = len(similarities) - curve.negatives
    rates = [(row.fmr, error_rates(curve, row.similarity)) for row in thresholds]
    return Evaluation(
        protocol=pairs.name,
        subject=subject,
        accuracies=tuple(validation.accuracies.tolist()) if validation else (),
        thresholds=tuple(validation.thresholds.tolist()) if validation else (),
        pairs=len(similarities),
        negatives=curve.negatives,
        photos=len(pairs.names),
        undetected=undetected,
        equal_error_rate=equal_error_rate(curve),
        equal_error_rate_interval=intervals.equal_error_rate,
        tar_at_far=points,
        tar_intervals=intervals.tar,
        recommended=tuple(
            RecommendedPoint(aimed, at, wilson(at.fmr, curve.negatives), wilson(at.fnmr, positives))
            for aimed, at in rates
        ),
        similarities=similarities,
        curve=curve,
    )


def pair_similarities(pairs: VerificationSet, vectors: FloatArray) -> NDArray[np.float64]:
    """Cosine similarity of each pair, float64 ``(P,)``, from embeddings ``(N, D)``."""
    result = np.empty(len(pairs.same))
    for start in range(0, len(result), _PAIRS_AT_ONCE):
        rows = slice(start, start + _PAIRS_AT_ONCE)
        first, second = vectors[pairs.first[rows]], vectors[pairs.second[rows]]
        result[rows] = np.einsum("ij,ij->i", first.astype(np.float64), second.astype(np.float64))
    return result


def _rounded(value: Any) -> float | None:
    return None if value is None else round(float(value), 6)


def _pair(interval: Interval) -> list[float]:
    return [round(end, 6) for end in interval]
