"""A finder, then O-Net: what every detector but MTCNN is.

From coarse to fine: the largest faces are found in small pictures of the photo, and no finer one is
looked at once no face that is not found yet could be larger.
"""

from __future__ import annotations

from math import inf

import numpy as np

from facesdk.detection.boxes import Boxes, overlaps, sizes, squared
from facesdk.detection.detector import DEFAULT_MIN_FACE, SMALLEST_FACE
from facesdk.detection.finder import OVERLAP, Finder, Found
from facesdk.detection.halvings import Halvings
from facesdk.detection.landmarks import SURE, LandmarkRefiner, distinct
from facesdk.errors import InputError
from facesdk.images import decode
from facesdk.images.decode import RgbImage
from facesdk.results import Face

REVISION = 1
"""Raised when the same networks may give other faces or landmarks through this module."""

_SECOND_LOOK = 0.85
"""Side of the square that O-Net looks at again where it was unsure, as a share of its own box.

A finder's square is seldom the best of those that MTCNN would have offered, so scores are lower
than MTCNN's, on which the floors of quality and of turned photos were measured. Of 120 aligned
crops of training photos in a border MTCNN gives 83 % a score of 0.999, one look at BlazeFace's
squares 42 % and at YuNet's 61 %; on this square it is 71 % and 74 %, on the whole box less than a
third.
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
        if max_faces is not None and max_faces < 1:
            raise InputError(f"max_faces must be at least 1 or None, but got {max_faces}")
        self.min_face = min_face
        self.max_faces = max_faces
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

    def detect(self, image: RgbImage, max_faces: int | None = None) -> list[Face]:
        """See :meth:`facesdk.detection.detector.Detector.detect`."""
        image = decode.as_image(image)
        limit = min((n for n in (self.max_faces, max_faces) if n is not None), default=None)
        photo = Halvings(image)
        faces = self._all(photo) if limit is None else self._largest(photo, limit)
        faces.sort(key=lambda face: -face.area)
        return faces[:limit]

    def _all(self, photo: Halvings) -> list[Face]:
        height, width = photo.photo.shape[:2]
        looks = self.finder.looks(height, width, self.min_face, all_faces=True)
        parts = [self.finder.look(photo, look) for look in looks if not look.fallback]
        faces = self._decide(photo, Found.together(parts).squares)
        for look in looks:
            if not faces and look.fallback:
                faces = self._decide(photo, self.finder.look(photo, look).squares)
        return faces

    def _largest(self, photo: Halvings, count: int) -> list[Face]:
        height, width = photo.photo.shape[:2]
        faces: list[Face] = []
        surely = inf
        for look in self.finder.looks(height, width, self.min_face, all_faces=False):
            if look.fallback and faces:
                continue
            found = self.finder.look(photo, look)
            # Of smaller ones a coarser look may have seen a part, or the wrong place.
            settled = [face for face in faces if _side(face) >= surely]
            faces = distinct(faces + self._decide_largest(photo, _without(found, settled), count))
            surely = min(surely, look.sees_from)
            sides = sorted(map(_side, faces), reverse=True)
            if len(sides) >= count and sides[count - 1] >= look.sees_from:
                break
        return faces

    def _decide(self, photo: Halvings, squares: Boxes) -> list[Face]:
        """The refiner's word on squares; of what it is unsure, also its word on another square."""
        faces = self.refiner.decide(photo, squares)
        unsure = [face.box for face in faces if face.score < SURE]
        if not unsure:
            return faces
        again = squared(np.array(unsure, dtype=np.float64))
        middles, halves = (again[:, :2] + again[:, 2:]) / 2, sizes(again) * (_SECOND_LOOK / 2)
        again = np.hstack([middles - halves, middles + halves])
        return distinct(faces + self.refiner.decide(photo, again))

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


def _without(found: Found, faces: list[Face]) -> Found:
    """What is none of some faces."""
    if not faces:
        return found
    boxes = np.array([face.box for face in faces], dtype=np.float64)
    return found.only(np.flatnonzero((overlaps(found.boxes, boxes) <= OVERLAP).all(axis=1)))
