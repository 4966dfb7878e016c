"""What detectors find: faces by size, close-ups, photos without faces, and time.

    python -m tools.experiments.compare_detectors LFW [mtcnn blaze FILE.tflite ...]

``LFW`` is a folder of LFW's photos. The truth is MTCNN's face nearest to the middle of each. A face
is found if the middle of its landmarks is within 0.3 face heights of the truth's and its
height within a factor of 1.7; the distance is the mean over five landmarks in eye distances, the
median over the faces found. Photos without faces are scikit-image's. Times are CPU time of one
thread, detectors in turn; each photo counts with its fastest run, the mean of these is shown.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray

from facesdk.detection.detector import Detector
from facesdk.detection.registry import load_detector
from facesdk.images import decode
from facesdk.results import Face
from facesdk.samples import BIDEN, OBAMA, OBAMA2

PHOTOS, RUNS, SMALLEST = 40, 12, 20
GREY = (127, 127, 127)
HEIGHTS = (15, 20, 30, 50, 100, 250, 400)
CLOSE_UPS = (
    ("all of it, 250 px", 1.0, 250, (0.0, 0.0)),
    ("0.8, 250", 0.8, 250, (0.0, 0.0)),
    ("0.6, 250", 0.6, 250, (0.0, 0.0)),
    ("0.6, 480", 0.6, 480, (0.0, 0.0)),
    ("0.8, 480", 0.8, 480, (0.0, 0.0)),
    ("left half", 1.2, 250, (-0.45, 0.0)),
    ("lower part", 1.2, 250, (0.0, -0.4)),
)
"""Name, share of the face's box, side of the photo, and where its middle is moved."""
FACELESS = (
    *("brick", "chelsea", "clock", "coffee", "coins", "colorwheel", "grass", "gravel", "horse"),
    *("hubble_deep_field", "immunohistochemistry", "moon", "page", "text", "rocket", "retina"),
    "checkerboard",
)

Picture = NDArray[np.uint8]


class Truth(NamedTuple):
    """A photo with one face: its picture, box and landmarks."""

    image: Picture
    box: NDArray[np.float64]
    points: NDArray[np.float64]


class Case(NamedTuple):
    """A picture made of a photo, and where the face is in it."""

    image: Picture
    points: NDArray[np.float64]
    height: float


def truths(folder: Path, count: int) -> list[Truth]:
    """Photos whose face is well inside and sure, chosen at random but always the same."""
    teacher = load_detector("mtcnn", min_face=SMALLEST, turned=False)
    paths = sorted(folder.rglob("*.jpg"))
    random.Random(3).shuffle(paths)
    found: list[Truth] = []
    for path in paths:
        image = decode.as_image(str(path))
        middle = np.array(image.shape[1::-1]) / 2
        faces = sorted(
            teacher.detect(image),
            key=lambda face: float(np.hypot(*((face.box[:2] + face.box[2:]) / 2 - middle))),
        )
        inside = faces and faces[0].box.min() > 15 and faces[0].box[2:].max() < image.shape[0] - 15
        if inside and faces[0].score > 0.95:
            found.append(Truth(image, faces[0].box.astype(float), faces[0].landmarks.astype(float)))
        if len(found) == count:
            break
    return found


def placed(truth: Truth, height: float, size: tuple[int, int] = (640, 480)) -> Case:
    """The photo on grey, its face so many pixels high in the middle."""
    scale = height / (truth.box[3] - truth.box[1])
    shift = np.array(size) / 2 - (truth.box[:2] + truth.box[2:]) / 2 * scale
    image = _warped(truth.image, scale, shift, size)
    return Case(image, truth.points * scale + shift, height)


def close_up(truth: Truth, share: float, side: int, offset: tuple[float, float]) -> Case:
    """A part of the face's box as a photo."""
    height = truth.box[3] - truth.box[1]
    scale = side / (share * height)
    middle = (truth.box[:2] + truth.box[2:]) / 2 + np.array(offset) * height
    shift = -(middle - share * height / 2) * scale
    image = _warped(truth.image, scale, shift, (side, side))
    return Case(image, truth.points * scale + shift, height * scale)


def _warped(
    image: Picture, scale: float, shift: NDArray[np.float64], size: tuple[int, int]
) -> Picture:
    if scale < 1:  # the mean of areas first: a warp takes single pixels
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        scale, image = scale * image.shape[1] / small.shape[1], small
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    return cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderValue=GREY)


def distance(faces: list[Face], case: Case) -> float | None:
    """Of the best of the faces that are the case's; None if none is."""
    eyes = np.hypot(*(case.points[1] - case.points[0]))
    found = [
        float(np.hypot(*(face.landmarks - case.points).T).mean() / eyes)
        for face in faces
        if np.hypot(*(face.landmarks.mean(0) - case.points.mean(0))) < 0.3 * case.height
        and 1 / 1.7 < (face.box[3] - face.box[1]) / case.height < 1.7
    ]
    return min(found, default=None)


def row(detect: Callable[[Picture], list[Face]], cases: list[Case]) -> str:
    """How many are found, and how far off."""
    found = [distance(detect(case.image), case) for case in cases]
    known = [value for value in found if value is not None]
    return f"{len(known)} ({np.median(known):.3f})" if known else "0"


def faceless() -> Iterator[tuple[str, Picture]]:
    """scikit-image's photos without faces, as RGB."""
    for name in FACELESS:
        image = getattr(skimage.data, name)()
        image = image.astype(np.uint8) * 255 if image.dtype == bool else image
        if image.ndim == 2:
            image = np.repeat(image[..., None], 3, axis=2)
        yield name, np.ascontiguousarray(image[..., :3])


def seconds(run: Callable[[], object]) -> float:
    """CPU time of one run."""
    start = time.process_time()
    run()
    return time.process_time() - start


def times(detectors: dict[str, Detector], photos: list[Picture], most: int | None) -> list[float]:
    """Milliseconds per photo of each detector, in turn."""
    fastest = np.full((len(detectors), len(photos)), np.inf)
    for number, photo in enumerate(photos):
        for _ in range(RUNS):
            for place, detector in enumerate(detectors.values()):
                took = seconds(partial(detector.detect, photo, most))
                fastest[place, number] = min(fastest[place, number], took)
    return [float(1000 * value) for value in fastest.mean(1)]


def fitted(path: str) -> Picture:
    """A sample on 640x480, cut to that shape around its largest face."""
    image = decode.as_image(path)
    face = load_detector("mtcnn", turned=False).detect(image, 1)[0]
    height, width = image.shape[:2]
    rows = min(height, width * 3 // 4)
    columns = rows * 4 // 3
    middle = (face.box[:2] + face.box[2:]) / 2
    left = int(np.clip(middle[0] - columns / 2, 0, width - columns))
    top = int(np.clip(middle[1] - rows / 2, 0, height - rows))
    cut = image[top : top + rows, left : left + columns]
    return cv2.resize(cut, (640, 480), interpolation=cv2.INTER_AREA)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lfw", type=Path, help="folder of LFW's photos")
    parser.add_argument("detectors", nargs="*", default=["mtcnn", "blaze"], help="names or files")
    options = parser.parse_args()
    folder, names = options.lfw, options.detectors
    cv2.setNumThreads(1)
    load = partial(load_detector, min_face=SMALLEST, turned=False)
    detectors = {Path(name).stem: load(name) for name in names}
    known = truths(folder, PHOTOS)
    print(f"{len(known)} faces: found (distance)")
    print("| detector |", " | ".join(f"{height} px" for height in HEIGHTS), "|")
    sized = [[placed(truth, height) for truth in known] for height in HEIGHTS]
    for name, detector in detectors.items():
        print(f"| {name} |", " | ".join(row(detector.detect, cases) for cases in sized), "|")
    print("| close-ups |", " | ".join(name for name, *_ in CLOSE_UPS), "|")
    closed = [[close_up(truth, *what) for truth in known] for _, *what in CLOSE_UPS]
    for name, detector in detectors.items():
        print(f"| {name} |", " | ".join(row(detector.detect, cases) for cases in closed), "|")
        largest = partial(detector.detect, max_faces=1)
        print(f"| {name}, largest |", " | ".join(row(largest, cases) for cases in closed), "|")
    for name, detector in detectors.items():
        wrong = [what for what, image in faceless() for _ in detector.detect(image)]
        print(f"{name}: {len(wrong)} faces in {len(FACELESS)} photos without any", *wrong)
    photos = [fitted(str(path)) for path in (OBAMA, OBAMA2, BIDEN)]
    for words, most in (("all from 20 px", None), ("largest", 1)):
        took = times(detectors, photos, most)
        pairs = zip(detectors, took, strict=True)
        print(f"{words}, 640x480, CPU ms:", ", ".join(f"{n} {ms:.1f}" for n, ms in pairs))


if __name__ == "__main__":
    main()
