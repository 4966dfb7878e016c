r"""Which detector serves verification best: held-out people on whole photos.

    python -m tools.bench.detectors.verification faces --detectors mtcnn finder blaze

FOLDER has ``manifest.csv`` and a zip of aligned crops per set. The crops of the held-out people
(those of the packaged recogniser) are set into photos of 640x480, each into several: turned, of 32
to 285 pixels between brow and chin, on parts of packaged photos and on computed textures. Each
photo goes through every detector in turn, then the rule that chooses a face, alignment and the
packaged recogniser, as ``facesdk verify`` does it. All pairs of photos but those of one crop are
compared.

The threshold of each detector is that for the FMR among its own pairs of two people; what the
thresholds of the packaged model let through is told besides. A photo without a find rejects all its
pairs. Intervals are of the difference to the first detector, by
resampling people, so that the pairs of one person stay together. Times are of the process, the
detectors in turn photo by photo.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk.cli.output import progress_bar
from facesdk.detection.registry import load_detector
from facesdk.models import registry
from facesdk.models.contract import Threshold
from facesdk.quality.selection import select
from facesdk.recognition.alignment import align
from facesdk.recognition.embedding import Embedder
from facesdk.results import FloatArray
from tools.bench.detectors.faceless import HEIGHT, WIDTH, Photo
from tools.bench.detectors.faceless import photos as faceless
from tools.bench.detectors.scenes import people, placed

SIDES = (48, 432)
"""Sides that a crop of 112 pixels is scaled to, drawn evenly on a logarithmic scale."""

TURN = 10.0
"""Standard deviation of the angle by which a face is turned, in degrees; at most three of it."""

NEAR = 1 / 3
"""Landmarks farther away than so many eye distances are those of something else."""

FMRS = (1e-2, 1e-3, 1e-4)
SMALL = 110
"""Side of the crop in the photo below which a face is small: 72 pixels between brow and chin."""

SAMPLES = 2000


@dataclass
class Verified:
    """What one detector led to.

    Attributes:
        vectors: A row per photo; zeros where no face was found.
        apart: Distance of the landmarks from those that the photo was made with, in eye distances;
            infinite where no face was found.
        seconds: Processor time of detection and choice per photo.
    """

    vectors: list[FloatArray] = field(default_factory=list)
    apart: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def scene(
    crop: Photo, background: Photo, rng: np.random.Generator
) -> tuple[Photo, NDArray[np.float64], float]:
    """A photo with one face, its landmarks, and the side of the crop in it."""
    side = float(np.exp(rng.uniform(*np.log(SIDES))))
    degrees = float(np.clip(rng.normal(0, TURN), -3 * TURN, 3 * TURN))
    half = min(side / 2, HEIGHT / 2)
    place = np.array([rng.uniform(half, WIDTH - half), rng.uniform(half, HEIGHT - half)])
    photo, placement = placed(crop, background, side, degrees, place)
    return photo, placement.points(), side


def distance(points: NDArray[np.float64], known: NDArray[np.float64]) -> float:
    eyes = float(np.linalg.norm(known[1] - known[0]))
    return float(np.linalg.norm(points - known, axis=1).mean()) / eyes


def similarities(vectors: FloatArray) -> FloatArray:
    """Of all photos; -1 where one has no face."""
    found: FloatArray = vectors @ vectors.T
    nothing = ~vectors.any(axis=1)
    found[nothing] = found[:, nothing] = -1
    return found


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", type=Path, metavar="FOLDER")
    parser.add_argument("--detectors", nargs="+", default=["mtcnn", "finder"])
    parser.add_argument("--most", type=int, default=10, help="photos per person")
    parser.add_argument("--scenes", type=int, default=4, help="scenes per photo")
    parser.add_argument("--every", type=int, default=1, help="one of so many people")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    crops, numbers = people(options.faces, options.most)
    chosen = np.flatnonzero(numbers % options.every == 0)
    crops = [crops[row] for row in chosen for _ in range(options.scenes)]
    numbers = numbers[chosen].repeat(options.scenes)
    backgrounds = [cv2.resize(photo, (WIDTH, HEIGHT)) for photo in faceless(500, seed=options.seed)]
    detectors = {name: load_detector(name) for name in options.detectors}
    embedder = Embedder.load(registry.resolve(registry.DEFAULT_RECOGNIZER))
    verified = {name: Verified() for name in detectors}
    sides = []
    with progress_bar("photos") as progress:
        for number, crop in enumerate(crops):
            rng = np.random.default_rng((options.seed, number))
            background = backgrounds[int(rng.integers(len(backgrounds)))]
            photo, points, side = scene(crop, background, rng)
            sides.append(side)
            for name, detector in detectors.items():
                start = time.process_time()
                choice = select(detector, photo)
                result = verified[name]
                result.seconds.append(time.process_time() - start)
                if choice is None:
                    result.vectors.append(np.zeros(embedder.dim, np.float32))
                    result.apart.append(np.inf)
                    continue
                aligned = align(photo, choice.face.landmarks, embedder.template)
                result.vectors.append(embedder.embed(aligned[None])[0])
                result.apart.append(distance(choice.face.landmarks.astype(np.float64), points))
            progress(number + 1, len(crops), "photos")
    report(
        *(verified, numbers, np.arange(len(crops)) // options.scenes, np.array(sides)),
        embedder.contract.thresholds,
    )


def report(
    verified: dict[str, Verified],
    numbers: NDArray[np.int64],
    crop: NDArray[np.intp],
    sides: NDArray[np.float64],
    thresholds: tuple[Threshold, ...],
) -> None:
    """Print what came of it."""
    small = sides < SMALL
    print(f"{len(numbers)} photos of {len(set(numbers.tolist()))} people, seed as given\n")
    print("| detector | no find, % | elsewhere, % | landmarks, median (95 %) | ms, median | mean |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, result in verified.items():
        apart = np.array(result.apart)
        near = apart[apart < NEAR]
        ms = 1000 * np.array(result.seconds)
        print(
            f"| {name} | {100 * np.isinf(apart).mean():.2f} | "
            f"{100 * (np.isfinite(apart) & (apart >= NEAR)).mean():.2f} | "
            f"{np.median(near):.4f} ({np.quantile(near, 0.95):.4f}) | {np.median(ms):.2f} | "
            f"{ms.mean():.2f} |"
        )
    for title, which in (("all", sides > 0), ("small", small), ("large", ~small)):
        kept, of = numbers[which], crop[which]
        alike = np.triu(kept[:, None] == kept, k=1) & (of[:, None] != of)
        strange = np.triu(kept[:, None] != kept, k=1)
        person = np.broadcast_to(kept[:, None], alike.shape)[alike]
        pairs = {}
        for name, result in verified.items():
            every = similarities(np.stack(result.vectors)[which])
            pairs[name] = every[alike], every[strange]
        print(f"\n{title}: {which.sum()} photos, {len(person)} pairs of one person, "
              f"{int(strange.sum())} of two\n")  # fmt: skip
        print("| detector | FMR | threshold | TAR, % | minus the first's, points (95 %) |")
        print("| --- | --- | --- | --- | --- |")
        for name, (same, different) in pairs.items():
            for row in thresholds:
                print(
                    f"| {name} | {(different >= row.similarity).mean():.2g} | packaged, "
                    f"{row.similarity:.4f} | {100 * (same >= row.similarity).mean():.2f} | |"
                )
        for fmr in FMRS:
            accepted: dict[str, NDArray[np.bool_]] = {}
            for name, (same, different) in pairs.items():
                threshold = np.quantile(different, 1 - fmr, method="higher")
                accepted[name] = same > threshold
                difference = accepted[name].astype(float) - accepted[next(iter(pairs))]
                low, high = interval(difference, person)
                print(
                    f"| {name} | {fmr:g} | {threshold:.4f} | {100 * accepted[name].mean():.2f} | "
                    f"{100 * difference.mean():+.2f} ({100 * low:+.2f} to {100 * high:+.2f}) |"
                )


def interval(values: NDArray[np.float64], person: NDArray[np.int64]) -> tuple[float, float]:
    """95 % of the mean of pairs, by resampling people."""
    _, row = np.unique(person, return_inverse=True)
    sums, counts = np.bincount(row, values), np.bincount(row)
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(sums), size=(SAMPLES, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)


if __name__ == "__main__":
    main()
