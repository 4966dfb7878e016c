"""Faces of photos that lie on a side or upside down.

A scanner or a messenger leaves a photo turned without saying so in EXIF. Detectors are trained on
upright faces: in a turned photo they find none, or a false one where the turned face is, with
landmarks that are nobody's. But they are never as sure of it. So a photo with a face that the
detector is sure of is taken to be upright; any other is looked at in its other three turns too,
and the turn with the surest face counts, if it is clearly surer. For a doubtful face these looks
are at a small picture, in which faces of half its size are still found.

Photos without any face cost four whole looks. Where the camera is known to be upright, as in a
video, load the detector with ``turned=False``, or take :func:`upright_only` of it.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from facesdk.detection.detector import Detector, checked_limit, smaller_limit
from facesdk.detection.least_score import LeastScore
from facesdk.images import pixels
from facesdk.images.decode import RgbImage
from facesdk.results import Face, FloatArray

REVISION = 2
"""Raised when the same detector may give other faces through this module."""

CLEARLY = 2.0
"""A turn counts if its surest face lacks so many times less to a score of 1 than the upright one.

With the packaged detector, ``sure`` at 0.999 and 500 aligned crops of training photos in a border,
each in four turns: no upright photo was taken for a turned one, and 8 of 1,500 turned ones were not
turned upright. With 1.0 it was 2 and 7.
"""

ENOUGH = 40
"""Side of the smallest doubtful face, in pixels, down to which a photo is halved for its turns.

Of 235 photos in their four turns (``tools/bench/detectors/turned.py``) 926 are right with it and
926 without.
"""


class AnyTurn:
    """A detector that also finds the faces of photos turned by 90, 180 and 270 degrees.

    Boxes and landmarks are in pixels of the photo as it is given; the landmarks keep their names,
    so that the first is the eye on the left of the *upright* face, and alignment turns it upright.

    Args:
        detector: Finds upright faces; it must return all of them where it is asked for all.
        sure: Score from which a face is taken to be upright.
        max_faces: Return at most that many faces, the largest; None for all.

    Raises:
        InputError: ``max_faces`` is below 1.
    """

    def __init__(self, detector: Detector, *, sure: float, max_faces: int | None = None) -> None:
        self._detector = detector
        self._sure = sure
        self._max_faces = checked_limit(max_faces)

    @property
    def upright(self) -> Detector:
        """The detector that finds upright faces only."""
        return self._detector

    @property
    def id(self) -> str:
        """See :attr:`facesdk.detection.detector.Detector.id`."""
        limit = "" if self._max_faces is None else f" max_faces={self._max_faces}"
        return f"{self._detector.id} turns={REVISION}{limit}"

    def detect(self, image: RgbImage, max_faces: int | None = None) -> list[Face]:
        """See :meth:`facesdk.detection.detector.Detector.detect`."""
        limit = smaller_limit(self._max_faces, max_faces)
        upright = self._detector.detect(image, limit)
        if surest(upright) >= self._sure:
            return upright
        turn = self._clearly_surer(_halved(image, upright), upright, limit)
        if turn is not None and limit is not None and upright:
            upright = self._detector.detect(image)
            turn = None if surest(upright) >= self._sure else turn
        if turn is None:
            return upright[:limit]
        found = self._detector.detect(np.ascontiguousarray(np.rot90(image, turn)), limit)
        return [turned_back(face, turn, *image.shape[:2]) for face in found]

    def _clearly_surer(self, image: RgbImage, upright: list[Face], limit: int | None) -> int | None:
        """The turn of a picture with the surest face, if it is clearly surer than some faces."""
        scores = [
            surest(self._detector.detect(np.ascontiguousarray(np.rot90(image, turn)), limit))
            for turn in (1, 2, 3)
        ]
        best = max(scores)
        return 1 + scores.index(best) if CLEARLY * (1 - best) < 1 - surest(upright) else None


def upright_only(detector: Detector) -> Detector:
    """A detector without its turns, for cameras that stand upright: nobody there costs one look."""
    if isinstance(detector, LeastScore):
        return LeastScore(upright_only(detector.detector), detector.score, max_faces=detector.limit)
    return detector.upright if isinstance(detector, AnyTurn) else detector


def _halved(image: RgbImage, faces: list[Face]) -> RgbImage:
    """A photo, halved while the smallest of its faces has still :data:`ENOUGH` pixels."""
    side = min((max(face.width, face.height) for face in faces), default=0.0)
    while side >= 2 * ENOUGH:
        image, side = pixels.halve(image), side / 2
    return image


def surest(faces: Iterable[Face]) -> float:
    """The highest score of faces, 0 of none."""
    return max((face.score for face in faces), default=0.0)


def turned_back(face: Face, turns: int, height: int, width: int) -> Face:
    """A face of a turned photo, in pixels of the photo.

    Args:
        face: Found in ``np.rot90(photo, turns)``.
        turns: Quarters against the clock, 1 to 3.
        height: Of the photo; ``width`` likewise.
        width: See ``height``.
    """
    corners = _turn_back(face.box.reshape(2, 2), turns, height, width)
    box = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
    # A box has edges, of which the last is the number of pixels; landmarks count pixels from 0.
    landmarks = _turn_back(face.landmarks, turns, height - 1, width - 1)
    return Face(box, face.score, landmarks)


def _turn_back(points: FloatArray, turns: int, bottom: float, right: float) -> FloatArray:
    x, y = points.T
    return np.stack(
        [(right - y, x), (right - x, bottom - y), (y, bottom - x)][turns - 1],
        axis=1,
    )
