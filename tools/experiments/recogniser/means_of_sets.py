r"""What the mean embedding of a set has to do with its strangers, and with those of other sets.

    python -m tools.experiments.recogniser.means_of_sets compactfacenet-qb mobilefacenet-w7a8 \
        --teacher MobileFaceNet.tflite:tools/peers/mobilefacenet.contract.json \
        --faces faces --cache build/accuracy

The direction of the mean of one half of a set's crops is taken out of all embeddings, behind the
file; the threshold for an FMR of 1e-3 is that of the held-out people then. Told are the shares of
pairs that pass, of the other half of that set and of random crops of the others, and the held-out
people's TAR. Crops of one name are no strangers; crops without a name are taken to be of different
people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facesdk.evaluation.calibration import all_pairs, calibrate
from facesdk.recognition.embedding import without_direction
from facesdk_training.data.crops import FaceCrops
from tools.experiments.accuracy_tables import HeldOut, Model, from_command_line, percent, table

Vectors = NDArray[np.float32]

MEANS = ("fairface_val", "all_age_faces", "utkface", "headshots_friendlykid")
"""Sets whose mean is taken out in turn."""

JUDGED = (*MEANS, "nba_kaggg", "dfdc", "gender_balaji", "omi", "celebahq256_pretrain")
"""Sets whose strangers are counted."""

FMR = 1e-3
_CROPS = 2000


@dataclass(frozen=True)
class Strangers:
    """Crops of a set.

    Attributes:
        vectors: Their unit embeddings, ``(N, D)``.
        people: A number for each crop's person, ``(N,)``.
        fitted: Whether a crop is of the half that the mean is of, ``(N,)``.
    """

    vectors: Vectors
    people: NDArray[np.int64]
    fitted: NDArray[np.bool_]

    @property
    def mean(self) -> Vectors:
        """The direction of the mean of the fitted half, ``(D,)``."""
        total = self.vectors[self.fitted].sum(axis=0)
        return np.asarray(total / np.linalg.norm(total), np.float32)

    def passing(self, direction: Vectors, threshold: float, rows: NDArray[np.bool_]) -> float:
        """Share of the pairs of two people among rows that pass without a direction."""
        vectors, people = without(self.vectors[rows], direction), self.people[rows]
        first, second = np.triu_indices(len(people), 1)
        strangers = people[first] != people[second]
        return float(np.mean((vectors @ vectors.T)[first, second][strangers] >= threshold))


def without(vectors: Vectors, direction: Vectors) -> Vectors:
    """Unit vectors without a direction ``(D,)``, which may be 0."""
    rest = without_direction(vectors, direction)
    return np.asarray(rest / np.linalg.norm(rest, axis=1, keepdims=True), np.float32)


def strangers_of(model: Model, faces: Path, name: str) -> Strangers:
    crops = FaceCrops(faces, (name,))
    rng = np.random.default_rng(0)
    rows = rng.permutation(len(crops))[:_CROPS]
    vectors = model.vectors(f"crops of {name}", np.stack([crops.image(row) for row in rows]))
    names = [crops.records[row].identity or f"nobody {row}" for row in rows]
    _, people = np.unique(names, return_inverse=True)
    return Strangers(vectors, people.astype(np.int64), rng.random(len(rows)) < 0.5)


def rows_of(model: Model, faces: Path, people: HeldOut) -> list[tuple[str, ...]]:
    sets = {name: strangers_of(model, faces, name) for name in JUDGED}
    clean = model.vectors("held-out", people.crops)
    rows = []
    for taken in (None, *MEANS):
        direction = np.zeros(clean.shape[1], np.float32) if taken is None else sets[taken].mean
        (point,) = calibrate(all_pairs(without(clean, direction), people.people), [FMR])
        cells = [f"{1 - point.fnmr:.4f}"]
        for some in sets.values():
            share = some.passing(direction, point.similarity, ~some.fitted)
            cells.append(percent(share, 2))
        rows.append((model.embedder.name, taken or "nothing", *cells))
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    given = from_command_line(__doc__, arguments)
    rows = []
    for model in given.models:
        rows += rows_of(model, given.faces, given.people)
    table(
        ("model", "the mean taken out", f"TAR at FMR {FMR:g}", *(f"{n}, %" for n in JUDGED)), rows
    )


if __name__ == "__main__":
    main()
