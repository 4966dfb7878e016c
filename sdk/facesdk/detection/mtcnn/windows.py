"""Windows cut out of a photo, for the networks that look at one candidate each."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk.detection.boxes import Boxes, sizes
from facesdk.detection.halvings import OVERSAMPLING, Halvings
from facesdk.detection.shaped_network import ShapedNetwork
from facesdk.images.decode import RgbImage

_BATCHES = (16, 4, 1)

BLANK = 127
"""What lies outside a photo: the grey that the networks' normalisation makes zero.

On close-ups this matters: of 100 LFW faces cropped to 0.6 of their box, 97 are found with grey
outside, 50 with black and 24 with repeated border pixels.
"""


def cut(photo: Halvings, boxes: Boxes, side: int) -> tuple[Boxes, NDArray[np.float32]]:
    """The content of each box, scaled to a square; :data:`BLANK` where a box leaves the photo.

    Args:
        photo: The photo.
        boxes: ``(n, 4)``.
        side: Side of the squares in pixels.

    Returns:
        The boxes that were cut, in the same order, and float32 ``(n, side, side, 3)``, 0 to 255. A
        box is rounded down to pixels of the halving it is cut from, less than a 96th of its side
        for windows of 24 pixels; one without a pixel is left out.
    """
    cut_boxes = np.empty_like(boxes)
    windows = np.empty((len(boxes), side, side, 3), dtype=np.float32)
    count = 0
    for box, extent in zip(boxes, sizes(boxes).max(axis=1), strict=True):
        image, scale = photo.for_scale(OVERSAMPLING * side / max(extent, 1.0))
        pixels = np.floor(box * scale)
        if (pixels[2:] > pixels[:2]).all():
            cut_boxes[count] = pixels / scale
            windows[count] = _resized(_content(image, *pixels.astype(int).tolist()), side)
            count += 1
    return cut_boxes[:count], windows[:count]


def run_batches(network: ShapedNetwork, windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a network says of each window, in batches of few different sizes.

    Args:
        network: Takes windows of this size; it has one output.
        windows: ``(n, side, side, 3)``, as :func:`cut` gives them; n may be 0.

    Returns:
        float32 ``(n, columns)``.
    """
    outputs = [np.empty((0, network.columns[0]), dtype=np.float32)]
    while len(windows):
        size = next(size for size in _BATCHES if size <= len(windows))
        outputs.append(network.run(windows[:size])[0])
        windows = windows[size:]
    return np.concatenate(outputs)


def _content(image: RgbImage, left: int, top: int, right: int, bottom: int) -> RgbImage:
    height, width = image.shape[:2]
    inside = image[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    if left >= 0 and top >= 0 and right <= width and bottom <= height:
        return inside
    canvas = np.full((bottom - top, right - left, 3), BLANK, dtype=np.uint8)
    rows, columns = inside.shape[:2]
    row, column = max(-top, 0), max(-left, 0)
    canvas[row : row + rows, column : column + columns] = inside
    return canvas


def _resized(image: RgbImage, side: int) -> RgbImage:
    return np.asarray(cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA))
