"""Is the largest face that is asked for the largest that there is?

    python -m tools.bench.detectors.collages faces --detectors finder mtcnn

108 photos of 640x480, each a collage of two to four held-out people with 45 to 290 pixels between
brow and chin, one at least 1.3 times as large as the others, on packaged photos and textures. A
detector that is asked for one face is right if its landmarks are those of the largest.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk.detection.registry import load_detector
from tools.bench.detectors.faceless import HEIGHT, WIDTH, Photo, photos
from tools.bench.detectors.scenes import people, placed

COUNT = 108
SIDES, RATIO = (68, 230), 1.3
"""Sides of the crops but the largest, and how many times as large that is, at least."""
NEAR = 1 / 3
"""Landmarks farther away than so many eye distances are those of another face, or of none."""


def collage(
    crops: list[Photo], photo: Photo, rng: np.random.Generator
) -> tuple[Photo, NDArray[np.float64]]:
    """A photo with two to four faces, and the landmarks of the largest."""
    count = int(rng.integers(2, 5))
    limit = min(SIDES[1], WIDTH / count)
    sides = np.exp(rng.uniform(np.log(SIDES[0]), np.log(limit), count))
    largest = int(rng.integers(count))
    others = np.delete(sides, largest).max()
    sides[largest] = min(max(sides[largest], RATIO * others), HEIGHT - 20)
    sides *= min(1, WIDTH / sides.sum())
    gap = (WIDTH - sides.sum()) / (count + 1)
    left, points = gap, np.empty((5, 2))
    for number, side in enumerate(sides.tolist()):
        crop = crops[int(rng.integers(len(crops)))]
        place = np.array([left + side / 2, rng.uniform(side / 2, HEIGHT - side / 2)])
        photo, placement = placed(crop, photo, side, float(rng.normal(0, 5)), place)
        left += side + gap
        if number == largest:
            points = placement.points()
    return photo, points


def main() -> None:
    """Print how often each detector is right."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", type=Path, metavar="FACES")
    parser.add_argument("--detectors", nargs="+", default=["finder", "mtcnn"])
    options = parser.parse_args()
    cv2.setNumThreads(1)
    crops, _ = people(options.faces, 4)
    detectors = {name: load_detector(name, turned=False) for name in options.detectors}
    right = dict.fromkeys(detectors, 0)
    for number, photo in enumerate(photos(COUNT, seed=2)):
        made, points = collage(crops, photo, np.random.default_rng((2, number)))
        eyes = np.linalg.norm(points[1] - points[0])
        for name, detector in detectors.items():
            for face in detector.detect(made, 1):
                apart = np.linalg.norm(face.landmarks - points, axis=1).mean() / eyes
                right[name] += bool(apart < NEAR)
    for name, count in right.items():
        print(f"{name}: {count} of {COUNT}")


if __name__ == "__main__":
    main()
