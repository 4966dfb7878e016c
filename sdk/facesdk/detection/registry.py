"""The detectors, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from facesdk.detection.detector import DEFAULT_MIN_FACE
from facesdk.errors import InputError

if TYPE_CHECKING:
    from facesdk.detection.detector import Detector

DEFAULT_DETECTOR = "mtcnn"
"""What is used where nobody names another: a key of :data:`DETECTORS`."""


class Loader(Protocol):
    """Loads a packaged detector."""

    def __call__(
        self, *, min_face: int, max_faces: int | None, threads: int, workers: int
    ) -> Detector:
        """Arguments and errors as of :func:`load_detector`."""


def _mtcnn(*, min_face: int, max_faces: int | None, threads: int, workers: int) -> Detector:
    from facesdk.detection.mtcnn.detector import MTCNN

    return MTCNN.load(min_face=min_face, max_faces=max_faces, threads=threads, workers=workers)


DETECTORS: dict[str, Loader] = {"mtcnn": _mtcnn}
"""A function for each name; it imports what it needs when it is called."""


def load_detector(
    name: str = DEFAULT_DETECTOR,
    *,
    min_face: int = DEFAULT_MIN_FACE,
    max_faces: int | None = None,
    threads: int = 1,
    workers: int = 1,
) -> Detector:
    """Load a packaged detector.

    Args:
        name: A key of :data:`DETECTORS`.
        min_face: Side of the smallest face to find, in pixels, at least 12.
        max_faces: Return at most that many faces per photo, the largest; None for all.
        threads: Threads each network may use, at least 1.
        workers: Threads that may run each network at a time, at least 1; others wait.

    Raises:
        InputError: The name is unknown, or an option is out of its range.
        ModelError: A packaged model is not usable.
    """
    if name not in DETECTORS:
        raise InputError(f"unknown detector {name!r}: choose one of {', '.join(DETECTORS)}")
    return DETECTORS[name](min_face=min_face, max_faces=max_faces, threads=threads, workers=workers)
