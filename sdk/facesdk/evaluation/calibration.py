"""Thresholds and probabilities from the similarities of labelled pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.models.contract import Probability, Threshold

FMRS = (1e-4, 1e-3, 1e-2)
"""False match rates that thresholds of models are found for, as far as there are pairs for them."""

COMMON_FMRS = FMRS[1:]
"""Those of them that the photos of a few hundred people support: 1e-4 takes 300,000 pairs."""

REPORTED_FMRS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
"""False match rates at which evaluations report, as far as there are pairs for them."""

MIN_FALSE_MATCHES = 30
"""An FMR is reported only if at least this many negative pairs are expected above its threshold:
the "rule of 30" of G. Doddington et al., "The NIST speaker recognition evaluation", 2000."""


HOPELESS_FNMR = 0.95
"""From this share of missed true pairs on, at every rate, a model is taken to tell nobody apart."""

POOR_FNMR = 0.5
"""From this share on a threshold is usable for little: somebody should be told."""

_USUAL_PHOTOS = 3
_NEWTON_STEPS = 100
_HALVINGS = 40
_STEEPEST = 1e5


@dataclass(frozen=True, slots=True)
class PairSimilarities:
    """Cosine similarities of all pairs of a labelled set.

    Attributes:
        positives: float32 [P], pairs of one identity.
        negatives: float32 [Q], pairs of two identities.
    """

    positives: NDArray[np.float32]
    negatives: NDArray[np.float32]


def all_pairs(embeddings: NDArray[np.float32], identities: NDArray[np.int64]) -> PairSimilarities:
    """Compares every embedding with every other one.

    Args:
        embeddings: float32 [N, D], of norm 1 or less.
        identities: int64 [N], label of each.
    """
    first, second = np.triu_indices(len(embeddings), k=1)
    similarities = (embeddings @ embeddings.T)[first, second]
    same = identities[first] == identities[second]
    return PairSimilarities(similarities[same], similarities[~same])


def calibrate(pairs: PairSimilarities, fmrs: tuple[float, ...]) -> tuple[Threshold, ...]:
    """Thresholds at the wanted false match rates, ascending in FMR.

    A threshold is the smallest similarity that lets at most a share ``fmr`` of the negatives
    through; a rate that the number of negatives does not support is left out.

    Raises:
        InputError: There are no positive pairs, or too few negatives for any of the rates.
    """
    supported = sorted(f for f in fmrs if f * len(pairs.negatives) >= MIN_FALSE_MATCHES)
    if not len(pairs.positives) or not supported:
        raise InputError(
            f"{len(pairs.positives)} positive and {len(pairs.negatives)} negative validation pairs "
            f"support no threshold at FMR {', '.join(f'{f:g}' for f in fmrs)}: hold out more "
            "identities"
        )
    descending = np.sort(pairs.negatives)[::-1]
    thresholds = []
    for fmr in supported:
        allowed = int(fmr * len(descending))
        threshold = float(np.nextafter(descending[allowed], np.float32(np.inf)))
        thresholds.append(
            Threshold(
                fmr=fmr,
                similarity=threshold,
                fnmr=float(np.mean(pairs.positives < threshold)),
                positive_pairs=len(pairs.positives),
                negative_pairs=len(descending),
            )
        )
    return tuple(thresholds)


def require_enough(
    same: NDArray[np.bool_], photos: int, fmrs: Sequence[float], people: int | None = None
) -> None:
    """Raise, before anything is computed, unless pairs support thresholds at all wanted rates.

    Args:
        same: For each pair, whether it is of one person.
        photos: How many photos they are made of.
        fmrs: The wanted false match rates.
        people: How many people are on them; None where that is not known.

    Raises:
        InputError: There are too few pairs; the message says how many there are and are needed.
    """
    negatives = int((~same).sum())
    if not same.any():
        raise InputError(
            f"no two of the {photos} photos are of one person: give two photos or more of each of "
            "some people, in a folder per person"
        )
    fmr = min(fmrs)
    needed = ceil(MIN_FALSE_MATCHES / fmr)
    if negatives < needed:
        possible = MIN_FALSE_MATCHES / negatives if negatives else 1.0
        larger = f", or give --fmr {possible:.2g} or more" if possible < 1 else ""
        crowd = ceil((_USUAL_PHOTOS + sqrt(_USUAL_PHOTOS**2 + 8 * needed)) / 2 / _USUAL_PHOTOS)
        here = f"{photos} photos" + ("" if people is None else f" of {people} people")
        raise InputError(
            f"a threshold at FMR {fmr:g} needs {needed:,} pairs of different people, which "
            f"{_USUAL_PHOTOS} photos each of {crowd} people have, but these {here} have "
            f"{negatives:,}: add photos of more people{larger}"
        )


def probability(pairs: PairSimilarities) -> Probability | None:
    """The logistic curve from a similarity to the probability that a pair is of one person.

    Pairs of one and of two people weigh the same in the fit, so the probability is for even odds.
    It is J. Platt's, "Probabilistic outputs for support vector machines", 1999: the labels are
    (P + 1) / (P + 2) and 1 / (Q + 2) instead of 1 and 0, so that pairs which a threshold splits
    without error give a finite slope. Newton's method with halved steps (H.-T. Lin, C.-J. Lin and
    R. Weng, "A note on Platt's probabilistic outputs", 2007).

    Returns:
        The curve; None where more alike does not mean more likely of one person, or where the
        similarities are too alike to tell.

    Raises:
        InputError: Pairs of one kind are missing.
    """
    one, two = pairs.positives.astype(np.float64), pairs.negatives.astype(np.float64)
    if not len(one) or not len(two):
        raise InputError("pairs of the same and of different people are needed, but got one kind")
    scores = np.concatenate([one, two])
    wanted = np.repeat([(len(one) + 1) / (len(one) + 2), 1 / (len(two) + 2)], [len(one), len(two)])
    weights = np.repeat([0.5 / len(one), 0.5 / len(two)], [len(one), len(two)])
    inputs = np.stack([scores, np.ones_like(scores)])

    def loss(curve: NDArray[np.float64]) -> float:
        logits = curve @ inputs
        return float(weights @ (np.logaddexp(0, logits) - wanted * logits))

    curve = np.zeros(2)
    for _ in range(_NEWTON_STEPS):
        said = 0.5 * (1 + np.tanh(0.5 * (curve @ inputs)))
        gradient = inputs @ (weights * (said - wanted))
        hessian = (inputs * (weights * said * (1 - said))) @ inputs.T + 1e-12 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        before, share = loss(curve), 1.0
        for _ in range(_HALVINGS):
            if loss(curve - share * step) < before:
                break
            share /= 2
        else:
            break
        curve = curve - share * step
        if before - loss(curve) < 1e-14:
            break
    slope, intercept = map(float, curve)
    if not 0 < slope < _STEEPEST:
        return None
    return Probability(slope, intercept, len(one), len(two))


def require_hope(thresholds: Sequence[Threshold]) -> None:
    """Raise unless a model tells people apart at one of its thresholds at least.

    Raises:
        InputError: At each of them it misses :data:`HOPELESS_FNMR` of the true pairs or more.
    """
    best = min(thresholds, key=lambda row: row.fnmr)
    if best.fnmr >= HOPELESS_FNMR:
        raise InputError(
            f"the model does not tell these people apart: at FMR {best.fmr:g} it takes "
            f"{best.fnmr:.1%} of the pairs of one person for two people. Are the photos sorted by "
            "person, and is the contract's colour order and alignment that of the training?"
        )


def warnings_of(thresholds: Sequence[Threshold]) -> tuple[str, ...]:
    """What somebody should know of thresholds that miss many true pairs, in sentences."""
    return tuple(
        f"at FMR {row.fmr:g} the model takes {row.fnmr:.0%} of the pairs of one person for two "
        "people"
        for row in thresholds
        if row.fnmr >= POOR_FNMR
    )


def balanced_accuracy(pairs: PairSimilarities) -> float:
    """The best mean of true match rate and true non-match rate over all thresholds, 0 to 1."""
    thresholds = np.unique(np.concatenate([pairs.positives, pairs.negatives]))
    misses = np.searchsorted(np.sort(pairs.positives), thresholds) / len(pairs.positives)
    correct_rejections = np.searchsorted(np.sort(pairs.negatives), thresholds)
    return float(np.max(1.0 - misses + correct_rejections / len(pairs.negatives)) / 2.0)
