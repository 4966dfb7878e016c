"""Looking for faces where tracks say that they are.

Between searches of the whole picture O-Net, which ends every detector, looks at the expected
squares, all in one run: it says whether a face is there, and places box and landmarks anew. Where
it is not sure, the detector sees a small square around the track, shrunk so that the face is as
large as the detector likes it: one window of some ten thousand pixels. So a track is measured in
every picture, not only predicted, and each picture may give a crop to embed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from facesdk.detection.detector import Detector
from facesdk.detection.halvings import Halvings
from facesdk.detection.landmarks import LandmarkRefiner, ONet, squares_around
from facesdk.detection.refined import RefinedDetector
from facesdk.detection.registry import load_detector
from facesdk.images import pixels
from facesdk.images.decode import RgbImage
from facesdk.live.tracking import landmark_distance, overlap
from facesdk.results import Face

SIDE = 96
"""Side of the square that the detector sees, in pixels."""

LEAST_FACE = 40
"""Least face that it looks for in there, in pixels."""

_MARGIN = 2.0
"""Side of the square in sides of the expected face: it has 48 pixels, and may move by half of its
own side in any direction, or shrink by a sixth."""

_SURE = 0.95
"""Least score of a face that O-Net alone may follow, the floor below which none is trusted."""

_KEPT = 0.5
"""Least overlap of an expected face with the one that it is now."""

_OUTSIDE = 128
_SAME_OVERLAP, _SAME_DISTANCE = 0.7, 0.15
_FARTHEST = 1 << 20


class Looker:
    """Looks for faces at expected places.

    Args:
        detector: Finds faces of at least :data:`LEAST_FACE` pixels.
        refiner: Decides about the expected squares.
    """

    def __init__(self, detector: Detector, refiner: LandmarkRefiner) -> None:
        self._detector, self._refiner = detector, refiner

    @staticmethod
    def load(threads: int = 1) -> Looker:
        """With the packaged networks.

        Args:
            threads: Threads each of its networks may use.
        """
        detector = load_detector(min_face=LEAST_FACE, threads=threads, turned=False)
        return Looker(detector, ONet.load(threads=threads))

    @staticmethod
    def beside(detector: Detector, threads: int = 1) -> Looker:
        """With the networks of a detector of whole pictures, so that they are in memory once.

        Args:
            detector: Finds upright faces. If it does not end in a refiner, the packaged networks
                are loaded.
            threads: Threads each of these may use.
        """
        if not isinstance(detector, RefinedDetector):
            return Looker.load(threads)
        near = detector.with_min_face(LEAST_FACE)
        return Looker(near, detector.refiner)

    def look(self, image: RgbImage, expected: Sequence[Face]) -> list[Face]:
        """The faces around expected ones, each once.

        Args:
            image: uint8 RGB ``(H, W, 3)``.
            expected: Where they should be, in pixels of ``image``.

        Returns:
            In pixels of ``image``; a face that is no more there is not among them, and a neighbour
            may be.
        """
        near = [face for face in expected if np.abs(_square(face)).max() < _FARTHEST]
        known, missing = self._still_there(image, near)
        squares = np.array([_square(face) for face in missing], np.int64).reshape(-1, 4)
        windows = pixels.cut_windows(image, squares, SIDE, fill=_OUTSIDE)
        found = known
        for window, square in zip(windows, squares, strict=True):
            scale = float(square[2] - square[0]) / SIDE
            for face in self._detector.detect(window):
                there = _moved(face, scale, square[:2].astype(np.float64))
                if not any(_same(there, other) for other in found):
                    found.append(there)
        return found

    def _still_there(
        self, image: RgbImage, expected: Sequence[Face]
    ) -> tuple[list[Face], list[Face]]:
        """Faces that O-Net is sure of, and the expected ones that are none of them."""
        if not expected:
            return [], []
        asked = squares_around([face.landmarks for face in expected])
        faces = [f for f in self._refiner.decide(Halvings(image), asked) if f.score >= _SURE]
        return faces, [e for e in expected if not any(overlap(e, f) > _KEPT for f in faces)]


def _square(face: Face) -> tuple[int, int, int, int]:
    x, y = ((face.box[:2] + face.box[2:]) / 2).tolist()
    side = max(round(_MARGIN * max(face.width, face.height)), SIDE // 4)
    left, top = round(x - side / 2), round(y - side / 2)
    return left, top, left + side, top + side


def _moved(face: Face, scale: float, corner: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Face:
    return Face(face.box * scale + np.tile(corner, 2), face.score, face.landmarks * scale + corner)


def _same(a: Face, b: Face) -> bool:
    return overlap(a, b) > _SAME_OVERLAP or landmark_distance(a, b) < _SAME_DISTANCE
