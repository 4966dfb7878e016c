r"""What a map after a finished recogniser's last layer brings, and a second look in a mirror.

    python -m tools.experiments.recogniser.refit_last_layer compactfacenet-qb mobilefacenet-w7a8 \
        --teacher MobileFaceNet.tflite:tools/peers/mobilefacenet.contract.json \
        --faces faces --cache /tmp/accuracy

A linear map after the last layer folds into it, so it would cost nothing on a device. The map is
within-class covariance normalisation of labelled training people (A. Hatch, S. Kajarekar and A.
Stolcke, "Within-Class Covariance Normalization for SVM-based Speaker Recognition", Interspeech
2006), a fractional power of it, shrunk towards the identity. Shrinkage and power are chosen on a
quarter of these people, the map is then fitted on all of them and judged once on the held-out
people. "Mirrored" is the mean direction of a crop and of its mirror image, "concatenated" the two
vectors side by side, as a contract with flip-concatenation has them. Vectors are kept in the
cache as by :mod:`tools.experiments.accuracy_tables`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facesdk.evaluation.calibration import FMRS, all_pairs, balanced_accuracy, calibrate
from facesdk_training.data.crops import FaceCrops
from facesdk_training.data.split import split_by_identity
from tools.experiments.accuracy_tables import Crops, Model, from_command_line, percent, table
from tools.experiments.degraded_strangers import SETS, SHARE

Vectors = NDArray[np.float64]
People = NDArray[np.int64]

SHRINKAGES = (0.1, 0.3, 1.0, 3.0)
POWERS = (0.25, 0.5, 1.0)

MOST_CROPS, MOST_CHOSEN_ON = 12, 6
"""Crops of one person that are fitted on, and of those compared when a map is chosen."""

LEAST_COSINE = 0.5
"""Of a label that is believed, to its person."""


@dataclass(frozen=True)
class Labelled:
    """Training crops of known people, two or more of each.

    Attributes:
        crops: uint8 ``(N, 112, 112, 3)``.
        people: int64 ``(N,)``, a number for each person.
    """

    crops: Crops
    people: People


def labelled(folder: Path) -> Labelled:
    """Of all sets, without the held-out people by name.

    One of these under another name may be among them, which can only flatter the map.
    """
    source = FaceCrops(folder, (), labelled_only=True)
    split = split_by_identity(source.records, None, validation_sets=SETS, validation_share=SHARE)
    records = source.records
    trusted = [
        row
        for row in split.train
        if (records[row].cos_to_identity or 1.0) >= LEAST_COSINE and records[row].identity
    ]
    names = [f"{records[row].set}/{records[row].identity}" for row in trusted]
    counts = Counter(names)
    several = [place for place, name in enumerate(names) if counts[name] > 1]
    seen, kept = Counter[str](), []
    for place in np.random.default_rng(3).permutation(several):
        seen[names[place]] += 1
        if seen[names[place]] <= MOST_CROPS:
            kept.append(place)
    kept.sort()
    _, people = np.unique([names[place] for place in kept], return_inverse=True)
    crops = np.stack([source.image(trusted[place]) for place in kept])
    return Labelled(crops, people.astype(np.int64))


def unit(vectors: NDArray[np.floating]) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float64)


def within(vectors: Vectors, people: People) -> Vectors:
    """Covariance of vectors around the means of their people, [D, D]."""
    count = int(people.max()) + 1
    sums = np.zeros((count, vectors.shape[1]))
    np.add.at(sums, people, vectors)
    sizes = np.bincount(people, minlength=count)
    around = vectors - (sums / np.maximum(sizes, 1)[:, None])[people]
    return np.asarray(around.T @ around / (len(vectors) - np.count_nonzero(sizes)))


def normalisation(covariance: Vectors, shrinkage: float, power: float) -> Vectors:
    """(S + shrinkage * mean variance * I) ^ (-power / 2), [D, D]: power 1 is the whole of WCCN."""
    values, vectors = np.linalg.eigh(covariance)
    values = values + shrinkage * values.mean()
    return np.asarray((vectors * values ** (-power / 2)) @ vectors.T)


def figures(vectors: NDArray[np.floating], people: People) -> tuple[float, dict[float, float]]:
    """Balanced accuracy, and TAR by the FMRs that the pairs support."""
    pairs = all_pairs(unit(vectors).astype(np.float32), people)
    return balanced_accuracy(pairs), {row.fmr: 1 - row.fnmr for row in calibrate(pairs, FMRS)}


def chosen(vectors: Vectors, people: People) -> tuple[float, float]:
    """Shrinkage and power with the best TAR at FMR 1e-3 on a quarter of the people."""
    count = int(people.max()) + 1
    apart = np.random.default_rng(11).permutation(count)[: count // 4]
    judges = np.isin(people, apart)
    covariance = within(vectors[~judges], people[~judges])
    seen, compared = Counter[int](), []
    for row in np.flatnonzero(judges):
        seen[people[row]] += 1
        if seen[people[row]] <= MOST_CHOSEN_ON:
            compared.append(row)

    def gain(setting: tuple[float, float]) -> float:
        mapped = vectors[compared] @ normalisation(covariance, *setting)
        return figures(mapped, people[compared])[1][1e-3]

    return max(product(SHRINKAGES, POWERS), key=gain)


def rows_of(model: Model, known: Labelled, crops: Crops, people: People) -> list[tuple[str, ...]]:
    fitted = unit(model.vectors("labelled", known.crops))
    setting = chosen(fitted, known.people)
    change = normalisation(within(fitted, known.people), *setting)
    own = unit(model.vectors("held-out", crops))
    mirrored = unit(model.vectors("held-out-mirrored", crops[:, :, ::-1]))
    said = f"WCCN, shrinkage {setting[0]:g}, power {setting[1]:g}"
    ways = {
        "as it is": own,
        said: own @ change,
        "mirrored": own + mirrored,
        "mirrored, concatenated": np.concatenate([own, mirrored], axis=1),
        "mirrored, WCCN": unit(own @ change) + unit(mirrored @ change),
    }
    found = []
    for way, vectors in ways.items():
        accuracy, rates = figures(vectors, people)
        cells = (f"{rates[fmr]:.4f}" for fmr in sorted(rates, reverse=True))
        found.append((model.embedder.name, way, percent(accuracy, 2), *cells))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    given = from_command_line(__doc__, arguments)
    known = labelled(given.faces)
    print(f"{len(known.crops):,} crops of {known.people.max() + 1:,} training people\n")
    rows = []
    for model in given.models:
        rows += rows_of(model, known, given.people.crops, given.people.people)
    names = [f"{fmr:g}" for fmr in sorted(FMRS, reverse=True)]
    table(("model", "", "accuracy, %", f"TAR at FMR {names[0]}", *names[1:]), rows)


if __name__ == "__main__":
    main()
