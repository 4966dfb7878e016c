"""How long detection and a whole verification take.

    python -m tools.bench.detectors.times --rounds 40

Photos are the packaged samples, cut to 4:3 around the face and scaled to 640x480. Every candidate
takes each photo in turn, round by round, and its fastest and median run of each photo count: the
table has their means over the photos. Times are of the process, one thread. Rows of ours look for
upright faces; a verification is `FaceEngine.verify` of two photos as it is loaded, decoding apart.

``FACESDK_OPS_ISA`` forces a kernel path of the recogniser. For MediaPipe's detector beside ours see
``tools.peers.compare``.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk import FaceEngine, samples
from facesdk.detection.registry import load_detector
from facesdk.images import decode
from facesdk.runtime import operator_library
from tools.bench.scenes import around_face

SAMPLES = ("OBAMA", "OBAMA2", "BIDEN")
TARGETS = {
    "finder, the largest face": 3.0,
    "finder, all from 30 px": 6.0,
    "finder, all from 20 px": 10.0,
    "verification of two photos": 8.0,
}
"""CPU milliseconds."""


def candidates(detectors: Sequence[str]) -> dict[str, Callable[[NDArray[np.uint8]], Any]]:
    found: dict[str, Callable[[NDArray[np.uint8]], Any]] = {}
    for name in detectors:
        for least in (20, 30):
            detector = load_detector(name, min_face=least, turned=False)
            if least == 20:
                found[f"{name}, the largest face"] = partial(detector.detect, max_faces=1)
            found[f"{name}, all from {least} px"] = detector.detect
    return found


def timed(
    ways: dict[str, Callable[[NDArray[np.uint8]], Any]],
    photos: Sequence[NDArray[np.uint8]],
    rounds: int,
) -> dict[str, tuple[float, float]]:
    """Milliseconds of each: means over the photos of the fastest and of the median runs."""
    spent = np.zeros((rounds, len(ways), len(photos)))
    for turn in range(-2, rounds):
        for (place, way), (row, photo) in itertools.product(
            enumerate(ways.values()), enumerate(photos)
        ):
            start = time.process_time()
            way(photo)
            spent[max(turn, 0), place, row] = 1000 * (time.process_time() - start)
    fastest, median = spent.min(axis=0).mean(axis=1), np.median(spent, axis=0).mean(axis=1)
    return {name: (float(fastest[n]), float(median[n])) for n, name in enumerate(ways)}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--detectors", nargs="*", default=["finder", "mtcnn"])
    options = parser.parse_args()
    cv2.setNumThreads(1)
    photos = [around_face(name) for name in SAMPLES]
    engine = FaceEngine.load()
    ways = candidates(options.detectors)
    ways["verification of two photos"] = lambda photo: engine.verify(photo, photos[1])
    ways["decoding of a sample"] = lambda _: decode.load(Path(samples.OBAMA))
    found = timed(ways, photos, options.rounds)
    path = operator_library.describe_library().isa
    print(f"kernel path {path}, {options.rounds} rounds of {len(photos)} photos\n")
    print("| candidate | fastest, ms | median, ms | target, ms |\n| --- | --- | --- | --- |")
    for name, (fastest, median) in found.items():
        print(f"| {name} | {fastest:.2f} | {median:.2f} | {TARGETS.get(name, '')} |")


if __name__ == "__main__":
    main()
