"""A detector without its finds of a low score: fewer false faces, and fewer faces."""

from __future__ import annotations

from facesdk.detection.detector import Detector, checked_limit, smaller_limit
from facesdk.errors import InputError
from facesdk.images.decode import RgbImage
from facesdk.results import Face


class LeastScore:
    """A detector whose faces have at least a score.

    Where some of the largest are left out, all faces are looked for to fill their places.

    Args:
        detector: Finds faces; it must return all of them where it is asked for all.
        score: The least score, 0 to 1.
        max_faces: Return at most that many faces, the largest; None for all.

    Raises:
        InputError: An option is out of its range.
    """

    def __init__(self, detector: Detector, score: float, *, max_faces: int | None = None) -> None:
        if not 0 <= score <= 1:
            raise InputError(f"min_score must be 0 to 1, but got {score:g}")
        self._detector = detector
        self._score = score
        self._max_faces = checked_limit(max_faces)

    @property
    def detector(self) -> Detector:
        """The detector with all its finds."""
        return self._detector

    @property
    def score(self) -> float:
        """The least score."""
        return self._score

    @property
    def limit(self) -> int | None:
        """Most faces that are returned; None for all."""
        return self._max_faces

    @property
    def id(self) -> str:
        """See :attr:`facesdk.detection.detector.Detector.id`."""
        limit = "" if self._max_faces is None else f" max_faces={self._max_faces}"
        return f"{self._detector.id} min_score={self._score:g}{limit}"

    def detect(self, image: RgbImage, max_faces: int | None = None) -> list[Face]:
        """See :meth:`facesdk.detection.detector.Detector.detect`."""
        limit = smaller_limit(self._max_faces, max_faces)
        found = [] if limit is None else self._kept(image, limit)
        if limit is None or len(found) < limit:
            found = self._kept(image, None)
        return found[:limit]

    def _kept(self, image: RgbImage, limit: int | None) -> list[Face]:
        return [face for face in self._detector.detect(image, limit) if face.score >= self._score]
