"""MTCNN: a cascade of three small networks.

K. Zhang, Z. Zhang, Z. Li, Y. Qiao, "Joint Face Detection and Alignment Using Multitask Cascaded
Convolutional Networks", IEEE Signal Processing Letters 23(10), 2016.

P-Net proposes boxes in an image pyramid, R-Net refuses most of them and refines the rest, O-Net
decides, refines again and places five landmarks. Each network has one output, whose columns are
the face logit, four box offsets and, for O-Net, x and y of five landmarks as shares of the box
(``facesdk convert mtcnn`` makes them so).
"""

from __future__ import annotations

import threading
from math import log

import numpy as np
from numpy.typing import NDArray

from facesdk import images
from facesdk.detection import pyramid
from facesdk.detection.boxes import Boxes, regress, sizes, squared, suppress
from facesdk.detection.network import CascadeNetwork
from facesdk.detection.windows import cut
from facesdk.errors import InputError
from facesdk.images import RgbImage
from facesdk.models import registry
from facesdk.results import Face
from facesdk.runtime.bundle import ModelBundle

Array = NDArray[np.float32]

THRESHOLDS = (0.6, 0.7, 0.7)
"""Least face probability that P-Net, R-Net and O-Net let pass, as in the authors' program."""

_WITHIN_LEVEL, _ACROSS_LEVELS, _REFINED, _FINAL = 0.5, 0.7, 0.7, 0.7
"""Overlaps above which the weaker of two boxes is dropped, as in the authors' program."""

Candidates = tuple[Boxes, Array]
"""Boxes ``(n, 4)`` and a network's output ``(n, columns)`` for each."""


class MTCNN:
    """Face detector with five landmarks; see the module for the method.

    An instance may be shared between threads: it looks at one photo at a time. For detection in
    parallel make one for each thread.

    Args:
        pnet: The proposal network.
        rnet: The refinement network, input 24x24.
        onet: The output network, input 48x48.
        min_face: Side of the smallest face to find, in pixels, at least 12. Time falls with its
            square.
        max_faces: Return at most that many faces, the largest; None for all.
        threads: Threads each network may use, at least 1.

    Raises:
        InputError: An option is out of its range.
        ModelError: A model is not the MTCNN network it should be.
    """

    def __init__(
        self,
        pnet: ModelBundle,
        rnet: ModelBundle,
        onet: ModelBundle,
        *,
        min_face: int = 20,
        max_faces: int | None = None,
        threads: int = 1,
    ) -> None:
        if min_face < pyramid.WINDOW:
            raise InputError(f"min_face must be at least {pyramid.WINDOW}, but got {min_face}")
        if max_faces is not None and max_faces < 1:
            raise InputError(f"max_faces must be at least 1 or None, but got {max_faces}")
        self.min_face = min_face
        self.max_faces = max_faces
        self._pnet = CascadeNetwork(pnet, "MTCNN P-Net", side=12, columns=5, threads=threads)
        self._rnet = CascadeNetwork(rnet, "MTCNN R-Net", side=24, columns=5, threads=threads)
        self._onet = CascadeNetwork(onet, "MTCNN O-Net", side=48, columns=15, threads=threads)
        self._lock = threading.Lock()

    @classmethod
    def load(cls, *, min_face: int = 20, max_faces: int | None = None, threads: int = 1) -> MTCNN:
        """The packaged networks; arguments and errors as those of the class."""
        pnet, rnet, onet = (
            ModelBundle.load(registry.resolve(f"mtcnn-{name}")) for name in ("pnet", "rnet", "onet")
        )
        return cls(pnet, rnet, onet, min_face=min_face, max_faces=max_faces, threads=threads)

    def detect(self, image: RgbImage) -> list[Face]:
        """See :meth:`facesdk.detection.detector.Detector.detect`."""
        image = images.as_image(image)
        with self._lock:
            boxes = self._propose(image)
            boxes = self._refine(image, boxes)
            faces = self._decide(image, boxes)
        faces.sort(key=lambda face: -face.area)
        return faces[: self.max_faces]

    def _propose(self, image: RgbImage) -> Boxes:
        """P-Net on every level: squares that may hold a face."""
        found = [(np.empty((0, 4)), np.empty((0, self._pnet.columns), dtype=np.float32))]
        for scale, pixels in pyramid.levels(image, self.min_face):
            level = _concatenate([self._look(tile) for tile in pyramid.tiles(pixels, scale)])
            found.append(_strongest(*level, _WITHIN_LEVEL))
        boxes, outputs = _strongest(*_concatenate(found), _ACROSS_LEVELS)
        return squared(regress(boxes, outputs[:, 1:5]))

    def _look(self, tile: pyramid.Tile) -> Candidates:
        windows = self._pnet.run(tile.pixels)[0]
        rows, columns = np.nonzero(windows[..., 0] >= _logit(THRESHOLDS[0]))
        return tile.boxes(rows, columns), windows[rows, columns]

    def _refine(self, image: RgbImage, boxes: Boxes) -> Boxes:
        """R-Net on every proposal: better squares, and fewer."""
        boxes, outputs = _strongest(*_classify(self._rnet, image, boxes, THRESHOLDS[1]), _REFINED)
        return squared(regress(boxes, outputs[:, 1:5]))

    def _decide(self, image: RgbImage, boxes: Boxes) -> list[Face]:
        """O-Net on every square that is left."""
        boxes, outputs = _classify(self._onet, image, boxes, THRESHOLDS[2])
        points = outputs[:, 5:].reshape(-1, 5, 2)
        landmarks = boxes[:, None, :2] + points * sizes(boxes)[:, None]
        scores = 1 / (1 + np.exp(-outputs[:, 0].astype(np.float64)))
        boxes = regress(boxes, outputs[:, 1:5])
        kept = suppress(boxes, scores, _FINAL, of_smaller=True)
        return [Face(boxes[i], scores[i], landmarks[i]) for i in kept]


def _classify(
    network: CascadeNetwork, image: RgbImage, boxes: Boxes, threshold: float
) -> Candidates:
    """The boxes, rounded to pixels, that a network takes for a face, and its output for each."""
    boxes = np.floor(boxes)
    boxes = boxes[(sizes(boxes) >= 1).all(axis=1)]
    outputs = network.run_batches(cut(image, boxes, network.side))
    passed = outputs[:, 0] >= _logit(threshold)
    return boxes[passed], outputs[passed]


def _strongest(boxes: Boxes, outputs: Array, overlap: float) -> Candidates:
    kept = suppress(boxes, outputs[:, 0], overlap)
    return boxes[kept], outputs[kept]


def _concatenate(parts: list[Candidates]) -> Candidates:
    boxes, outputs = zip(*parts, strict=True)
    return np.concatenate(boxes), np.concatenate(outputs)


def _logit(probability: float) -> float:
    return log(probability / (1 - probability))
