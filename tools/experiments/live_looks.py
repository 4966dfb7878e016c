"""What a look around a face costs beside a search of the picture, and how well it finds the face.

    python -m tools.experiments.live_looks --pictures 60

Prints Markdown. Processor time of one thread, search and look in turn on each picture of a film of
swaying portraits. How steady landmarks are: their deviation from where the portrait was put, in eye
distances; a look begins where the last one found the face.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from facesdk import FaceEngine
from facesdk.bench.film import people, swaying
from facesdk.detection.detector import LIVE_MIN_FACE
from facesdk.detection.turns import upright_only
from facesdk.images.decode import RgbImage
from facesdk.live.looking import Looker
from facesdk.measure.conditions import read_conditions
from facesdk.measure.environment import describe_environment
from facesdk.results import Face

Result = TypeVar("Result")

SIZES = ((640, 480), (1280, 720))
PEOPLE = (1, 2, 3)
_BACKGROUND = 110


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=60)
    pictures = parser.parse_args().pictures
    engine = FaceEngine.load(min_face=LIVE_MIN_FACE)
    looker = Looker.load()
    computer, load = describe_environment(), read_conditions().load
    print(
        f"{computer.cpu}, {computer.kernel_path}, load average {load}; "
        f"{pictures} pictures of each kind\n"
    )
    print("| pictures | faces | search ms | look ms | search / look |")
    print("| --- | --- | --- | --- | --- |")
    for width, height in SIZES:
        for count in PEOPLE:
            film = _film(engine, count, pictures, width, height)
            search, look = costs(engine, looker, film)
            print(
                f"| {width}x{height} | {count} | {search:.1f} | {look:.1f} | {search / look:.2f} |"
            )
    print("\n| face | deviation, search | deviation, look | similarity, search | look |")
    print("| --- | --- | --- | --- | --- |")
    for row in steadiness(engine, looker, _film(engine, 1, pictures, *SIZES[0])):
        print(row)


def costs(engine: FaceEngine, looker: Looker, film: list[RgbImage]) -> tuple[float, float]:
    """Medians of the processor time of a search and of a look, in milliseconds."""
    detector = upright_only(engine.detector)
    searches, looks = [], []
    for picture in film:
        faces, ms = timed(lambda picture=picture: detector.detect(picture))
        searches.append(ms)
        looks.append(timed(lambda picture=picture, faces=faces: looker.look(picture, faces))[1])
    return float(np.median(searches)), float(np.median(looks))


def timed(call: Callable[[], Result]) -> tuple[Result, float]:
    """What a call returns, and the processor time of this thread, in milliseconds."""
    begun = time.thread_time_ns()
    result = call()
    return result, (time.thread_time_ns() - begun) / 1e6


def steadiness(engine: FaceEngine, looker: Looker, film: list[RgbImage]) -> list[str]:
    """How far landmarks stray, and how alike the embeddings are to that of the first picture."""
    detector = upright_only(engine.detector)
    searched: list[Face] = [detector.detect(picture)[0] for picture in film]
    looked, last = [], searched[0]
    for picture in film:
        last = looker.look(picture, [last])[0]
        looked.append(last)
    corners = [_corner(picture) for picture in film]
    first = engine.embed(film[0], searched[0]).vector
    cells = []
    for faces in (searched, looked):
        places = np.array(
            [face.landmarks - corner for face, corner in zip(faces, corners, strict=True)]
        )
        eyes = np.linalg.norm(places[:, 1] - places[:, 0], axis=1).mean()
        vectors = [engine.embed(p, f).vector for p, f in zip(film, faces, strict=True)]
        alike = [float(vector @ first) for vector in vectors[1:]]
        cells.append((places.std(axis=0).mean() / eyes, float(np.median(alike)), min(alike)))
    (a, b, c), (d, e, f) = cells
    return [f"| 1 | {a:.4f} | {d:.4f} | {b:.3f} (least {c:.3f}) | {e:.3f} (least {f:.3f}) |"]


def _film(engine: FaceEngine, count: int, pictures: int, width: int, height: int) -> list[RgbImage]:
    side = int(0.9 * min(width // count, height / 2))
    return list(swaying(people(count, side, engine), pictures, width=width, height=height))


def _corner(picture: RgbImage) -> np.ndarray:
    """Where the portrait was put: x and y of its corner."""
    filled = np.any(picture != _BACKGROUND, axis=2)
    return np.array([np.argmax(filled.any(axis=0)), np.argmax(filled.any(axis=1))], float)


if __name__ == "__main__":
    main()
