"""From the maps of a one-stage network to boxes.

W. Wu, H. Peng, S. Yu, "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence
Research 20(5), 2023. Each cell of a map may hold one face; the map's stride is the number of pixels
per cell. Of a cell's 16 values the first two are the logits of "a face" and of "this box fits",
then come the box's middle and the logarithms of its size, and x and y of five points, in cells.
"""

from __future__ import annotations

from math import log

import numpy as np
from numpy.typing import NDArray

from facesdk.detection.boxes import Boxes

CHANNELS = 16


def decode(
    values: NDArray[np.float32], stride: int, score: float
) -> tuple[NDArray[np.float64], Boxes]:
    """The faces of one map.

    The five points are not read: O-Net places the landmarks.

    Args:
        values: ``(rows, columns, CHANNELS)``.
        stride: Pixels per cell.
        score: Least score, above 0 and below 1; a score is the root of the product of both
            probabilities.

    Returns:
        Scores ``(n,)`` and boxes ``(n, 4)``: left, top, right and bottom in pixels.
    """
    # Both probabilities are at least the product: most cells need no exponential.
    least = log(score**2 / (1 - score**2))
    flat = values.reshape(-1, values.shape[-1])
    places = np.flatnonzero(flat[:, 1] >= least)
    places = places[flat[places, 0] >= least]
    rows, columns = np.divmod(places, values.shape[1])
    chosen = flat[places].astype(np.float64)
    scores = np.sqrt(1 / (1 + np.exp(-chosen[:, 0])) / (1 + np.exp(-chosen[:, 1])))
    kept = scores >= score
    chosen, cells = chosen[kept], np.stack([columns[kept], rows[kept]], axis=1)
    middles = (chosen[:, 2:4] + cells) * stride
    # A box of e^8 strides is larger than any canvas; infinite ones would spoil all that follows.
    halves = np.exp(np.minimum(chosen[:, 4:6], 8)) * (stride / 2)
    return scores[kept], np.hstack([middles - halves, middles + halves])
