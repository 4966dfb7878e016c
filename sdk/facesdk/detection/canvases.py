"""Pictures of a photo at a scale, in canvases that a finder's network takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

import numpy as np

from facesdk.detection.boxes import Boxes
from facesdk.detection.halvings import OVERSAMPLING, Halvings, times_for
from facesdk.detection.windows import BLANK
from facesdk.images import pixels
from facesdk.images.decode import RgbImage

LAP = 0.25
"""Share of its side by which a tile overlaps with the next: larger faces may be cut by both."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """What a network looks at.

    Attributes:
        pixels: uint8 RGB ``(height, width, 3)``; grey where the photo is not.
        left: Column of the scaled photo that column 0 shows; negative within a margin.
        top: Likewise, a row.
        across: Pixels of the photo per pixel of the canvas, horizontally; ``down`` vertically.
        down: See ``across``.
    """

    pixels: RgbImage
    left: int
    top: int
    across: float
    down: float

    def to_photo(self, points: Boxes) -> Boxes:
        """Coordinates x, y, x, y, ... of the canvas in pixels of the photo, ``(n, 2 * k)``."""
        pairs = points.shape[1] // 2
        moved: Boxes = points + np.tile([self.left, self.top], pairs)
        moved *= np.tile([self.across, self.down], pairs)
        return moved


def picture(photo: Halvings, scale: float) -> RgbImage:
    """A photo at a scale: the mean of areas if it shrinks, else interpolated."""
    height, width = photo.photo.shape[:2]
    rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
    if scale == 1:
        return photo.photo
    if scale > 1:
        return pixels.resize_bilinear(photo.photo, rows, columns)
    halvings = times_for(OVERSAMPLING * scale)
    return pixels.resize_area(
        photo.halved(halvings), rows, columns, extent=(height, width), halvings=halvings
    )


def squares(photo: Halvings, scale: float, margin: int, side: int) -> Iterator[Canvas]:
    """A photo in squares of one side: one with the photo in its middle, or tiles that overlap.

    Args:
        photo: The photo.
        scale: See :func:`picture`.
        margin: Pixels of grey around it.
        side: Of the squares.
    """
    small = picture(photo, scale)
    yield from _cut(small, photo, margin, (side, side), centred=True)


def fitted(
    photo: Halvings, scale: float, margin: int, *, multiple: int, most: int
) -> Iterator[Canvas]:
    """A photo in the smallest canvas that the network takes, or in tiles that overlap.

    Args:
        photo: The photo.
        scale: See :func:`picture`.
        margin: Pixels of grey around it; there is more on the right and below where sides must
            grow.
        multiple: What divides both sides of a canvas.
        most: Longest side of a canvas.
    """
    small = picture(photo, scale)
    sides = [min(ceil((n + 2 * margin) / multiple) * multiple, most) for n in small.shape[:2]]
    yield from _cut(small, photo, margin, (sides[0], sides[1]), centred=False)


def starts(length: int, side: int) -> list[int]:
    """Where tiles of a side begin so that they show all of a length and overlap by :data:`LAP`."""
    if length <= side:
        return [0]
    count = ceil((length - side * LAP) / (side * (1 - LAP)))
    return [round(i * (length - side) / (count - 1)) for i in range(count)]


def _cut(
    small: RgbImage, photo: Halvings, margin: int, sides: tuple[int, int], *, centred: bool
) -> Iterator[Canvas]:
    height, width = small.shape[:2]
    across, down = photo.photo.shape[1] / width, photo.photo.shape[0] / height
    before = [
        max(margin, (side - n) // 2) if centred else margin
        for n, side in zip((height, width), sides, strict=True)
    ]
    rows = starts(before[0] + height + margin, sides[0])
    columns = starts(before[1] + width + margin, sides[1])
    for row in rows:
        for column in columns:
            top, left = row - before[0], column - before[1]
            part = small[max(top, 0) : top + sides[0], max(left, 0) : left + sides[1]]
            above, beside = max(-top, 0), max(-left, 0)
            canvas = pixels.pad(
                part,
                top=above,
                bottom=sides[0] - above - part.shape[0],
                left=beside,
                right=sides[1] - beside - part.shape[1],
                fill=BLANK,
            )
            yield Canvas(canvas, left, top, across, down)
