"""Arithmetic on boxes.

A box is a row ``left, top, right, bottom`` of float64, in pixels: the edges of the area it covers,
so that its width is ``right - left`` and the first pixel of an image covers 0 to 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float64]
Array = NDArray[np.float64] | NDArray[np.float32]

_BLOCK = 256


def sizes(boxes: Boxes) -> Boxes:
    """Width and height of each box, ``(n, 2)``."""
    return boxes[:, 2:] - boxes[:, :2]


def regress(boxes: Boxes, offsets: Array) -> Boxes:
    """Move each edge by an offset that is given as a share of the box's width or height.

    Args:
        boxes: ``(n, 4)``.
        offsets: ``(n, 4)``, for left, top, right and bottom.

    Returns:
        ``(n, 4)`` boxes.
    """
    return boxes + offsets * np.tile(sizes(boxes), 2)


def squared(boxes: Boxes) -> Boxes:
    """The smallest square around each box, with the same centre."""
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    halves = sizes(boxes).max(axis=1, keepdims=True) / 2
    return np.hstack([centres - halves, centres + halves])


def overlaps(boxes: Boxes, others: Boxes, *, of_smaller: bool = False) -> NDArray[np.float64]:
    """How much each box overlaps with each other one.

    Args:
        boxes: ``(n, 4)``.
        others: ``(m, 4)``.
        of_smaller: Divide the intersection by the smaller area instead of by the union.

    Returns:
        ``(n, m)``, 0 to 1.
    """
    left, top, right, bottom = boxes.T[:, :, None]
    other_left, other_top, other_right, other_bottom = others.T[:, None, :]
    common = np.maximum(np.minimum(right, other_right) - np.maximum(left, other_left), 0)
    common *= np.maximum(np.minimum(bottom, other_bottom) - np.maximum(top, other_top), 0)
    area = (right - left) * (bottom - top)
    other_area = (other_right - other_left) * (other_bottom - other_top)
    whole = np.minimum(area, other_area) if of_smaller else area + other_area - common
    shares: Boxes = np.divide(common, whole, out=np.zeros_like(common), where=whole > 0)
    return shares


def suppress(
    boxes: Boxes, scores: Array, threshold: float, *, of_smaller: bool = False
) -> NDArray[np.intp]:
    """Greedy non-maximum suppression.

    From the best score down, a box is kept unless it overlaps with a kept one by more than the
    threshold. Blocks of boxes are compared at once, so that memory grows with n, not with its
    square.

    Args:
        boxes: ``(n, 4)``.
        scores: ``(n,)``.
        threshold: Largest overlap (see :func:`overlaps`) that two kept boxes may have.
        of_smaller: See :func:`overlaps`.

    Returns:
        Indices of the kept boxes, best score first; of equal scores the first comes first.
    """
    rest = np.argsort(-scores, kind="stable")
    if len(rest) < 2:
        return rest
    kept: list[NDArray[np.intp]] = []
    while len(rest):
        block, rest = rest[:_BLOCK], rest[_BLOCK:]
        close = overlaps(boxes[block], boxes[block], of_smaller=of_smaller) > threshold
        alive = np.ones(len(block), dtype=bool)
        for row in np.flatnonzero(close.sum(axis=1) > 1):
            if alive[row]:
                alive[row + 1 :] &= ~close[row, row + 1 :]
        kept.append(block[alive])
        if len(rest):
            again = overlaps(boxes[block[alive]], boxes[rest], of_smaller=of_smaller) > threshold
            rest = rest[~again.any(axis=0)]
    return np.concatenate(kept) if kept else rest
