r"""What taking nuisances out of a packaged recogniser brings, without training.

    python -m tools.experiments.recogniser.nuisances compactfacenet-qb nuisances.toml \
        --teacher MobileFaceNet.tflite:tools/peers/mobilefacenet.contract.json \
        --faces faces --cache build/accuracy

The file has rows ``[[nuisances]]`` as a recipe of ``facesdk train``. The map of
:mod:`facesdk_training.data.compensation` is fitted on training crops, and judged on the held-out
people at the threshold for an FMR of 1e-3, which is calibrated anew: all pairs of undistorted
crops, and every fourth person's in the ways to spoil both photos of
:mod:`tools.experiments.accuracy_tables`, whose cache holds the embeddings; and by how many
strangers of other sets pass.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from facesdk.evaluation.calibration import FMRS, all_pairs, balanced_accuracy, calibrate
from facesdk_training.config import toml
from facesdk_training.config.nuisances import NuisanceConfig
from facesdk_training.data.compensation import compensation, pools
from facesdk_training.data.crops import FaceCrops
from facesdk_training.data.distortions import distorted
from facesdk_training.data.split import split_by_identity
from tools.experiments.accuracy_tables import (
    HeldOut,
    Model,
    degraded,
    held_out,
    load,
    percent,
    rates,
    table,
)
from tools.experiments.degraded_strangers import SETS, SHARE
from tools.experiments.recogniser.strangers_elsewhere import elsewhere, passing

_BATCH = 32


def copies(
    model: Model, crops: FaceCrops, rows: NDArray[np.int64], nuisance: NuisanceConfig
) -> NDArray[np.float32]:
    """Embeddings of crops that are distorted by a row, [N, D]."""
    rng = np.random.default_rng(1)
    size = model.embedder.contract.input.height, model.embedder.contract.input.width
    found = []
    for start in range(0, len(rows), _BATCH):
        images = [
            distorted(crops.image(row), nuisance.distortions, *size, 0.0, rng)
            for row in rows[start : start + _BATCH]
        ]
        found.append(model.embedder.embed(np.stack(images)))
    return np.concatenate(found)


def judged(
    model: Model, change: NDArray[np.float64], people: HeldOut, faces: Path
) -> Iterator[tuple[str, float, float]]:
    """Condition, FMR and FNMR at the threshold for 1e-3; the first is all undistorted pairs."""

    def mapped(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        moved = vectors @ change
        return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True), np.float32)

    clean = all_pairs(mapped(model.vectors("held-out", people.crops)), people.people)
    points = {row.fmr: row.similarity for row in calibrate(clean, FMRS)}
    print(
        f"accuracy {percent(balanced_accuracy(clean), 2)} %, TAR",
        *(f"{1 - rates(clean, level)[1]:.4f} at {fmr:g}" for fmr, level in points.items()),
    )
    for whom, vectors in elsewhere(model, faces):
        print(f"  {whom}: {percent(passing(mapped(vectors), points[1e-3]), 2)} % pass at 0.001")
    some = people.part()
    for kind, level, crops in degraded(some):
        name = f"{kind} {level}"
        vectors = mapped(model.vectors(name.replace("/", " "), crops))
        yield (name, *rates(all_pairs(vectors, some.people), points[1e-3]))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="name or FILE[:CONTRACT]")
    parser.add_argument("nuisances", type=Path, help="TOML file with rows [[nuisances]]")
    parser.add_argument("--teacher", required=True, help="FILE[:CONTRACT], for the split")
    parser.add_argument("--faces", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--cache", type=Path, required=True)
    given = parser.parse_args(arguments)
    given.cache.mkdir(parents=True, exist_ok=True)
    rows = TypeAdapter(tuple[NuisanceConfig, ...]).validate_python(
        toml.record_of(given.nuisances)["nuisances"]
    )
    people = held_out(given.faces, load(given.teacher, given.cache))
    model = load(given.model, given.cache)
    crops = FaceCrops(given.faces)
    split = split_by_identity(crops.records, None, validation_sets=SETS, validation_share=SHARE)
    drawn = pools(rows, crops.records, split.train)
    change = compensation(rows, [copies(model, crops, drawn[row.sets], row) for row in rows])
    cells = []
    for name, what in (("as it is", np.eye(len(change))), ("compensated", change)):
        print(f"{model.embedder.name}, {name}: ", end="")
        found = list(judged(model, what, people, given.faces))
        fmrs, fnmrs = (np.array([row[place] for row in found]) for place in (1, 2))
        print("\n".join(f"  {row[0]}: {percent(row[1], 2)} %" for row in found if row[1] > 0.008))
        worse = np.count_nonzero(fmrs > 0.01)
        cells.append((name, str(worse), percent(fmrs.mean(), 2), percent(fnmrs.mean())))
    table(("", "rows above 1 %", "mean FMR, %", "mean FNMR, %"), cells)


if __name__ == "__main__":
    main()
