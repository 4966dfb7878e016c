"""Detectors side by side: time, recall by size, close-ups, and finds where there is no face.

    python -m tools.bench.detectors --detectors mtcnn finder blaze

Scenes are the packaged photos, each face scaled to a height on 640x480 of grey; its landmarks are
those that MTCNN finds on the whole photo. A face counts as found if the landmarks are at most a
third of the eye distance away. Photos without a face are those that come with scikit-image and
scikit-learn. Detectors take turns, and time is that of the process, so that another load on the
machine touches all of them alike.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facesdk import samples
from facesdk.detection.registry import load_detector
from facesdk.images import decode, pixels
from facesdk.measure.timing import Policy
from facesdk.results import Face
from tools.bench.detectors.faceless import packaged
from tools.bench.heading import heading

HEIGHTS = (20, 30, 50, 100, 250, 400)
CLOSE_UPS = (1.0, 0.8, 0.6)
FAR = 1 / 3
"""Landmarks that are farther away, in eye distances, are those of something else."""

_SHIFTS = ((0.0, 0.0), (0.31, 0.17), (-0.23, 0.41), (0.11, -0.37))
"""Parts of a pixel by which the scenes of one photo differ, beside their sizes."""


def scenes(height: int) -> list[tuple[NDArray[np.uint8], NDArray[np.float64]]]:
    """640x480 pictures with one face so high, and its landmarks."""
    reference = load_detector("mtcnn", max_faces=1, turned=False)
    found = []
    for path in (samples.OBAMA, samples.OBAMA2, samples.BIDEN):
        photo = decode.load(path)
        (face,) = reference.detect(photo)
        for number, (right, down) in enumerate(_SHIFTS):
            scale = height * (1 + 0.04 * number) / float(face.box[3] - face.box[1])
            middle = face.landmarks.mean(axis=0)
            offset = np.array([320 + right, 240 + down]) - scale * middle
            small = _shrunk(photo, scale)
            ratio = np.array(small.shape[1::-1]) / np.array(photo.shape[1::-1])
            matrix = np.hstack([np.diag(scale / ratio), offset[:, None]])
            picture = pixels.warp(small, matrix, 480, 640, fill=127)
            found.append((picture, face.landmarks * scale + offset))
    return found


def close_ups(share: float) -> list[tuple[NDArray[np.uint8], NDArray[np.float64]]]:
    """The middle of each face, such a share of its box, and its landmarks."""
    reference = load_detector("mtcnn", max_faces=1, turned=False)
    found = []
    for path in (samples.OBAMA, samples.OBAMA2, samples.BIDEN):
        photo = decode.load(path)
        (face,) = reference.detect(photo)
        middle = (face.box[:2] + face.box[2:]) / 2
        half = share * float(max(face.box[2:] - face.box[:2])) / 2
        left, top = np.maximum(middle - half, 0).astype(int)
        right, bottom = (middle + half).astype(int)
        part = np.ascontiguousarray(photo[top:bottom, left:right])
        for side in (250, 480):
            scale = side / np.array(part.shape[1::-1])
            found.append((pixels.resize(part, side, side), (face.landmarks - (left, top)) * scale))
    return found


def nearest(faces: list[Face], landmarks: NDArray[np.float64]) -> float:
    """Distance of the landmarks of the best face, in eye distances; infinite without one."""
    eyes = float(np.linalg.norm(landmarks[1] - landmarks[0]))
    distances = [np.linalg.norm(f.landmarks - landmarks, axis=1).mean() / eyes for f in faces]
    return float(min(distances, default=np.inf))


def _shrunk(photo: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    """A photo reduced by areas where warping alone would leave pixels out."""
    if scale >= 1:
        return photo
    rows, columns = (max(1, round(n * scale)) for n in photo.shape[:2])
    return pixels.resize(photo, rows, columns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--detectors", nargs="+", default=["mtcnn", "finder", "blaze"])
    parser.add_argument("--min-face", type=int, default=20)
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    detectors = {
        name: load_detector(name, min_face=arguments.min_face, turned=False)
        for name in arguments.detectors
    }
    names = [Path(name).stem for name in detectors]
    print(f"{heading(Policy(arguments.runs, 1), 1)}, min_face {arguments.min_face}\n")
    print("| scenes | looked for | " + " | ".join(names) + " |")
    print("| --- " * (2 + len(names)) + "|")
    sets = [(f"face of {height} px", scenes(height)) for height in HEIGHTS]
    sets += [(f"close-up, {share:g} of the box", close_ups(share)) for share in CLOSE_UPS]
    for title, pictures in sets:
        for limit in (1, None):
            distances: dict[str, list[float]] = {name: [] for name in detectors}
            spent: dict[str, list[float]] = {name: [] for name in detectors}
            for image, landmarks in pictures:
                best = dict.fromkeys(detectors, np.inf)
                for _ in range(arguments.runs):
                    for name, detector in detectors.items():
                        began = time.process_time()
                        faces = detector.detect(image, limit)
                        best[name] = min(best[name], 1e3 * (time.process_time() - began))
                        last = nearest(faces, landmarks)
                        if len(distances[name]) <= len(spent[name]):
                            distances[name].append(last)
                for name in detectors:
                    spent[name].append(best[name])
            cells = []
            for name in detectors:
                near = [value for value in distances[name] if value < FAR]
                apart = f"{np.median(near):.3f}" if near else "-"
                cells.append(
                    f"{len(near)} of {len(pictures)} ({apart}), {np.median(spent[name]):.1f} ms"
                )
            what = "all" if limit is None else "largest"
            print(f"| {title} | {what} | " + " | ".join(cells) + " |", flush=True)
    photos = packaged()
    for limit in (1, None):
        cells = [
            f"{sum(len(detector.detect(photo, limit)) for photo in photos)}"
            for detector in detectors.values()
        ]
        what = "all" if limit is None else "largest"
        print(f"| finds on {len(photos)} photos without a face | {what} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
