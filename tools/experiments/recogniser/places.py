r"""What ``facesdk calibrate --center`` brings for the photos of one place.

    python -m tools.experiments.recogniser.places compactfacenet-qb mobilefacenet-w7a8 \
        --teacher MobileFaceNet.tflite:tools/peers/mobilefacenet.contract.json \
        --faces faces --cache build/accuracy

A place is made up: all crops of the held-out people are changed in one way. Some of the people
calibrate, with their mean taken out and without; at these thresholds the others are judged, who
have nothing to do with either. Several draws of people are averaged.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk.evaluation.calibration import PairSimilarities, calibrate
from facesdk.evaluation.centering import Centering
from facesdk.evaluation.evaluation import pair_similarities
from facesdk.evaluation.sets.verification_set import VerificationSet
from facesdk.recognition.embedding import unit_direction, without_direction
from tools.experiments.accuracy_tables import (
    Crops,
    HeldOut,
    Model,
    from_command_line,
    percent,
    rates,
    table,
)
from tools.experiments.degraded.levels import DEGRADED, SIDE, Degradation, seen_from

DRAWS = 10


def infrared(crop: Crops, rng: np.random.Generator) -> Crops:
    """Grey, lit from above, a little blurred and noisy."""
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float64)
    lit = grey * np.linspace(1.35, 0.65, SIDE)[:, None]
    curved = 255 * (np.clip(lit, 0, 255) / 255) ** 1.4
    seen = cv2.GaussianBlur(curved, (0, 0), 1.2) + rng.normal(0, 8, curved.shape)
    return np.repeat(np.clip(seen, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


PLACES: dict[str, Degradation] = {
    "photos as they are": lambda crop, _: crop,
    "seen from below": seen_from(12, 0),
    "seen from above": seen_from(0, 12),
    "grey, lit from above": infrared,
    "28 pixels between brows and chin": DEGRADED["size, pixels between brows and chin"]["28"],
    "20 pixels": DEGRADED["size, pixels between brows and chin"]["20"],
    "JPEG of quality 10": DEGRADED["JPEG, quality"]["10"],
    "darkness of 0.07": DEGRADED["darkness, factor"]["0.07"],
    "all in masks": DEGRADED["mask, from row"]["76"],
    "all in tinted glasses, 25 %": DEGRADED["glasses"]["tinted, 25 %"],
}


def all_pairs_of(people: NDArray[np.int64]) -> VerificationSet:
    first, second = np.triu_indices(len(people), k=1)
    both = np.stack([people[first], people[second]], axis=1)
    names = tuple(map(str, range(len(people))))
    nowhere = np.full(len(first), -1)
    return VerificationSet("folder", names, first, second, both[:, 0] == both[:, 1], nowhere, both)


def judged(
    vectors: NDArray[np.float32], people: NDArray[np.int64], calibrating: int, fmr: float
) -> list[float]:
    """FMR and FNMR of people who did not calibrate, without and with the mean taken out.

    Args:
        vectors: Unit embeddings, ``(N, D)``.
        people: A number for each one's person, ``(N,)``.
        calibrating: How many people calibrate.
        fmr: What they calibrate for.

    Returns:
        The two rates as calibrated without the mean, the same with it, and the mean's length.
    """
    rows = []
    for draw in range(DRAWS):
        chosen = np.random.default_rng(draw).permutation(people.max() + 1)[:calibrating]
        here = np.isin(people, chosen)
        known, later = all_pairs_of(people[here]), all_pairs_of(people[~here])
        centering = Centering(known, vectors[here])
        direction = unit_direction(list(centering.mean))
        rest = without_direction(vectors[~here], direction)
        rest /= np.linalg.norm(rest, axis=1, keepdims=True)
        row = []
        for calibrated, shown in (
            (pair_similarities(known, vectors[here]), vectors[~here]),
            (centering.similarities(), rest),
        ):
            (point,) = calibrate(_labelled(known, calibrated), (fmr,))
            found = _labelled(later, pair_similarities(later, shown))
            row += rates(found, point.similarity)
        rows.append([*row, float(np.linalg.norm(centering.mean))])
    return [float(value) for value in np.mean(rows, axis=0)]


def _labelled(pairs: VerificationSet, scores: NDArray[np.float64]) -> PairSimilarities:
    rounded = scores.astype(np.float32)
    return PairSimilarities(rounded[pairs.same], rounded[~pairs.same])


def rows_of(
    model: Model, people: HeldOut, place: str, counts: Sequence[int], fmr: float
) -> list[tuple[str, ...]]:
    rng = np.random.default_rng(1)
    crops = np.stack([PLACES[place](crop.copy(), rng) for crop in people.crops])
    vectors = model.vectors(f"place {place}".replace("%", "percent"), crops)
    rows = []
    for count in counts:
        fmr_left, fnmr_left, fmr_out, fnmr_out, shared = judged(vectors, people.people, count, fmr)
        rates_left = f"{percent(fmr_left, 2)} / {percent(fnmr_left)}"
        rates_out = f"{percent(fmr_out, 2)} / {percent(fnmr_out)}"
        name = model.embedder.name
        rows.append((name, place, str(count), f"{shared:.2f}", rates_left, rates_out))
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    given = from_command_line(__doc__, arguments)
    models, people = given.models, given.people
    head = ("model", "place", "people who calibrate", "mean's length")
    rates_head = ("FMR / FNMR of the others, %", "with --center")
    print("## For an FMR of 1e-3\n")
    half = (int(people.people.max() + 1) // 2,)
    rows = [row for model in models for place in PLACES
            for row in rows_of(model, people, place, half, 1e-3)]  # fmt: skip
    table((*head, *rates_head), rows)
    print("## For an FMR of 1e-2, by how many calibrate\n")
    rows = [row for model in models for place in ("photos as they are", "seen from above")
            for row in rows_of(model, people, place, (30, 60, 120), 1e-2)]  # fmt: skip
    table((*head, *rates_head), rows)


if __name__ == "__main__":
    main()
