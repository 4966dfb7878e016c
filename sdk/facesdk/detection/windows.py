"""Windows cut out of a photo, for the networks that look at one candidate each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facesdk.detection.boxes import Boxes, sizes
from facesdk.detection.halvings import OVERSAMPLING, Halvings, times_for
from facesdk.detection.shaped_network import ShapedNetwork
from facesdk.images import pixels

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
    scales = OVERSAMPLING * side / np.maximum(sizes(boxes).max(axis=1), 1.0)
    times = np.array([times_for(scale) for scale in scales.tolist()], np.intp)
    pixel = 2.0 ** times[:, None]
    whole = np.floor(boxes / pixel) * pixel
    cuttable = (whole[:, 2:] > whole[:, :2]).all(axis=1)
    whole, times = whole[cuttable], times[cuttable]
    windows = np.empty((len(whole), side, side, 3), dtype=np.float32)
    for halvings in np.unique(times).tolist():
        of_these = times == halvings
        windows[of_these] = pixels.cut_windows(
            photo.halved(halvings),
            whole[of_these].astype(np.int64),
            side,
            fill=BLANK,
            halvings=halvings,
        )
    return whole, windows


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
