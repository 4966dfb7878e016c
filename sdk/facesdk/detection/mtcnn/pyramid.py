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

import numpy as np
from numpy.typing import NDArray

from facesdk.detection.boxes import Boxes
from facesdk.detection.halvings import OVERSAMPLING, Halvings, times_for
from facesdk.detection.windows import BLANK
from facesdk.images import pixels
from facesdk.images.decode import RgbImage

WINDOW = 12
STRIDE = 2
FACTOR = 0.709
MARGIN = WINDOW // 2
TILE_CELLS = 123
"""Windows along a side that P-Net looks at in one run, at most."""


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


def scales(height: int, width: int, min_face: int) -> list[float]:
    """The scales of a photo's levels, falling.

    Args:
        height: Of the photo, in pixels; ``width`` likewise.
        width: See ``height``.
        min_face: Side in pixels that a window of the first level covers.
    """
    found = []
    scale = WINDOW / min_face
    while min(height, width) * scale >= WINDOW - MARGIN:
        found.append(scale)
        scale *= FACTOR
    return found


def level(photo: Halvings, scale: float) -> RgbImage:
    """A photo at a scale, with its margin; both sides are even."""
    full_height, full_width = photo.photo.shape[:2]
    height, width = ceil(full_height * scale), ceil(full_width * scale)
    halvings = times_for(OVERSAMPLING * scale)
    resized = pixels.resize_area(
        photo.halved(halvings),
        height,
        width,
        extent=(full_height, full_width),
        halvings=halvings,
    )
    bottom, right = MARGIN + height % STRIDE, MARGIN + width % STRIDE
    return pixels.pad(resized, top=MARGIN, bottom=bottom, left=MARGIN, right=right, fill=BLANK)


def tiles(picture: RgbImage, scale: float) -> Iterator[Tile]:
    """One level, cut into tiles of one size that together show each window at least once."""
    (rows, height), (columns, width) = map(_parts, picture.shape[:2])
    for row in rows:
        for column in columns:
            top, left = row * STRIDE, column * STRIDE
            part = picture[top : top + height, left : left + width]
            yield Tile(part[None].astype(np.float32), row, column, scale)


def _parts(side: int) -> tuple[list[int], int]:
    """First window of each tile along a side, and the tiles' own side in pixels."""
    windows = (side - WINDOW) // STRIDE + 1
    count = ceil(windows / TILE_CELLS)
    size = ceil(windows / count)
    starts = [min(number * size, windows - size) for number in range(count)]
    return starts, (size - 1) * STRIDE + WINDOW
