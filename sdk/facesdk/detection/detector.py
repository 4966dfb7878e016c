"""What every face detector offers."""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING, Protocol

from facesdk.errors import InputError

if TYPE_CHECKING:
    from facesdk.images.decode import RgbImage
    from facesdk.results import Face

SMALLEST_FACE = 12
"""Side of the smallest face that any detector may be asked for, in pixels."""

DEFAULT_MIN_FACE = 20
"""Side of the smallest face that is looked for unless somebody asks, in pixels."""


LIVE_MIN_FACE = 40
"""The same for pictures of a camera, where time counts: the recognition model's crop of 112 pixels
is enlarged nearly threefold there already."""


class Detector(Protocol):
    """Finds faces in a photo; threads may share one, and it pickles."""

    @property
    def id(self) -> str:
        """The method, its weights and its settings: equal ids find equal faces."""
        ...

    def detect(self, image: RgbImage, max_faces: int | None = None) -> list[Face]:
        """Find the faces of a photo.

        Args:
            image: uint8 RGB ``(height, width, 3)``, upright, of any size.
            max_faces: Return at most that many faces, the largest, at least 1; None for all.
                A detector may look less for fewer.

        Returns:
            The faces in pixels of ``image``, largest box first; empty if there is none.

        Raises:
            InputError: ``image`` is not such an array, or ``max_faces`` is below 1.
            TypeError: ``max_faces`` is not a whole number.
        """
        ...


def checked_limit(max_faces: int | None) -> int | None:
    """A number of faces to return at most, None for all.

    Raises:
        InputError: It is below 1.
        TypeError: It is not a whole number.
    """
    if max_faces is None:
        return None
    if index(max_faces) < 1:
        raise InputError(f"max_faces must be at least 1 or None, but got {max_faces}")
    return index(max_faces)


def smaller_limit(own: int | None, asked: int | None) -> int | None:
    """The smaller of a detector's own limit and of what it is asked for; errors as above."""
    return min((n for n in (own, checked_limit(asked)) if n is not None), default=None)
