"""How far landmarks move when the detector averages pictures from halvings of the photo.

    python -m tools.experiments.compare_halvings

The photos are the packaged samples at random sizes and angles; the reference is the same detector
when it reads every pixel.
"""

from __future__ import annotations

import argparse

import cv2
import numpy as np

from facesdk import samples
from facesdk.detection import windows
from facesdk.detection.mtcnn import pyramid
from facesdk.detection.mtcnn.detector import MTCNN
from facesdk.images import decode
from facesdk.images.decode import RgbImage
from facesdk.results import Face

EVERY_PIXEL = 10**9
SAMPLES = (samples.OBAMA, samples.OBAMA2, samples.BIDEN)


def views(count: int) -> list[RgbImage]:
    """The samples, a quarter to all of their size and turned by up to 10 degrees."""
    rng = np.random.default_rng(1)
    photos = [decode.load(path) for path in SAMPLES]
    result = []
    for number in range(count):
        scale, angle = rng.uniform(0.25, 1), rng.uniform(-10, 10)
        photo = photos[number % len(photos)]
        photo = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        height, width = photo.shape[:2]
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1)
        turned = cv2.warpAffine(photo, turn, (width, height), borderMode=cv2.BORDER_REFLECT_101)
        result.append(np.asarray(turned))
    return result


def detect(detector: MTCNN, photos: list[RgbImage], oversampling: int) -> list[list[Face]]:
    """The faces of each photo at a value of ``halvings.OVERSAMPLING``."""
    pyramid.OVERSAMPLING = windows.OVERSAMPLING = oversampling
    return [detector.detect(photo) for photo in photos]


def distance(face: Face, others: list[Face]) -> float:
    """Mean distance of the landmarks to those of the nearest face, in % of the face's height."""
    shifts = [np.linalg.norm(other.landmarks - face.landmarks, axis=1).mean() for other in others]
    return 100 * min(shifts, default=np.inf) / face.height


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--views", type=int, default=90, help="photos made of the samples")
    arguments = parser.parse_args()

    detector, photos = MTCNN.load(), views(arguments.views)
    reference = detect(detector, photos, EVERY_PIXEL)
    print(f"{sum(map(len, reference))} faces on {len(photos)} photos; distances in % of the height")
    print("\n| at least as large as | lost | median | 95 % of faces |\n| --- | --- | --- | --- |")
    for oversampling in (1, 2, 4, 8):
        found = detect(detector, photos, oversampling)
        distances = np.array(
            [
                distance(face, others)
                for faces, others in zip(reference, found, strict=True)
                for face in faces
            ]
        )
        near = distances[distances < 20]
        middle, most = np.quantile(near, (0.5, 0.95))
        print(f"| {oversampling} | {len(distances) - len(near)} | {middle:.2f} | {most:.2f} |")


if __name__ == "__main__":
    main()
