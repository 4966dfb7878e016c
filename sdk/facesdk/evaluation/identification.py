"""Measures of open-set identification, 1:N, on photos of people.

Some people are enrolled, by one photo or several; their other photos are *mated* probes. The rest
are strangers, all of whose photos are *non-mated* probes. Terms follow ISO/IEC 19795-1: the FNIR at
a threshold is the share of mated probes that are not given their own name (the best candidate is
somebody else, or below the threshold); the FPIR is the share of non-mated probes that are given
any name. Rank 1 is the share of mated probes whose best candidate is right, whatever the threshold.

Halves are swapped: first every other person is enrolled and the rest are strangers, then the other
way round, and the probes of both searches are counted together. Both galleries are of one size, or
differ by one person.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.evaluation.intervals import Interval, wilson
from facesdk.evaluation.subject import Subject
from facesdk.evaluation.verification import MIN_FALSE_ACCEPTS
from facesdk.models.contract import Threshold
from facesdk.recognition.open_set import RULES, fpir_of
from facesdk.results import FloatArray

REPORTED_FPIRS = (1e-1, 1e-2, 1e-3)
"""Rates at which the FNIR is reported, as far as there are probes for them."""

_ROUNDING = 1e-9
_PROBES_AT_ONCE = 256
_DET_POINTS = 200


@dataclass(frozen=True, slots=True)
class IdentificationPoint:
    """What a threshold gives.

    Attributes:
        threshold: From which similarity a probe is given a name; infinity where none keeps the
            rate.
        fpir: Share of non-mated probes that are given one, 0 to 1.
        fnir: Share of mated probes that are not given theirs, 0 to 1.
        fpir_interval: 95 % interval (Wilson), as if probes were independent.
        fnir_interval: The same of ``fnir``.
    """

    threshold: float
    fpir: float
    fnir: float
    fpir_interval: Interval
    fnir_interval: Interval

    def to_dict(self) -> dict[str, Any]:
        """Rates rounded to 1e-6, the threshold as it is."""
        return {
            "threshold": self.threshold if np.isfinite(self.threshold) else None,
            "fpir": round(self.fpir, 6),
            "fpir_interval": [round(value, 6) for value in self.fpir_interval],
            "fnir": round(self.fnir, 6),
            "fnir_interval": [round(value, 6) for value in self.fnir_interval],
        }


@dataclass(frozen=True, slots=True)
class Recommended:
    """What a threshold of the model's contract gives, and what the formula expects of it.

    Attributes:
        fmr: The false match rate that it was calibrated for.
        predicted_fpir: ``1 - (1 - fmr)**N`` for N templates.
        point: What it gives here.
    """

    fmr: float
    predicted_fpir: float
    point: IdentificationPoint


@dataclass(frozen=True, slots=True, eq=False)
class SearchScores:
    """What searches gave, before any threshold.

    Attributes:
        other: float64 ``(P,)``, the similarity of the best candidate who is somebody else; minus
            infinity where nobody else is enrolled.
        own: float64 ``(P,)``, that of the probe's own person; minus infinity for non-mated probes.
        mated: bool ``(P,)``, whether the probe's person is enrolled.
        templates: Number of templates in the gallery, on average over the searches.
        people: Number of people in it, likewise.
    """

    other: NDArray[np.float64]
    own: NDArray[np.float64]
    mated: NDArray[np.bool_]
    templates: float
    people: float


@dataclass(frozen=True, slots=True)
class IdentificationResult:
    """How well a model names people. Rates are 0 to 1.

    Attributes:
        subject: What was measured.
        rule: How a person's templates make one similarity.
        people: People in the gallery, on average over both halves.
        templates: Templates in it, likewise.
        mated: Number of mated probes.
        non_mated: Number of non-mated probes.
        rank1: Share of mated probes whose best candidate is right.
        rank1_interval: 95 % interval (Wilson).
        points: The lowest threshold that keeps each FPIR of :data:`REPORTED_FPIRS`, by that rate.
        recommended: The thresholds of the model's contract.
        undetected: Number of photos without a detected face; None if unknown.
        fpir: float64 ``(T,)``, the DET curve: rising.
        fnir: float64 ``(T,)``, falling.
        thresholds: float64 ``(T,)``, falling.
    """

    subject: Subject
    rule: str
    people: float
    templates: float
    mated: int
    non_mated: int
    rank1: float
    rank1_interval: Interval
    points: tuple[tuple[float, IdentificationPoint], ...]
    recommended: tuple[Recommended, ...]
    undetected: int | None
    fpir: NDArray[np.float64] = field(compare=False, repr=False)
    fnir: NDArray[np.float64] = field(compare=False, repr=False)
    thresholds: NDArray[np.float64] = field(compare=False, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """The record that ``facesdk evaluate identification --json`` prints."""
        shown = np.unique(np.linspace(0, len(self.fpir) - 1, _DET_POINTS).astype(int))
        curve = zip(self.thresholds[shown], self.fpir[shown], self.fnir[shown], strict=True)
        return {
            "model": self.subject.model,
            "model_id": self.subject.model_id,
            "detector": self.subject.detector,
            "template": self.subject.template,
            "flip": self.subject.flip,
            "rule": self.rule,
            "people": self.people,
            "templates_per_person": self.templates / self.people,
            "mated_probes": self.mated,
            "non_mated_probes": self.non_mated,
            "undetected": self.undetected,
            "rank1": round(self.rank1, 6),
            "rank1_interval": [round(value, 6) for value in self.rank1_interval],
            "at_fpir": {f"{rate:g}": point.to_dict() for rate, point in self.points},
            "at_recommended_thresholds": {
                f"{row.fmr:g}": {
                    **row.point.to_dict(),
                    "predicted_fpir": round(row.predicted_fpir, 6),
                }
                for row in self.recommended
            },
            "det": [
                {"threshold": float(t), "fpir": round(float(p), 6), "fnir": float(n)}
                for t, p, n in curve
                if np.isfinite(t)
            ],
        }


def require_searchable(people: Sequence[str], *, templates: int = 1, rule: str = "max") -> None:
    """Raise, before photos are embedded, where :func:`search_scores` would; arguments as of it."""
    if templates < 1:
        raise InputError(f"at least 1 template per person is needed, but got {templates}")
    if rule not in RULES:
        raise InputError(f"rule must be one of {', '.join(RULES)}, but got {rule!r}")
    counts = Counter(people)
    enough = sum(count > templates for count in counts.values())
    if enough < 2:
        raise InputError(
            f"identification needs two people with more than {templates} photo(s), but there are "
            f"{enough} of {len(counts)}"
        )


def search_scores(
    vectors: FloatArray, people: Sequence[str], *, templates: int = 1, rule: str = "max"
) -> SearchScores:
    """Search for every probe in the gallery of the other photos, both halves in turn.

    Args:
        vectors: float32 ``(N, dim)``, of norm 1 or less.
        people: The person on each photo.
        templates: Photos per person that are enrolled, the first ones; people with fewer photos
            more than that are only strangers.
        rule: One of :data:`facesdk.recognition.open_set.RULES`.

    Raises:
        InputError: An argument is out of its range, or there are no two people with enough photos.
    """
    require_searchable(people, templates=templates, rule=rule)
    names, labels = np.unique(np.asarray(people), return_inverse=True)
    labels = labels.reshape(-1)
    place = _places(labels)
    counts = np.bincount(labels, minlength=len(names))
    enrollable = [row for row in _shuffled(names) if counts[row] > templates]
    halves = (enrollable[::2], enrollable[1::2])
    parts = []
    for half in halves:
        enrolled = np.isin(labels, half)
        stored = enrolled & (place < templates)
        parts.append(_search(vectors, labels, stored, enrolled & ~stored, ~enrolled, rule))
    other, own, mated = (np.concatenate(column) for column in zip(*parts, strict=True))
    return SearchScores(other, own, mated, templates * len(enrollable) / 2, len(enrollable) / 2)


def measure(
    scores: SearchScores,
    subject: Subject,
    *,
    rule: str = "max",
    thresholds: Sequence[Threshold] = (),
    undetected: int | None = None,
) -> IdentificationResult:
    """All figures of searches.

    Args:
        scores: From :func:`search_scores`.
        subject: What made the vectors.
        rule: What ``search_scores`` was given.
        thresholds: Those that the model recommends.
        undetected: Number of photos without a detected face; None if unknown.
    """
    strangers = np.sort(scores.other[~scores.mated])[::-1]
    right = scores.own[scores.mated] > scores.other[scores.mated]
    hits = np.sort(scores.own[scores.mated][right])[::-1]
    counts = len(strangers), int(scores.mated.sum())
    levels = np.concatenate([[np.inf], np.unique(np.concatenate([strangers, hits]))[::-1]])
    fpir, fnir = _rates(levels, strangers, hits, counts)
    points = []
    for rate in REPORTED_FPIRS:
        if rate * counts[0] >= MIN_FALSE_ACCEPTS - _ROUNDING:
            at = int(np.flatnonzero(fpir <= rate + _ROUNDING)[-1])
            points.append((rate, _point(levels[at], fpir[at], fnir[at], counts)))
    recommended = []
    for row in thresholds:
        (one,), (other,) = _rates(np.array([row.similarity]), strangers, hits, counts)
        predicted = fpir_of(row.fmr, round(scores.templates))
        recommended.append(
            Recommended(row.fmr, predicted, _point(row.similarity, one, other, counts))
        )
    rank1 = float(right.mean())
    return IdentificationResult(
        subject=subject,
        rule=rule,
        people=scores.people,
        templates=scores.templates,
        mated=counts[1],
        non_mated=counts[0],
        rank1=rank1,
        rank1_interval=wilson(rank1, counts[1]),
        points=tuple(points),
        recommended=tuple(recommended),
        undetected=undetected,
        fpir=fpir,
        fnir=fnir,
        thresholds=levels,
    )


def _search(
    vectors: FloatArray,
    labels: NDArray[np.int64],
    stored: NDArray[np.bool_],
    mated: NDArray[np.bool_],
    strangers: NDArray[np.bool_],
    rule: str,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Of each probe the similarity to the best other and to itself, and whether it is mated."""
    rows = np.flatnonzero(stored)
    rows = rows[np.argsort(labels[rows], kind="stable")]
    people, starts, counts = np.unique(labels[rows], return_index=True, return_counts=True)
    probes = np.concatenate([np.flatnonzero(mated), np.flatnonzero(strangers)])
    other, own = np.empty(len(probes)), np.full(len(probes), -np.inf)
    for begin in range(0, len(probes), _PROBES_AT_ONCE):
        some = probes[begin : begin + _PROBES_AT_ONCE]
        similarities = vectors[some] @ vectors[rows].T
        if rule == "max":
            scores = np.maximum.reduceat(similarities, starts, axis=1).astype(np.float64)
        else:
            scores = np.add.reduceat(similarities.astype(np.float64), starts, axis=1) / counts
        where = np.minimum(np.searchsorted(people, labels[some]), len(people) - 1)
        is_mated = people[where] == labels[some]
        own[begin : begin + len(some)][is_mated] = scores[is_mated, where[is_mated]]
        scores[is_mated, where[is_mated]] = -np.inf
        other[begin : begin + len(some)] = scores.max(axis=1)
    return other, own, np.isfinite(own)


def _rates(
    levels: NDArray[np.float64],
    strangers: NDArray[np.float64],
    hits: NDArray[np.float64],
    counts: tuple[int, int],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """FPIR and FNIR at thresholds, from falling similarities of strangers and of right names."""
    named = np.searchsorted(-strangers, -levels, side="right")
    right = np.searchsorted(-hits, -levels, side="right")
    return named / counts[0], 1 - right / counts[1]


def _point(
    threshold: float, fpir: float, fnir: float, counts: tuple[int, int]
) -> IdentificationPoint:
    return IdentificationPoint(
        float(threshold),
        float(fpir),
        float(fnir),
        wilson(float(fpir), counts[0]),
        wilson(float(fnir), counts[1]),
    )


def _places(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The place of each photo among those of its person."""
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], labels[order])
    places = np.empty(len(labels), np.int64)
    places[order] = np.arange(len(labels)) - starts
    return places


def _shuffled(names: NDArray[Any]) -> list[int]:
    """Places of names in an order that depends on the names only."""
    return sorted(
        range(len(names)),
        key=lambda row: hashlib.sha256(str(names[row]).encode(errors="replace")).digest(),
    )
