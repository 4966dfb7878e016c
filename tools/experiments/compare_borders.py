"""How many close-ups the detector finds, by what it assumes outside of the photo.

    python -m tools.experiments.compare_borders --faces celebahq256_pretrain.zip celeba_wild.zip

The photos are aligned face crops (112x112 images in zips), cut down further around their middle. A
face counts as found where its box is at least half as wide as the photo.
"""

from __future__ import annotations

import argparse
import io
import random
import zipfile
from pathlib import Path

import numpy as np

from facesdk.detection import windows
from facesdk.detection.mtcnn import pyramid
from facesdk.detection.mtcnn.detector import MTCNN
from facesdk.images import decode
from facesdk.images.decode import RgbImage

SHARES = (1.0, 0.8, 0.7, 0.6, 0.5)


def sample(archive: Path, count: int) -> list[RgbImage]:
    """Photos of a zip, chosen by a fixed seed."""
    with zipfile.ZipFile(archive) as source:
        names = sorted(name for name in source.namelist() if not name.endswith("/"))
        chosen = random.Random(0).sample(names, min(count, len(names)))
        return [decode.decode(io.BytesIO(source.read(name)), name=name) for name in chosen]


def found(detector: MTCNN, photo: RgbImage, share: float) -> bool:
    """Whether a face fills the middle ``share`` of a photo, as the detector sees it."""
    top, left = (int(side * (1 - share) / 2) for side in photo.shape[:2])
    part = photo[top : photo.shape[0] - top, left : photo.shape[1] - left]
    faces = detector.detect(np.ascontiguousarray(part))
    return any(face.width >= part.shape[1] / 2 for face in faces)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--faces", type=Path, nargs="+", required=True, help="zips of face crops")
    parser.add_argument("--count", type=int, default=100, help="photos of each zip")
    arguments = parser.parse_args()

    photos = [photo for path in arguments.faces for photo in sample(path, arguments.count)]
    detector = MTCNN.load()
    print(f"{len(photos)} photos; found, %\n\n| outside | {' | '.join(map(str, SHARES))} |")
    print("| --- " * (len(SHARES) + 1) + "|")
    for name, value in (("grey 127 (ours)", windows.BLANK), ("black", 0), ("white", 255)):
        pyramid.BLANK = windows.BLANK = value
        rates = [np.mean([found(detector, photo, share) for photo in photos]) for share in SHARES]
        print(f"| {name} | {' | '.join(f'{100 * rate:.1f}' for rate in rates)} |")


if __name__ == "__main__":
    main()
