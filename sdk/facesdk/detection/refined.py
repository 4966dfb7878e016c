"""A finder, then O-Net: what every detector but MTCNN is.

From coarse to fine: the largest faces are found in small pictures of the photo. Where all faces are
wanted, finer ones add the smaller faces; where only the largest are, no finer one is looked at once
no face that is not found yet could be larger.
"""

from __future__ import annotations

from math import inf

import numpy as np

from facesdk.detection.boxes import Boxes, overlaps, sizes
from facesdk.detection.detector import (
    DEFAULT_MIN_FACE,
    SMALLEST_FACE,
    checked_limit,
    smaller_limit,
)
from facesdk.detection.finder import OVERLAP, Finder, Found
from facesdk.detection.halvings import Halvings
from facesdk.detection.landmarks import THRESHOLD, LandmarkRefiner, distinct, squares_around
from facesdk.errors import InputError
from facesdk.images import decode
from facesdk.images.decode import RgbImage
from facesdk.results import Face

REVISION = 3
"""Raised when the same networks may give other faces or landmarks through this module."""

MISSED = 1.25
"""How many times as large as the least face that a look shows a face must be for that look to
settle that there is no larger one.

Of 108 collages of two to four held-out people (``tools/bench/detectors/collages.py``) the largest
face is the one that is found in 104 with 1, in 106 with 1.25; O-Net refused it in the other two.
"""

DOUBTFUL, CONVINCING = 0.3, 0.95
"""A square that O-Net gives less than its least score, but this much, counts if the second look
gives it so much: a face in profile often fills its square badly.

Of 1,000 photos (``tools/bench/detectors/folder.py``) with 889 faces this finds 2 more, and none of
the 5 false ones that the least score for the second look would let in; of the collages, 107 for 106
(docs/numbers/detectors.md). The bounds were chosen on these.
"""


class RefinedDetector:
    """Face detector with five landmarks: a finder says where, a refiner decides and places.

    An instance may be shared between threads.

    Args:
        finder: Finds squares that may hold a face.
        refiner: Decides about them.
        min_face: Side of the smallest face that is surely looked for, in pixels, at least 12;
            smaller ones may be found too. Time falls with its square where all faces are wanted.
        max_faces: Return at most that many faces, the largest; None for all.

    Raises:
        InputError: An option is out of its range.
    """

    def __init__(
        self,
        finder: Finder,
        refiner: LandmarkRefiner,
        *,
        min_face: int = DEFAULT_MIN_FACE,
        max_faces: int | None = None,
    ) -> None:
        if min_face < SMALLEST_FACE:
            raise InputError(f"min_face must be at least {SMALLEST_FACE}, but got {min_face}")
        self.min_face = min_face
        self.max_faces = checked_limit(max_faces)
        self.finder = finder
        self.refiner = refiner

    @property
    def id(self) -> str:
        """See :attr:`facesdk.detection.detector.Detector.id`."""
        limit = "" if self.max_faces is None else f" max_faces={self.max_faces}"
        return (
            f"{self.finder.id} onet {self.refiner.sha256[:16]} revision={REVISION} "
            f"min_face={self.min_face}{limit}"
        )

    def with_min_face(self, min_face: int) -> RefinedDetector:
        """All faces from another size, with the same networks, so that these are in memory once."""
        return type(self)(self.finder, self.refiner, min_face=min_face)

    def detect(self, image: RgbImage, max_faces: int | None = None) -> list[Face]:
        """See :meth:`facesdk.detection.detector.Detector.detect`."""
        image = decode.as_image(image)
        limit = smaller_limit(self.max_faces, max_faces)
        photo = Halvings(image)
        faces = self._search(photo, limit)
        faces.sort(key=lambda face: -face.area)
        return faces[:limit]

    def _search(self, photo: Halvings, count: int | None) -> list[Face]:
        height, width = photo.photo.shape[:2]
        looks = self.finder.looks(height, width, self.min_face, all_faces=count is None)
        if count is None:
            looks.sort(key=lambda look: look.fallback)
        faces: list[Face] = []
        surely = inf
        for look in looks:
            if look.fallback and faces:
                continue
            # Of smaller ones a coarser look may have seen a part, or the wrong place.
            settled = [face for face in faces if _side(face) >= surely]
            found = _without(self.finder.look(photo, look), settled)
            if count is None:
                faces = distinct(faces + self._decide(photo, found.squares))
            else:
                faces = distinct(faces + self._decide_largest(photo, found, count))
            surely = min(surely, MISSED * look.sees_from)
            sides = sorted(map(_side, faces), reverse=True)
            if count is not None and len(sides) >= count and sides[count - 1] >= surely:
                break
        return faces

    def _decide(self, photo: Halvings, squares: Boxes) -> list[Face]:
        """The refiner's word on squares, then on those that the landmarks of its faces give."""
        first = self.refiner.decide(photo, squares, DOUBTFUL)
        sure = [face for face in first if face.score >= THRESHOLD]
        doubtful = [face for face in first if face.score < THRESHOLD]
        again = self._again(photo, sure)
        convincing = [f for f in self._again(photo, doubtful) if f.score >= CONVINCING]
        return again + _apart(sure, again) + convincing

    def _again(self, photo: Halvings, faces: list[Face]) -> list[Face]:
        if not faces:
            return faces
        return self.refiner.decide(photo, squares_around([face.landmarks for face in faces]))

    def _decide_largest(self, photo: Halvings, found: Found, count: int) -> list[Face]:
        """The largest squares first, until there are as many faces as wanted."""
        order = np.argsort(-sizes(found.squares)[:, 0], kind="stable")
        faces: list[Face] = []
        while len(order) and len(faces) < count:
            some, order = order[: count + 1], order[count + 1 :]
            faces = distinct(faces + self._decide(photo, found.squares[some]))
        return faces


def _side(face: Face) -> float:
    return float(max(face.box[2:] - face.box[:2]))


def _apart(faces: list[Face], others: list[Face]) -> list[Face]:
    """Those faces that are none of some others."""
    if not others:
        return faces
    boxes = np.array([face.box for face in others], dtype=np.float64)
    shares = overlaps(np.array([face.box for face in faces], dtype=np.float64), boxes)
    return [faces[row] for row in np.flatnonzero((shares <= OVERLAP).all(axis=1))]


def _without(found: Found, faces: list[Face]) -> Found:
    """What is none of some faces."""
    if not faces:
        return found
    boxes = np.array([face.box for face in faces], dtype=np.float64)
    return found.only(np.flatnonzero((overlaps(found.boxes, boxes) <= OVERLAP).all(axis=1)))
