"""Thresholds from the similarities of labelled pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.models.contract import Threshold

FMRS = (1e-4, 1e-3, 1e-2)
"""False match rates that thresholds of models are found for, as far as there are pairs for them."""

COMMON_FMRS = FMRS[1:]
"""Those of them that the photos of a few hundred people support: 1e-4 takes 300,000 pairs."""

REPORTED_FMRS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
"""False match rates at which evaluations report, as far as there are pairs for them."""

MIN_FALSE_MATCHES = 30
"""An FMR is reported only if at least this many negative pairs are expected above its threshold:
the "rule of 30" of G. Doddington et al., "The NIST speaker recognition evaluation", 2000."""


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
        embeddings: float32 [N, D], unit vectors.
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


def balanced_accuracy(pairs: PairSimilarities) -> float:
    """The best mean of true match rate and true non-match rate over all thresholds, 0 to 1."""
    thresholds = np.unique(np.concatenate([pairs.positives, pairs.negatives]))
    misses = np.searchsorted(np.sort(pairs.positives), thresholds) / len(pairs.positives)
    correct_rejections = np.searchsorted(np.sort(pairs.negatives), thresholds)
    return float(np.max(1.0 - misses + correct_rejections / len(pairs.negatives)) / 2.0)
