"""Figures of an embedder on held-out crops, and thresholds from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.evaluation.calibration import (
    FMRS,
    MIN_FALSE_MATCHES,
    PairSimilarities,
    all_pairs,
    balanced_accuracy,
    calibrate,
    probability,
)
from facesdk.recognition.alignment import central
from facesdk_training.data.crops import INPUT, Crops
from facesdk_training.data.split import Split

_BATCH = 64

Embed = Callable[[NDArray[np.float32]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Validation:
    """Held-out crops: all their pairs are compared.

    Attributes:
        crops: Where the images are.
        split: Which of them are held out, and who they show.
        height: Rows of the network's input.
        width: Columns of the network's input.

    Raises:
        InputError: They make too few pairs for the threshold at any of the rates.
    """

    crops: Crops
    split: Split
    height: int
    width: int

    def __post_init__(self) -> None:
        """Refuses too few pairs now, not after hours of training."""
        _, counts = np.unique(self.split.validation_identities, return_counts=True)
        positives = int(np.sum(counts * (counts - 1) // 2))
        total = len(self.split.validation)
        negatives = total * (total - 1) // 2 - positives
        if not positives or negatives * max(FMRS) < MIN_FALSE_MATCHES:
            raise InputError(
                f"{positives} positive and {negatives} negative validation pairs support no "
                "threshold: hold out more identities"
            )

    def pairs(self, embed: Embed) -> PairSimilarities:
        """Similarities of all pairs: one centre crop each, not mirrored.

        Args:
            embed: float32 [N, height, width, 3], normalised, to float32 [N, D].
        """
        rows = self.split.validation
        embeddings = []
        for start in range(0, len(rows), _BATCH):
            images = [
                central(self.crops.image(row), self.height, self.width)
                for row in rows[start : start + _BATCH]
            ]
            embeddings.append(embed(INPUT.normalise(np.stack(images))))
        stacked = np.concatenate(embeddings)
        stacked /= np.maximum(np.linalg.norm(stacked, axis=1, keepdims=True), 1e-12)
        return all_pairs(stacked, self.split.validation_identities)


def figures(pairs: PairSimilarities) -> dict[str, float]:
    """The balanced accuracy, and the TAR at each supported FMR, by the names of the log."""
    result = {"validation_accuracy": balanced_accuracy(pairs)}
    for threshold in calibrate(pairs, FMRS):
        result[f"validation_tar_at_fmr_{threshold.fmr:g}"] = 1.0 - threshold.fnmr
    return result


def calibration_of(pairs: PairSimilarities) -> dict[str, Any]:
    """What the contract of a run is to say of its pairs: thresholds, and probability if any."""
    curve = probability(pairs)
    return {
        "thresholds": [asdict(row) for row in calibrate(pairs, FMRS)],
        **({"probability": asdict(curve)} if curve else {}),
    }
