"""What the floors of quality refuse, and what that does to the false match rate of bad pictures.

    python -m tools.experiments.degraded_strangers faces FOLDER MobileFaceNet.tflite
    python -m tools.experiments.degraded_strangers lfw lfw.zip pairs.txt

``faces`` takes the aligned crops of the held-out people (FOLDER has ``manifest.csv`` and a zip per
set; the teacher tells people with two names), degrades all of them alike, and prints for each
degradation the share of impostor pairs that pass the default threshold: without floors, and with
them, of all pairs and of those that are compared. The last row, upside down, goes through the whole
pipeline, as photos with a border. ``lfw`` prints what the floors refuse of LFW's photos and pairs,
and the accuracy with and without. Both print how many of the pictures as they are, and how many of
them with red and blue swapped, are taken for swapped.
"""

from __future__ import annotations

import argparse
import io
import math
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

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

Crop = NDArray[np.uint8]
Degradation = Callable[[Crop, np.random.Generator], Crop]

SETS, SHARE = ("celeba10k", "celeba_val_trung", "celeba_wild", "glint"), 0.12
"""Whose people are held out, and how many: those of training/runs/recogniser/config.json."""

FMR = 1e-3
FEWEST = 3000
"""Pairs that are compared without which their false match rate is not told: the rule of three."""

BORDER = 70
"""Pixels around a crop that make a photo of it."""

INK = (18, 18, 20)
EYES = ((38, 52), (74, 52))


def noise(sigma: float, gain: float = 1.0) -> Degradation:
    return lambda crop, rng: np.clip(
        np.round(crop * gain + rng.normal(0, sigma, crop.shape)), 0, 255
    ).astype(np.uint8)


def picture(change: Callable[[Image.Image], Image.Image]) -> Degradation:
    return lambda crop, _: np.asarray(change(Image.fromarray(crop)))


def blur(sigma: float) -> Degradation:
    return picture(lambda image: image.filter(ImageFilter.GaussianBlur(sigma)))


def shrunk(side: int) -> Degradation:
    return picture(
        lambda image: image.resize((side, side), Image.Resampling.BOX).resize(
            image.size, Image.Resampling.BILINEAR
        )
    )


def moved(pixels: int, direction: float) -> Degradation:
    """A face that moves so many pixels on a straight line while it is exposed."""
    steps = np.linspace(-pixels / 2, pixels / 2, 4 * pixels + 1)
    places = [(math.cos(direction) * step, math.sin(direction) * step) for step in steps]

    def change(crop: Crop, _: np.random.Generator) -> Crop:
        seen = [
            cv2.warpAffine(
                crop.astype(np.float32),
                np.float32([[1, 0, across], [0, 1, down]]),
                crop.shape[1::-1],
                borderMode=cv2.BORDER_REPLICATE,
            )
            for across, down in places
        ]
        return np.round(np.mean(seen, axis=0)).astype(np.uint8)

    return change


def drawn(draw: Callable[[ImageDraw.ImageDraw], None]) -> Degradation:
    def change(image: Image.Image) -> Image.Image:
        draw(ImageDraw.Draw(image))
        return image

    return picture(change)


def ellipses(draw: ImageDraw.ImageDraw) -> None:
    for x, y in EYES:
        draw.ellipse((x - 14, y - 10, x + 14, y + 10), fill=INK)
    draw.line((52, 50, 60, 50), fill=INK, width=3)


def aviators(draw: ImageDraw.ImageDraw) -> None:
    for x, y in EYES:
        corners = ((-14, -8), (14, -8), (12, 6), (0, 12), (-12, 6))
        draw.polygon([(x + dx, y + dy) for dx, dy in corners], fill=INK)
    draw.line((50, 46, 62, 46), fill=INK, width=2)


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
    "glasses, a bar": drawn(lambda draw: draw.rectangle((14, 43, 97, 59), fill=INK)),
    "glasses, ellipses": drawn(ellipses),
    "glasses, aviators": drawn(aviators),
    "shrunk to 28 pixels": shrunk(28),
    "shrunk to 20 pixels": shrunk(20),
    "shrunk to 14 pixels": shrunk(14),
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
    through = [_in_photo(engine, crop) for crop in bad]
    empty = np.zeros(embedder.dim, np.float32)
    vectors = np.stack([empty if vector is None else vector for vector, _ in through])
    quality = [one for _, one in through]
    no_floors = [assess_crop(crop, face_of(112)) for crop in bad]
    print(f"| upside down, the crops alone | {pairs.row(alone, no_floors)} |")
    print(f"| upside down, as photos | {pairs.row(vectors, quality)} |")


def _swapped(crops: Sequence[Crop]) -> str:
    right = sum(looks_swapped(crop) for crop in crops)
    wrong = sum(looks_swapped(crop[..., ::-1]) for crop in crops)
    return f"{right} look swapped, of the swapped {wrong} ({100 * wrong / len(crops):.1f} %)"


def _in_photo(engine: FaceEngine, crop: Crop) -> tuple[FloatArray | None, Quality | None]:
    photo = np.pad(crop, ((BORDER, BORDER), (BORDER, BORDER), (0, 0)), mode="edge")
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
