"""Write photos with known faces, and without any, for ``facesdk evaluate detection``.

    python -m tools.bench.detectors.folder faces OUT
    facesdk evaluate detection OUT --boxes OUT/boxes.txt --detector finder --report finder.html

FACES has ``manifest.csv`` and a zip of aligned crops per set. Photos have 640x480 pixels and one to
four of the held-out people, each in a quarter of its own where there are several: 15 to 400 pixels
high, turned by up to 90 degrees, on packaged photos and textures. Their yaw is that of MTCNN's
landmarks on the crop. Photos without a face follow.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from facesdk.cli.output import progress_bar
from facesdk.detection.registry import load_detector
from facesdk.files import make_folder
from facesdk.images import encode
from facesdk.quality.pose import pose
from tools.bench.detectors.faceless import HEIGHT, WIDTH, Photo, photos
from tools.bench.detectors.scenes import BOX, people, placed

SMALLEST, LARGEST, LARGEST_OF_SEVERAL = 15, 400, 200
"""Heights of a face's box in pixels, drawn evenly on a logarithmic scale."""

TURN = 25.0
"""Standard deviation of the angle of a third of the faces; the others have 8 degrees."""

BORDER = 100


def yaw_of(crop: Photo) -> float:
    """Degrees; NaN where MTCNN does not see the face."""
    enlarged = cv2.resize(crop, None, fx=2, fy=2)
    grey = (127, 127, 127)
    photo = cv2.copyMakeBorder(enlarged, *(BORDER,) * 4, cv2.BORDER_CONSTANT, value=grey)
    faces = load_detector("mtcnn", turned=False).detect(np.asarray(photo), 1)
    return pose(faces[0].landmarks).yaw if faces else float("nan")


def main() -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", type=Path, metavar="FACES")
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--photos", type=int, default=500)
    parser.add_argument("--faceless", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    make_folder(options.out)
    crops, _ = people(options.faces, 4)
    yaws: dict[int, float] = {}
    lines: list[str] = []
    with progress_bar("photos") as progress:
        for number, photo in enumerate(photos(options.photos, seed=options.seed + 1)):
            rng = np.random.default_rng((options.seed, number))
            count = (1, 1, 2, 4)[number % 4]
            lines += [f"{number:04d}.png", str(count)]
            for part in rng.permutation(4)[:count]:
                row = int(rng.integers(len(crops)))
                if row not in yaws:
                    yaws[row] = yaw_of(crops[row])
                largest = LARGEST if count == 1 else LARGEST_OF_SEVERAL
                height = np.exp(rng.uniform(np.log(SMALLEST), np.log(largest)))
                degrees = float(np.clip(rng.normal(0, TURN if row % 3 == 0 else 8), -90, 90))
                half = np.array([WIDTH, HEIGHT]) / (2 if count == 1 else 4)
                middle = half if count == 1 else half * [1 + 2 * (part % 2), 1 + 2 * (part // 2)]
                side = float(height * len(crops[row]) / (BOX[3] - BOX[1]))
                place = middle + rng.uniform(-1, 1, 2) * np.maximum(half - side / 2, 0)
                photo, placement = placed(crops[row], photo, side, degrees, place)
                left, top, right, bottom = placement.box().tolist()
                face = (left, top, right - left, bottom - top)
                known = "" if np.isnan(yaws[row]) else f" {yaws[row]:.1f}"
                words = " ".join(f"{value:.1f}" for value in face)
                lines.append(f"{words} 0 0 0 0 0 0 {degrees:.1f}{known}")
            encode.save(options.out / f"{number:04d}.png", photo)
            progress(number + 1, options.photos, "photos with faces")
        for number, photo in enumerate(photos(options.faceless, seed=options.seed)):
            lines += [f"none{number:04d}.png", "0"]
            encode.save(options.out / f"none{number:04d}.png", photo)
            progress(number + 1, options.faceless, "photos without a face")
    (options.out / "boxes.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
