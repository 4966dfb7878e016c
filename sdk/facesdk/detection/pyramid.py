"""The image pyramid: a photo at falling scales, so that one small network sees faces of all sizes.

P-Net looks at windows of 12x12 pixels, every second pixel. At scale ``s`` a window covers ``12 /
s`` pixels of the photo, so the first scale is ``12 / min_face`` and each next one ``0.709``
(about the square root of a half) times that.

A face that is cut by the border of the photo, or that fills it, has a box that reaches beyond the
border. So that windows can reach beyond it too, by half their side, each level has a margin of 6
pixels on every side; and levels go on until a window is twice as large as the photo's shorter side.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk.detection.boxes import Boxes
from facesdk.detection.windows import BLANK
from facesdk.images import RgbImage

WINDOW = 12
STRIDE = 2
FACTOR = 0.709
MARGIN = WINDOW // 2
TILE_CELLS = 123
"""Windows along a side that P-Net looks at in one run, at most."""

_OVERSAMPLING = 8
_TILE_SIDE = (TILE_CELLS - 1) * STRIDE + WINDOW


@dataclass(frozen=True, slots=True)
class Tile:
    """A part of one level, small enough for one run of P-Net.

    Attributes:
        pixels: float32 ``(1, height, width, 3)``, 0 to 255.
        row: Index, in the level, of the first row of windows; ``column`` likewise.
        column: See ``row``.
        scale: Scale of the level.
    """

    pixels: NDArray[np.float32]
    row: int
    column: int
    scale: float

    def boxes(self, rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Boxes:
        """The areas of the photo that windows of this tile cover.

        As in the authors' program, a window starts at its second pixel and edges are whole: P-Net's
        offsets are meant for that.

        Args:
            rows: ``(n,)`` rows of windows in this tile.
            columns: ``(n,)`` columns.

        Returns:
            ``(n, 4)`` boxes in pixels of the photo.
        """
        corners = np.stack([columns + self.column, rows + self.row], axis=1) * STRIDE - MARGIN
        low = np.trunc((corners + 1) / self.scale) - 1
        high = np.trunc((corners + WINDOW) / self.scale)
        return np.hstack([low, high])


def levels(image: RgbImage, min_face: int) -> Iterator[tuple[float, RgbImage]]:
    """The levels of a photo's pyramid.

    Args:
        image: uint8 RGB ``(height, width, 3)``.
        min_face: Side in pixels that a window of the first level covers.

    Yields:
        The scale of a level, falling, and the photo at that scale with its margin, both sides even.
    """
    height, width = image.shape[:2]
    scale = WINDOW / min_face
    shrunk = 1.0
    while min(height, width) * scale >= WINDOW - MARGIN:
        # Averaging all pixels of a large photo for each small level would take most of the time.
        while scale <= shrunk / _OVERSAMPLING:
            shrunk /= 2
            image = _resized(image, ceil(height * shrunk), ceil(width * shrunk))
        yield scale, _with_margin(_resized(image, ceil(height * scale), ceil(width * scale)))
        scale *= FACTOR


def tiles(pixels: RgbImage, scale: float) -> Iterator[Tile]:
    """One level, cut into tiles that together show each window at least once."""
    height, width = pixels.shape[:2]
    for row in _starts(height):
        for column in _starts(width):
            top, left = row * STRIDE, column * STRIDE
            part = pixels[top : top + _TILE_SIDE, left : left + _TILE_SIDE]
            yield Tile(part[None].astype(np.float32), row, column, scale)


def _resized(image: RgbImage, height: int, width: int) -> RgbImage:
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA))


def _with_margin(image: RgbImage) -> RgbImage:
    height, width = image.shape[:2]
    bottom, right = MARGIN + height % STRIDE, MARGIN + width % STRIDE
    padded = np.full((MARGIN + height + bottom, MARGIN + width + right, 3), BLANK, dtype=np.uint8)
    padded[MARGIN : MARGIN + height, MARGIN : MARGIN + width] = image
    return padded


def _starts(side: int) -> list[int]:
    """First window of each tile along a side; the last tile is moved back to be a full one."""
    windows = (side - WINDOW) // STRIDE + 1
    last = max(windows - TILE_CELLS, 0)
    return [*range(0, last, TILE_CELLS), last]
