r"""How many strangers pass who are not from the sets that thresholds come from.

    python -m tools.experiments.recogniser.strangers_elsewhere compactfacenet-qb \
        mobilefacenet-w7a8 --faces faces --cache build/accuracy

3,000 random crops of each of three sets without names, at the thresholds of the files. All crops of
a set are taken to be of different people: All-Age-Faces and FairFace have about one photo of each,
of UTKFace this is not known, so its rates may be too high.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facesdk_training.data.crops import FaceCrops
from tools.experiments.accuracy_tables import Model, load, percent, table

ELSEWHERE = {
    "fairface_val": "FairFace's validation photos, of seven groups and all ages",
    "all_age_faces": "All-Age-Faces, of 2 to 80 years, mostly Asian",
    "utkface": "UTKFace",
}
"""Sets, and whom they show."""

_CROPS = 3000


def elsewhere(model: Model, faces: Path) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """What each set shows, and unit embeddings of crops of it [N, D]."""
    for name, whom in ELSEWHERE.items():
        crops = FaceCrops(faces, (name,))
        rows = np.random.default_rng(0).permutation(len(crops))[:_CROPS]
        images = np.stack([crops.image(row) for row in rows])
        yield whom, model.vectors(f"some of {name}", images)


def similarities(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of all pairs of two rows."""
    pairs: NDArray[np.float32] = (vectors @ vectors.T)[np.triu_indices(len(vectors), 1)]
    return pairs


def passing(vectors: NDArray[np.float32], threshold: float) -> float:
    """Share of the pairs of two rows that are at least so alike."""
    return float(np.mean(similarities(vectors) >= threshold))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", help="names or FILE[:CONTRACT]")
    parser.add_argument("--faces", type=Path, required=True, help="folder with manifest.csv")
    parser.add_argument("--cache", type=Path, required=True)
    given = parser.parse_args(arguments)
    given.cache.mkdir(parents=True, exist_ok=True)
    models = [load(text, given.cache) for text in given.models]
    fmrs = [row.fmr for row in models[0].embedder.contract.thresholds]
    rows = []
    for model in models:
        levels = {row.fmr: row.similarity for row in model.embedder.contract.thresholds}
        for whom, vectors in elsewhere(model, given.faces):
            said = [percent(passing(vectors, levels[fmr]), 2) for fmr in fmrs]
            rows.append((model.embedder.name, whom, *said))
    table(("model", "strangers", *(f"at FMR {fmr:g}, %" for fmr in fmrs)), rows)


if __name__ == "__main__":
    main()
