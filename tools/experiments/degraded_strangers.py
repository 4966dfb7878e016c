"""What the floors of quality refuse, and what that does to the false match rate of bad pictures.

    python -m tools.experiments.degraded_strangers faces FOLDER MobileFaceNet.tflite
    python -m tools.experiments.degraded_strangers lfw lfw.zip pairs.txt

``faces`` takes the aligned crops of the held-out people (FOLDER has ``manifest.csv`` and a zip per
set; the teacher tells people with two names), degrades all of them alike, and prints for each
degradation the share of impostor pairs that pass the default threshold: without floors, and with
them, of all pairs and of those that are compared. The last rows go through the whole pipeline, as
photos with a border, which are spoilt as a whole. ``lfw`` prints what the floors refuse of LFW's
photos and pairs, and the accuracy with and without. Both print how many of the pictures as they
are, and how many of them with red and blue swapped, are taken for swapped.
"""

from __future__ import annotations

import argparse
import io
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk import FaceEngine
from facesdk.cli.output import progress_bar
from facesdk.evaluation.sets.lfw_pairs import read_pairs
from facesdk.evaluation.sets.lfw_photos import LfwPhotos
from facesdk.evaluation.sets.verification_set import lfw_set
from facesdk.evaluation.verification import best_threshold
from facesdk.images import decode
from facesdk.models.contract import Contract
from facesdk.quality.assessment import assess_crop
from facesdk.quality.colours import looks_swapped
from facesdk.quality.selection import select
from facesdk.recognition.alignment import align_square, central, template_points
from facesdk.recognition.embedding import Embedder
from facesdk.results import Face, FloatArray, Quality
from facesdk_training.data.crops import FaceCrops
from facesdk_training.data.split import split_by_identity
from tools.experiments.degraded.levels import (
    SIDE,
    Crop,
    Degradation,
    aviators,
    bar,
    blur,
    drawn,
    ellipses,
    moved,
    noise,
    shrunk,
    stripes,
)

SETS, SHARE = ("celeba10k", "celeba_val_trung", "celeba_wild", "glint"), 0.12
"""Whose people are held out, and how many: those of training/runs/recogniser/config.json."""

FMR = 1e-3
FEWEST = 3000
"""Pairs that are compared without which their false match rate is not told: the rule of three."""

BORDER = 70
"""Pixels around a crop that make a photo of it."""

DEGRADATIONS: dict[str, Degradation] = {
    "as they are": lambda crop, _: crop,
    "noise, sigma 40": noise(40),
    "noise, sigma 20": noise(20),
    "blur, sigma 2": blur(2),
    "blur, sigma 2.5": blur(2.5),
    "blur, sigma 3": blur(3),
    "blur, sigma 3.5": blur(3.5),
    "blur, sigma 6": blur(6),
    "moved sideways by 9": moved(9, 0),
    "moved sideways by 17": moved(17, 0),
    "moved up or down by 9": moved(9, math.pi / 2),
    "moved up or down by 17": moved(17, math.pi / 2),
    "moved slantwise by 17": moved(17, math.pi / 4),
    "x 0.15, then noise of sigma 8": noise(8, 0.15),
    "x 0.15": noise(0, 0.15),
    "x 2.2, white above 255": noise(0, 2.2),
    "mask": drawn(lambda draw: draw.rectangle((14, 66, 97, 111), fill=(150, 190, 220))),
    "glasses, a bar": drawn(bar),
    "glasses, ellipses": drawn(ellipses),
    "glasses, aviators": drawn(aviators),
    "shrunk to 28 pixels": shrunk(28),
    "shrunk to 20 pixels": shrunk(20),
    "shrunk to 14 pixels": shrunk(14),
}


def resized(across: float, down: float) -> Degradation:
    """A photo of so many times as many columns and rows."""

    def change(photo: Crop, _: np.random.Generator) -> Crop:
        return cv2.resize(photo, None, fx=across, fy=down, interpolation=cv2.INTER_AREA)

    return change


def enlarged(times: int) -> Degradation:
    """Each pixel a square of so many."""
    return lambda photo, _: photo.repeat(times, axis=0).repeat(times, axis=1)


def after(first: Degradation, then: Degradation) -> Degradation:
    return lambda photo, rng: then(first(photo, rng), rng)


def hidden(share: float) -> Degradation:
    """A photo whose right part is plain, from where so much of the face's crop is left."""

    def change(photo: Crop, _: np.random.Generator) -> Crop:
        photo = photo.copy()
        photo[:, round(BORDER + (1 - share) * SIDE) :] = (120, 110, 100)
        return photo

    return change


OF_PHOTOS: dict[str, Degradation] = {
    "as they are": lambda photo, _: photo,
    "upside down": lambda photo, _: np.rot90(photo, 2),
    "1.15 times too wide": resized(1, 1 / 1.15),
    "1.33 times too wide": resized(1, 0.75),
    "1.78 times too wide": resized(1, 1 / 1.78),
    "1.33 times too narrow": resized(0.75, 1),
    "behind stripes, 5 % of the light": stripes(0.05),
    "behind stripes, 20 %": stripes(0.2),
    "28 squares across the crop": after(resized(1 / 4, 1 / 4), enlarged(4)),
    "19 squares": after(resized(1 / 6, 1 / 6), enlarged(6)),
    "14 squares": after(resized(1 / 8, 1 / 8), enlarged(8)),
    "covered from the right, 30 %": hidden(0.3),
    "covered from the right, 45 %": hidden(0.45),
}


def face_of(side: float) -> Face:
    """A sure face whose crop was enlarged from a photo in which it had so many pixels."""
    scale = side / 112
    box = np.array([14, 14, 98, 112]) * scale
    return Face(box, 1.0, template_points("arcface-112x112") * scale)


def held_out(folder: Path, teacher: Embedder) -> tuple[list[Crop], NDArray[np.int64]]:
    """Crops of people that the packaged recogniser was not trained on, and a number for each."""
    crops = FaceCrops(folder, SETS, labelled_only=True)
    alone = split_by_identity(crops.records, None, validation_sets=SETS, validation_share=SHARE)
    vectors = np.zeros((len(crops), teacher.dim), np.float32)
    with progress_bar("the teacher's embeddings") as progress:
        for number, row in enumerate(alone.validation):
            vectors[row] = teacher.embed(crops.image(row)[None])[0]
            progress(number + 1, len(alone.validation), "the teacher's embeddings")
    split = split_by_identity(crops.records, vectors, validation_sets=SETS, validation_share=SHARE)
    return [crops.image(row) for row in split.validation], split.validation_identities


class Pairs:
    """All pairs of some crops, and what the threshold makes of them."""

    def __init__(self, people: NDArray[np.int64], threshold: float) -> None:
        self._upper = np.triu_indices(len(people), 1)
        self._same = (people[:, None] == people)[self._upper]
        self._threshold = threshold

    def row(self, vectors: FloatArray, quality: Sequence[Quality | None]) -> str:
        """Passing impostors without floors, of all and of the compared; genuine; refused."""
        accepted = np.array([bool(one) for one in quality])
        compared = (accepted[:, None] & accepted)[self._upper]
        passes = (vectors @ vectors.T)[self._upper] >= self._threshold
        true, false = self._same, ~self._same
        left = false & compared
        few = left.sum() < FEWEST
        return (
            f"{100 * passes[false].mean():.2f} | {100 * (passes & compared)[false].mean():.2f} | "
            + ("too few" if few else f"{100 * passes[left].mean():.2f}")
            + f" | {passes[true].mean():.3f} | {(passes & compared)[true].mean():.3f}"
            + f" | {100 * (1 - accepted.mean()):.1f} | {_why(quality)}"
        )


def _why(quality: Sequence[Quality | None]) -> str:
    found = [one for one in quality if one is not None]
    reasons = Counter(reason.split(" (")[0] for one in found for reason in one.reasons)
    words = [f"{reason} {100 * n / len(quality):.1f}" for reason, n in reasons.most_common(3)]
    missing = len(quality) - len(found)
    return ", ".join(words + [f"no face {100 * missing / len(quality):.1f}"] * bool(missing))


def measure_faces(folder: Path, teacher: Path) -> None:
    contract = Contract.read(Path("tools/peers/mobilefacenet.contract.json"))
    crops, people = held_out(folder, Embedder.load(teacher, contract, trust=True))
    engine = FaceEngine.load()
    embedder = engine.embedder
    pairs = Pairs(people, embedder.contract.threshold_for(FMR).similarity)
    size = embedder.contract.input.height, embedder.contract.input.width
    print(f"{len(crops)} crops of {people.max() + 1} people; {_swapped(crops)}")
    print("| both crops | FMR, % | with floors, of all | of the compared | TAR | with floors |"
          " refused, % | why, % of crops |\n|" + " --- |" * 8)  # fmt: skip
    for name, degrade in DEGRADATIONS.items():
        rng = np.random.default_rng(1)
        bad = [degrade(crop, rng) for crop in crops]
        side = float(name.split()[2]) if name.startswith("shrunk") else 112.0
        quality = [assess_crop(crop, face_of(side)) for crop in bad]
        vectors = embedder.embed(np.stack([central(crop, *size) for crop in bad]))
        print(f"| {name} | {pairs.row(vectors, quality)} |", flush=True)
    bad = [np.rot90(crop, 2) for crop in crops]
    alone = embedder.embed(np.stack([central(crop, *size) for crop in bad]))
    no_floors = [assess_crop(crop, face_of(112)) for crop in bad]
    print(f"| upside down, the crops alone | {pairs.row(alone, no_floors)} |", flush=True)
    empty = np.zeros(embedder.dim, np.float32)
    for name, degrade in OF_PHOTOS.items():
        rng = np.random.default_rng(1)
        through = [_in_photo(engine, degrade(photo_of(crop), rng)) for crop in crops]
        vectors = np.stack([empty if vector is None else vector for vector, _ in through])
        row = pairs.row(vectors, [quality for _, quality in through])
        print(f"| as photos: {name} | {row} |", flush=True)


def _swapped(crops: Sequence[Crop]) -> str:
    right = sum(looks_swapped(crop) for crop in crops)
    wrong = sum(looks_swapped(crop[..., ::-1]) for crop in crops)
    return f"{right} look swapped, of the swapped {wrong} ({100 * wrong / len(crops):.1f} %)"


def photo_of(crop: Crop) -> Crop:
    """The crop with a border of its last pixels."""
    return np.pad(crop, ((BORDER, BORDER), (BORDER, BORDER), (0, 0)), mode="edge")


def _in_photo(engine: FaceEngine, photo: Crop) -> tuple[FloatArray | None, Quality | None]:
    choice = select(engine.detector, photo, of_one_person=True)
    if choice is None:
        return None, None
    return engine.embed(photo, choice.face).vector, choice.quality


def measure_lfw(images: Path, pairs: Path) -> None:
    protocol = read_pairs(pairs)
    photos = LfwPhotos(images, protocol.photos)
    test = lfw_set(protocol, photos)
    engine = FaceEngine.load()
    vectors = np.zeros((len(test.names), engine.embedder.dim), np.float32)
    quality: list[Quality | None] = []
    crops = []
    with progress_bar("photos") as progress:
        for number, name in enumerate(protocol.photos):
            image = decode.decode(io.BytesIO(photos.read(name)), name=name)
            choice = select(engine.detector, image, of_one_person=True)
            quality.append(choice and choice.quality)
            if choice is not None:
                crop = align_square(image, choice.face.landmarks, 112)
                crops.append(crop)
                size = engine.embedder.contract.input
                vectors[number] = engine.embedder.embed_one(
                    central(crop, size.height, size.width)
                ).vector
            progress(number + 1, len(protocol.photos), "photos")
    accepted = np.array([bool(one) for one in quality])
    compared = accepted[test.first] & accepted[test.second]
    similarity = np.einsum("nd,nd->n", vectors[test.first], vectors[test.second])
    threshold = engine.embedder.contract.threshold_for(FMR).similarity
    print(f"{len(crops)} photos with a face; {_swapped(crops)}")
    print(f"photos refused: {(~accepted).sum()} of {len(accepted)} ({_why(quality)})")
    for what, same in (("of one person", test.same), ("of two people", ~test.same)):
        print(f"pairs {what} refused: {(same & ~compared).sum()} of {same.sum()}")
    for what, some in (("all pairs", np.ones_like(compared)), ("compared pairs", compared)):
        right = []
        for fold in range(10):
            tested, rest = some & (test.folds == fold), some & (test.folds != fold)
            best = best_threshold(similarity[rest], test.same[rest])
            right.append(((similarity >= best) == test.same)[tested].mean())
        passes = similarity >= threshold
        print(
            f"{what}: accuracy {100 * np.mean(right):.2f} % +- {100 * np.std(right):.2f}; at the "
            f"default threshold FMR {passes[some & ~test.same].mean():.4f}, "
            f"FNMR {1 - passes[some & test.same].mean():.4f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    what = parser.add_subparsers(dest="what", required=True)
    faces = what.add_parser("faces", help="degraded crops of held-out people")
    faces.add_argument("folder", type=Path)
    faces.add_argument("teacher", type=Path)
    lfw = what.add_parser("lfw", help="what is refused of LFW")
    lfw.add_argument("images", type=Path)
    lfw.add_argument("pairs", type=Path)
    arguments = parser.parse_args()
    if arguments.what == "faces":
        measure_faces(arguments.folder, arguments.teacher)
    else:
        measure_lfw(arguments.images, arguments.pairs)


if __name__ == "__main__":
    main()
