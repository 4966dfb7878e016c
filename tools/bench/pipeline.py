"""Time the whole path of one photo, and show where the time goes.

    python -m tools.bench.pipeline --runs 50

Detect, align, embed, and match with an embedding that is at hand, as `facesdk verify` does with
each of its photos, decoding apart. The photos have 640x480 pixels and one face. "largest" is what a
verification looks for, "all" what `facesdk detect` does; both look for upright faces. Every
candidate runs twice per round, in turn, and its second run is counted. Targets (x86_64, one
thread): 12 ms in all, 8 ms of them for detection.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field

import cv2
import numpy as np

from facesdk import FaceEngine, samples
from facesdk.images import decode
from facesdk.images.decode import RgbImage
from facesdk.measure.timing import Policy, measure
from facesdk.recognition import matching
from facesdk.results import Embedding
from facesdk.tracing import record, stage
from tools.bench.heading import heading
from tools.bench.scenes import one_face

TARGETS_MS = {"detect": 8.0, "total": 12.0}
STAGES = ("detect", "align", "embed", "match")
NETWORKS = ("finder", "mtcnn-onet")


@dataclass
class PhotoPath:
    """One candidate; a call runs it once.

    Attributes:
        engine: The pipeline.
        photo: uint8 RGB ``(height, width, 3)`` with one face.
        enrolled: What the face is compared with.
        max_faces: How many faces to look for; None for all.
        times: Milliseconds of each call, by stage and network.
    """

    engine: FaceEngine
    photo: RgbImage
    enrolled: Embedding
    max_faces: int | None
    times: list[dict[str, float]] = field(default_factory=list)

    def __call__(self) -> None:
        """Run once."""
        with record() as profile:
            face = self.engine.detect(self.photo, self.max_faces).faces[0]
            probe = self.engine.embed(self.photo, face)
            with stage("match"):
                matching.compare(probe, self.enrolled, threshold=0.0)
        self.times.append({name: profile.total_ms(name) for name in (*STAGES, *NETWORKS)})
        self.times[-1]["total"] = sum(self.times[-1][name] for name in STAGES)


def counted(path: PhotoPath, warm_up: int) -> list[dict[str, float]]:
    """The times of every second call, after the rounds of warm-up."""
    return path.times[2 * warm_up + 1 :: 2]


def table(paths: dict[str, PhotoPath], warm_up: int) -> str:
    """Minimum / median of each stage, and of the networks and the rest of detection."""
    columns = ("detect", *NETWORKS, "rest of detect", "align", "embed", "match", "total")
    lines = [f"| photo | {' | '.join(columns)} |", "| --- " * (len(columns) + 1) + "|"]
    for name, path in paths.items():
        rows = counted(path, warm_up)
        for row in rows:
            row["rest of detect"] = row["detect"] - sum(row[network] for network in NETWORKS)
        cells = []
        for column in columns:
            times = [row[column] for row in rows]
            cells.append(f"{min(times):.2f} / {np.median(times):.2f}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--faces", type=int, nargs="+", default=[300, 200, 120, 60, 30], help="heights, in pixels"
    )
    parser.add_argument("--min-face", type=int, default=20)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--warm-up", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()

    cv2.setNumThreads(arguments.threads)
    engine = FaceEngine.load(min_face=arguments.min_face, threads=arguments.threads, turned=False)
    enrolled = engine.embed(decode.load(samples.OBAMA2))
    paths = {
        f"{height} px, {name}": PhotoPath(engine, one_face(height), enrolled, limit)
        for height in arguments.faces
        for name, limit in (("largest", 1), ("all", None))
    }
    policy = Policy(arguments.runs, arguments.warm_up, warm_up_seconds=0.0)
    measure(paths, policy, untimed=1)
    print(f"{heading(policy, arguments.threads)}, min_face {arguments.min_face}")
    print("ms, minimum / median\n")
    print(table(paths, arguments.warm_up))
    print()
    for name, path in paths.items():
        rows = counted(path, arguments.warm_up)
        verdicts = [
            f"{part} {np.median([row[part] for row in rows]) / limit:.2f} of {limit:g} ms"
            for part, limit in TARGETS_MS.items()
        ]
        print(f"{name}: {', '.join(verdicts)}")


if __name__ == "__main__":
    main()
