"""O-Net's square for a face of BlazeFace.

BlazeFace's box is another one than MTCNN's, and follows the face's pose in another way. A linear
map of its six points gives the square that MTCNN's R-Net would have handed to O-Net. It was fitted,
for each network, to R-Net's squares on 597 pictures of training faces and of the packaged samples,
scaled and turned (``tools/experiments/fit_blazeface_squares.py``; no photo of a test set among
them). On a quarter that was held out the median error is 0.02 sides across and down, and 5 % in
size.
"""

from __future__ import annotations

import numpy as np

from facesdk.detection.boxes import Boxes

POINTS = 6

_MAPS = {
    "blazeface-short": np.array(
        [
            (-0.622, -0.1475, 0.2384),
            (-0.2681, 0.2301, -0.2304),
            (-0.0583, 0.1949, -0.3587),
            (0.0901, 0.3145, 0.5848),
            (0.3538, 0.045, -0.4437),
            (-0.0688, -0.1115, -0.6073),
            (0.3411, -0.1029, 0.3579),
            (0.0978, 0.4642, -0.0588),
            (0.6307, 0.1651, -1.152),
            (-0.1732, 0.2905, -0.2748),
            (0.0967, -0.1682, -0.1776),
            (0.1404, 0.1656, -0.3286),
            (0.0331, 0.0749, -0.1693),
        ]
    ),
    "blazeface-back": np.array(
        [
            (-0.2563, -0.43, 1.5348),
            (0.0263, 0.3678, -0.0441),
            (0.1846, 0.1285, -0.4237),
            (0.4252, 0.6391, -0.7158),
            (0.1552, 0.195, -0.4395),
            (-0.0561, -0.1695, -0.3947),
            (0.097, 0.0541, -0.1416),
            (-0.4273, 0.1393, 0.6531),
            (0.3397, 0.3902, -0.5422),
            (0.0103, 0.093, -0.0754),
            (-0.0074, -0.0059, 0.5226),
            (-0.0708, 0.1443, -0.112),
            (0.2292, 0.2025, -0.2694),
        ]
    ),
}
"""Rows: x and y of each point, from the middle of the box in its sides, and 1. Columns: x and y of
the square's middle, likewise, and the logarithm of its side."""


def squares(name: str, boxes: Boxes, points: Boxes) -> Boxes:
    """Where O-Net is to look.

    Args:
        name: Of the network.
        boxes: ``(n, 4)`` left, top, right and bottom.
        points: ``(n, 12)``: x and y of eyes, nose, mouth and ears.

    Returns:
        ``(n, 4)`` squares in the same pixels.
    """
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    sides = np.maximum((boxes[:, 2:] - boxes[:, :2]).mean(axis=1, keepdims=True), 1.0)
    relative = (points - np.tile(middles, POINTS)) / sides
    moved = relative @ _MAPS[name][:-1] + _MAPS[name][-1]
    middles = middles + moved[:, :2] * sides
    halves = sides * np.exp(moved[:, 2:]) / 2
    return np.hstack([middles - halves, middles + halves])
