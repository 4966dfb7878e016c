"""Whether thresholds that were measured on crops as they came hold on those that facesdk cuts.

    python -m tools.experiments.recogniser.thresholds_cut_here FOLDER MobileFaceNet.tflite

The thresholds of the packaged recogniser come from the aligned crops of its held-out people. Here
each crop gets a border and goes through ``facesdk verify``'s whole way: detector, choice of the
face, alignment by facesdk's own pixel functions. Printed are the error rates of all pairs at the
packaged thresholds, for the crops as they came and as facesdk cuts them, with 95 % intervals by
resampling people, and the thresholds that the crops cut here would give.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facesdk.cli.output import progress_bar
from facesdk.detection.registry import load_detector
from facesdk.evaluation.calibration import PairSimilarities, calibrate
from facesdk.models import registry
from facesdk.models.contract import Contract
from facesdk.quality.selection import select
from facesdk.recognition.alignment import align_square, central
from facesdk.recognition.embedding import Embedder
from facesdk.results import FloatArray
from tools.experiments.degraded.levels import Crop
from tools.experiments.degraded_strangers import held_out, photo_of

SAMPLES = 100


def cut_here(detector: str, crops: list[Crop]) -> list[Crop | None]:
    """What facesdk cuts out of a photo of each crop; None where no face is found."""
    found: list[Crop | None] = []
    finder = load_detector(detector)
    with progress_bar(detector) as progress:
        for number, crop in enumerate(crops):
            photo = photo_of(crop)
            choice = select(finder, photo, of_one_person=True)
            cut = choice and align_square(photo, choice.face.landmarks, 112)
            found.append(cut)
            progress(number + 1, len(crops), detector)
    return found


class Rates:
    """Error rates of all pairs of some vectors, and of people drawn anew."""

    def __init__(self, vectors: FloatArray, people: NDArray[np.int64]) -> None:
        upper = np.triu_indices(len(people), 1)
        self._similarities = (vectors @ vectors.T)[upper]
        self._same = (people[:, None] == people)[upper]
        self._owners = people[upper[0]], people[upper[1]]
        self._count = int(people.max()) + 1

    def thresholds(self, fmrs: tuple[float, ...]) -> str:
        """Those that these pairs give."""
        pairs = PairSimilarities(self._similarities[self._same], self._similarities[~self._same])
        return ", ".join(f"{row.similarity:.4f} ({row.fmr:g})" for row in calibrate(pairs, fmrs))

    def row(self, threshold: float) -> str:
        """FMR and FNMR in percent with their intervals."""
        passes = self._similarities >= threshold
        rng = np.random.default_rng(0)
        samples = []
        for _ in range(SAMPLES):
            drawn = np.bincount(rng.integers(0, self._count, self._count), minlength=self._count)
            weight = drawn[self._owners[0]] * np.where(self._same, 1, drawn[self._owners[1]])
            samples.append(
                [self._rate(passes, ~self._same, weight), self._rate(~passes, self._same, weight)]
            )
        low, high = np.percentile(samples, (2.5, 97.5), axis=0)
        whole = np.ones(len(passes))
        rates = self._rate(passes, ~self._same, whole), self._rate(~passes, self._same, whole)
        return " | ".join(
            f"{rate:.3f} ({a:.3f} to {b:.3f})" for rate, a, b in zip(rates, low, high, strict=True)
        )

    @staticmethod
    def _rate(
        hits: NDArray[np.bool_], among: NDArray[np.bool_], weight: NDArray[np.float64]
    ) -> float:
        return float(100 * np.average(hits[among], weights=weight[among]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("teacher", type=Path, help="tells people with two names")
    parser.add_argument("--detectors", nargs="+", default=["finder", "mtcnn"])
    arguments = parser.parse_args()
    contract = Contract.read(Path("tools/peers/mobilefacenet.contract.json"))
    crops, people = held_out(
        arguments.folder, Embedder.load(arguments.teacher, contract, trust=True)
    )
    embedder = Embedder.load(registry.resolve(registry.DEFAULT_RECOGNIZER))
    size = embedder.contract.input.height, embedder.contract.input.width
    ways: dict[str, list[Crop | None]] = {"as they came": list(crops)}
    ways |= {f"cut here, {name}": cut_here(name, crops) for name in arguments.detectors}
    thresholds = embedder.contract.thresholds
    print(f"{len(crops)} crops of {people.max() + 1} people")
    print("| crops | no face | threshold | for FMR, % | FMR, % | FNMR, % |\n|" + " --- |" * 6)
    own = []
    for name, cuts in ways.items():
        seen = np.array([cut is not None for cut in cuts])
        stack = np.stack([central(cut, *size) for cut in cuts if cut is not None])
        rates = Rates(embedder.embed(stack), people[seen])
        for row in thresholds:
            print(
                f"| {name} | {(~seen).sum()} | {row.similarity:.4f} | {100 * row.fmr:g} "
                f"| {rates.row(row.similarity)} |",
                flush=True,
            )
        own.append(f"{name}: {rates.thresholds(tuple(row.fmr for row in thresholds))}")
    print("\nThresholds that these crops give: " + "; ".join(own))


if __name__ == "__main__":
    main()
