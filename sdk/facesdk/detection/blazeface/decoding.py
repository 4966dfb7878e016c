"""From BlazeFace's outputs to boxes and points.

V. Bazarevsky, Y. Kartynnik, A. Vakunov, K. Raveendran, M. Grundmann, "BlazeFace: Sub-millisecond
Neural Face Detection on Mobile GPUs", CVPR Workshop on Computer Vision for AR/VR, 2019. As in
MediaPipe, the authors' program, boxes that overlap become their mean, weighted by score, instead of
the best of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from facesdk.detection.boxes import Boxes, overlaps
from facesdk.detection.finder import OVERLAP

Array = NDArray[np.float32]

MAPS = ((16, 2), (8, 6))
"""Cells along a side of each map of anchors, and anchors per cell; both networks have these."""

ANCHORS = sum(cells * cells * count for cells, count in MAPS)
VALUES = 16
"""Of each anchor: middle and size of the box, x and y of six points."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """Faces of one picture, best first, in its pixels.

    Attributes:
        scores: ``(n,)``, 0 to 1.
        boxes: ``(n, 4)`` left, top, right and bottom.
        points: ``(n, 12)``: x and y of the eye on the left of the picture, of the other eye, the
            tip of the nose, the middle of the mouth, and the ears.
    """

    scores: NDArray[np.float64]
    boxes: Boxes
    points: Boxes


def anchors(side: int) -> Boxes:
    """Middles of the anchors.

    Args:
        side: Of the network's input, in pixels.

    Returns:
        ``(ANCHORS, 2)``, x and y.
    """
    rows = []
    for cells, count in MAPS:
        middles = (np.arange(cells) + 0.5) * (side / cells)
        grid = np.stack(np.meshgrid(middles, middles), axis=-1).reshape(-1, 2)
        rows.append(np.repeat(grid, count, axis=0))
    return np.concatenate(rows)


def decode(values: Array, logits: Array, side: int, score: float) -> Decoded:
    """Faces of one picture.

    Args:
        values: ``(ANCHORS, VALUES)``, in pixels, from the middle of the anchor.
        logits: ``(ANCHORS,)``.
        side: Of the network's input, in pixels.
        score: Least score, above 0 and below 1.
    """
    best = np.flatnonzero(logits >= log(score / (1 - score)))
    best = best[np.argsort(-logits[best], kind="stable")]
    chosen = values[best].astype(np.float64)
    origins = anchors(side)[best]
    middles, halves = origins + chosen[:, :2], chosen[:, 2:4] / 2
    points = chosen[:, 4:] + np.tile(origins, 6)
    scores = 1 / (1 + np.exp(-logits[best].astype(np.float64)))
    return _blended(Decoded(scores, np.hstack([middles - halves, middles + halves]), points))


def _blended(found: Decoded) -> Decoded:
    """From the best down, each with those that overlap with it: their mean, and its own score."""
    rows = np.hstack([found.boxes, found.points])
    rest = np.arange(len(rows))
    scores, means = [], [np.empty((0, rows.shape[1]))]
    while len(rest):
        near = overlaps(found.boxes[rest[:1]], found.boxes[rest])[0] > OVERLAP
        near[0] = True
        weights = found.scores[rest[near]]
        scores.append(found.scores[rest[0]])
        means.append((weights @ rows[rest[near]] / weights.sum())[None])
        rest = rest[~near]
    values = np.concatenate(means)
    return Decoded(np.array(scores), values[:, :4], values[:, 4:])
