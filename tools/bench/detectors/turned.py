r"""Photos that lie on a side or upside down: are their faces found, and at what cost.

    python -m tools.bench.detectors.turned faces --detectors finder mtcnn

Crops of people whom the packaged recogniser was trained on, so that rules may be chosen here, are
set into photos as in ``tools.bench.detectors.verification``, and every photo is given in its four
turns. Asked for one face, a detector is right if its landmarks are those of the face. Times are of
the process.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk.cli.output import progress_bar
from facesdk.detection.registry import load_detector
from facesdk.detection.turns import turned_back
from facesdk.results import Face
from facesdk_training.data.crops import FaceCrops
from facesdk_training.data.split import split_by_identity
from tools.bench.detectors.faceless import HEIGHT, WIDTH, Photo
from tools.bench.detectors.faceless import photos as faceless
from tools.bench.detectors.scenes import RUN
from tools.bench.detectors.verification import NEAR, distance, scene

BACKGROUNDS = 60


def training_crops(folder: Path, count: int) -> list[Photo]:
    """Some crops of people whom the packaged recogniser was trained on."""
    held_out = json.loads(RUN.read_text())["config"]["validation"]
    sets, share = tuple(held_out["sets"]), held_out["share"]
    crops = FaceCrops(folder, sets, labelled_only=True)
    split = split_by_identity(crops.records, None, validation_sets=sets, validation_share=share)
    rows = np.random.default_rng(5).choice(split.train, count, replace=False)
    return [crops.image(int(row)) for row in rows]


def outcome(faces: list[Face], turn: int, points: NDArray[np.float64]) -> str:
    """What came of a photo that was turned so often."""
    if not faces:
        return "no find"
    face = faces[0]
    if turn:
        face = turned_back(face, turn, HEIGHT, WIDTH)
    near = distance(face.landmarks.astype(np.float64), points) < NEAR
    return "right" if near else "elsewhere"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", type=Path, metavar="FOLDER")
    parser.add_argument("--detectors", nargs="+", default=["finder", "mtcnn"])
    parser.add_argument("--photos", type=int, default=500)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    crops = training_crops(options.faces, options.photos)
    backgrounds = [cv2.resize(photo, (WIDTH, HEIGHT)) for photo in faceless(BACKGROUNDS, seed=77)]
    detectors = {name: load_detector(name) for name in options.detectors}
    outcomes: dict[tuple[str, int], list[str]] = {}
    seconds: dict[tuple[str, int], list[float]] = {}
    with progress_bar("photos") as progress:
        for number, crop in enumerate(crops):
            rng = np.random.default_rng((9, number))
            photo, points, _ = scene(crop, backgrounds[int(rng.integers(BACKGROUNDS))], rng)
            for turn in range(4):
                given = np.ascontiguousarray(np.rot90(photo, turn))
                for name, detector in detectors.items():
                    start = time.process_time()
                    faces = detector.detect(given, 1)
                    spent = time.process_time() - start
                    seconds.setdefault((name, turn), []).append(spent)
                    outcomes.setdefault((name, turn), []).append(outcome(faces, turn, points))
            progress(number + 1, len(crops), "photos")
    print("| detector | photo turned by | right | elsewhere | no find | ms, median | mean |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for (name, turn), came in outcomes.items():
        counts = " | ".join(str(came.count(what)) for what in ("right", "elsewhere", "no find"))
        ms = 1000 * np.array(seconds[name, turn])
        print(
            f"| {name} | {90 * turn} degrees | {counts} | {np.median(ms):.1f} | {ms.mean():.1f} |"
        )


if __name__ == "__main__":
    main()
