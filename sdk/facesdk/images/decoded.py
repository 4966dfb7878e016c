"""A photo as it was decoded: perhaps smaller than its file, whose pixels faces are told in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesdk.results import Face


@dataclass(frozen=True, slots=True, eq=False)
class DecodedPhoto:
    """A photo as it is worked on: upright, reduced where the file is very large.

    Attributes:
        pixels: uint8 RGB ``(h, w, 3)``. The photo may fill its upper left corner only.
        scale: Pixels of the photo per pixel of ``pixels``, 1 or more, along x and y.
        height: Of the upright photo, in pixels; ``width`` likewise.
        width: See ``height``.
    """

    pixels: NDArray[np.uint8]
    scale: tuple[float, float]
    height: int
    width: int

    @staticmethod
    def of(pixels: NDArray[np.uint8]) -> DecodedPhoto:
        """A photo that is at hand in full size."""
        height, width = pixels.shape[:2]
        return DecodedPhoto(pixels, (1.0, 1.0), height, width)

    def of_photo(self, face: Face) -> Face:
        """A face that was found in ``pixels``, in pixels of the photo."""
        if self.scale == (1.0, 1.0):
            return face
        return Face(face.box * (self.scale * 2), face.score, face.landmarks * self.scale)

    def of_pixels(self, face: Face) -> Face:
        """A face in pixels of the photo, in those of ``pixels``."""
        if self.scale == (1.0, 1.0):
            return face
        return Face(face.box / (self.scale * 2), face.score, face.landmarks / self.scale)
