"""What finds the squares that may hold a face, for O-Net to decide about.

A finder is one small network, or two, that looks at pictures of the photo. One picture shows faces
from a certain size only, so a photo takes several looks: coarse ones, which cost little and find
large faces, before fine ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from facesdk.detection.boxes import Boxes, suppress
from facesdk.detection.halvings import Halvings

OVERLAP = 0.3
"""Overlap above which two boxes of a finder are one face."""


@dataclass(frozen=True, slots=True)
class Look:
    """One picture of a photo that a finder looks at.

    Attributes:
        network: Which of the finder's networks looks, by its number.
        scale: Pixels of the picture per pixel of the photo, above 0.
        margin: Pixels of grey around the picture, for faces that its border cuts.
        sees_from: Side of the smallest face that it is sure to show, in pixels of the photo.
        fallback: Whether it is only worth its time where nothing was found before.
    """

    network: int
    scale: float
    margin: int
    sees_from: float
    fallback: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """What a finder says of one picture, best first.

    Attributes:
        boxes: ``(n, 4)`` left, top, right and bottom in pixels of the photo.
        scores: ``(n,)``, 0 to 1.
        squares: ``(n, 4)``: where the landmark refiner is to look for each.
    """

    boxes: Boxes
    scores: NDArray[np.float64]
    squares: Boxes

    @staticmethod
    def together(parts: list[Found]) -> Found:
        """Several, with each face once (:data:`OVERLAP`); of none, nothing."""
        if not parts:
            return Found(np.empty((0, 4)), np.empty(0), np.empty((0, 4)))
        found = Found(
            np.concatenate([part.boxes for part in parts]),
            np.concatenate([part.scores for part in parts]),
            np.concatenate([part.squares for part in parts]),
        )
        return found.only(suppress(found.boxes, found.scores, OVERLAP))

    def only(self, rows: NDArray[np.intp]) -> Found:
        """Some of them, by their numbers."""
        return Found(self.boxes[rows], self.scores[rows], self.squares[rows])


class Finder(Protocol):
    """Finds squares that may hold a face; threads may share one, and it pickles."""

    @property
    def id(self) -> str:
        """The method, its weights and its settings: equal ids find equal squares."""
        ...

    def looks(self, height: int, width: int, min_face: int, *, all_faces: bool) -> list[Look]:
        """The pictures of a photo that show all its faces, coarse ones first.

        Args:
            height: Of the photo, in pixels; ``width`` likewise.
            width: See ``height``.
            min_face: Side of the smallest face to find, in pixels.
            all_faces: Whether all looks will be taken. If not, each next one is taken only if what
                was found could be smaller than a face that is not: then the steps are small.
        """
        ...

    def look(self, photo: Halvings, look: Look) -> Found:
        """Look once; the squares may reach beyond the photo."""
        ...
