r"""Boxes and points of BlazeFace and YuNet beside those of the programs they come from.

    python -m tools.bench.detectors.oracles faces --mediapipe ENVIRONMENT/bin/python
    python -m tools.bench.detectors.oracles faces --yunet FILE.onnx

500 photos with a face each, crops of people set into packaged photos and textures. YuNet sees them
whole, 640x480, in ``cv2.FaceDetectorYN`` and as facesdk converts and decodes it; its points are
read here, since facesdk leaves them to O-Net. BlazeFace sees the face's surroundings at 128x128
pixels, its input's size, in MediaPipe 0.10 and as facesdk decodes it, so that no resampling is
compared. Both report faces from a score of 0.5.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk.detection.blazeface.decoding import decode as decode_blazeface
from facesdk.detection.boxes import overlaps, suppress
from facesdk.detection.one_stage.decoding import decode as decode_yunet
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.runtime.interpreter import Interpreter
from facesdk_converters.detectors import yunet
from facesdk_converters.detectors.onnx_graph import OnnxGraph
from tools.bench.detectors.faceless import HEIGHT, WIDTH, Photo
from tools.bench.detectors.faceless import photos as faceless
from tools.bench.detectors.turned import BACKGROUNDS, training_crops
from tools.bench.detectors.verification import scene

SCORE, SIDE, BOUND = 0.5, 128, 0.5

Rows = NDArray[np.float64]
"""``(n, 1 + 4 + 2 * points)``: score, left, top, right, bottom, x and y of each point."""


def scenes(folder: Path, count: int) -> list[tuple[Photo, NDArray[np.float64], float]]:
    """Photos with a face, its landmarks and the side of its crop."""
    backgrounds = [cv2.resize(photo, (WIDTH, HEIGHT)) for photo in faceless(BACKGROUNDS, seed=77)]
    made = []
    for number, crop in enumerate(training_crops(folder, count)):
        rng = np.random.default_rng((9, number))
        made.append(scene(crop, backgrounds[int(rng.integers(BACKGROUNDS))], rng))
    return made


def surroundings(photo: Photo, points: NDArray[np.float64], side: float) -> Photo:
    """A square of twice the crop's side around the face, as BlazeFace's input."""
    x, y = points.mean(axis=0)
    matrix = np.array([[SIDE / (2 * side), 0, 64], [0, SIDE / (2 * side), 64]])
    matrix[:, 2] -= matrix[0, 0] * np.array([x, y])
    return cv2.warpAffine(photo, matrix, (SIDE, SIDE), flags=cv2.INTER_AREA)


def blazeface(pictures: Sequence[Photo]) -> list[Rows]:
    bundle = ModelBundle.load(registry.resolve("blazeface-short"))
    network = Interpreter(bundle)
    found = []
    for picture in pictures:
        outputs = network.run(bundle.contract.input.normalise(picture[None]))
        values, logits = sorted((output[0] for output in outputs), key=lambda o: -o.shape[-1])
        faces = decode_blazeface(values, logits[:, 0], SIDE, SCORE)
        found.append(np.column_stack([faces.scores, faces.boxes, faces.points]))
    return found


def mediapipe(python: Path, pictures: Sequence[Photo]) -> list[Rows]:
    program = Path(__file__).parents[2] / "peers" / "mediapipe_boxes.py"
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder, "pictures.npy"), Path(folder, "found.json")
        np.save(given, np.stack(pictures))
        subprocess.run([python, program, given, made], check=True, stderr=subprocess.DEVNULL)
        return [np.array(rows, np.float64).reshape(-1, 17) for rows in json.loads(made.read_text())]


def converted(file: Path, photos: Sequence[Photo]) -> list[Rows]:
    """YuNet as facesdk converts it."""
    graph = OnnxGraph.read(file.read_bytes(), str(file))
    bundle = ModelBundle.from_bytes(yunet.build(graph, str(file)), str(file))
    network = Interpreter(bundle, input_shapes=[(1, HEIGHT, WIDTH, 3)])
    found = []
    for photo in photos:
        parts = []
        for values in network.run(photo[None].astype(np.float32)):
            stride = HEIGHT // values.shape[1]
            flat = values[0].reshape(-1, values.shape[-1]).astype(np.float64)
            scores = np.sqrt(1 / (1 + np.exp(-flat[:, 0])) / (1 + np.exp(-flat[:, 1])))
            chosen = np.flatnonzero(scores >= SCORE)
            _, boxes = decode_yunet(values[0], stride, SCORE)
            cells = np.stack([chosen % values.shape[2], chosen // values.shape[2]], axis=1)
            points = (flat[chosen, 6:].reshape(-1, 5, 2) + cells[:, None]) * stride
            parts.append(np.column_stack([scores[chosen], boxes, points.reshape(-1, 10)]))
        rows = np.concatenate(parts)
        found.append(rows[suppress(rows[:, 1:5], rows[:, 0], 0.3)])
    return found


def opencv(file: Path, photos: Sequence[Photo]) -> list[Rows]:
    detector = cv2.FaceDetectorYN.create(str(file), "", (WIDTH, HEIGHT), SCORE, 0.3, 5000)
    found = []
    for photo in photos:
        _, rows = detector.detect(np.ascontiguousarray(photo[..., ::-1]))
        rows = np.empty((0, 15)) if rows is None else rows.astype(np.float64)
        corners = np.hstack([rows[:, :2], rows[:, :2] + rows[:, 2:4]])
        found.append(np.column_stack([rows[:, 14], corners, rows[:, 4:14]]))
    return found


def compare(name: str, ours: Sequence[Rows], theirs: Sequence[Rows]) -> None:
    """Print how far faces are apart; of one that only one program has, its score."""
    boxes, points, alone = [], [], []
    for one, other in zip(ours, theirs, strict=True):
        shares = overlaps(one[:, 1:5], other[:, 1:5])
        taken = shares.argmax(axis=1) if len(other) else np.zeros(len(one), np.intp)
        met = shares.max(axis=1, initial=0) > 0.5
        alone += one[~met, 0].tolist()
        alone += np.delete(other, taken[met], axis=0)[:, 0].tolist()
        apart = np.abs(one[met] - other[taken[met]])
        boxes += apart[:, 1:5].max(axis=1).tolist()
        points += apart[:, 5:].max(axis=1).tolist()
    far = sum(max(pair) > BOUND for pair in zip(boxes, points, strict=True))
    print(
        f"{name}: {len(ours)} photos, {len(boxes)} faces in both; boxes at most "
        f"{max(boxes):.4f} px apart, points {max(points):.4f}; {far} above {BOUND} px; in one "
        f"only: {len(alone)}, scores {', '.join(f'{score:.4f}' for score in sorted(alone)) or '-'}"
    )


def main() -> None:
    """Print what is compared."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", type=Path, metavar="FOLDER")
    parser.add_argument("--mediapipe", type=Path, metavar="PYTHON", help="a Python that has it")
    parser.add_argument("--yunet", type=Path, nargs="*", default=[], metavar="FILE.onnx")
    parser.add_argument("--photos", type=int, default=500)
    options = parser.parse_args()
    made = scenes(options.faces, options.photos)
    photos = [photo for photo, _, _ in made]
    if options.mediapipe:
        pictures = [surroundings(*row) for row in made]
        compare("BlazeFace", blazeface(pictures), mediapipe(options.mediapipe, pictures))
    for file in options.yunet:
        compare(file.name, converted(file, photos), opencv(file, photos))


if __name__ == "__main__":
    main()
