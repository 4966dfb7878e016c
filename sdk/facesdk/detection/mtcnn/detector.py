"""MTCNN: a cascade of three small networks.

K. Zhang, Z. Zhang, Z. Li, Y. Qiao, "Joint Face Detection and Alignment Using Multitask Cascaded
Convolutional Networks", IEEE Signal Processing Letters 23(10), 2016.

P-Net proposes boxes in an image pyramid, R-Net refuses most of them and refines the rest, O-Net
decides, refines again and places five landmarks. Each network has one output, whose columns are
the face logit, four box offsets and, for O-Net, x and y of five landmarks as shares of the box
(``facesdk convert mtcnn`` makes them so).
"""

from __future__ import annotations

import hashlib
from math import inf, log

import numpy as np
from numpy.typing import NDArray

from facesdk.detection.boxes import Boxes, regress, sizes, squared, suppress
from facesdk.detection.detector import (
    DEFAULT_MIN_FACE,
    SMALLEST_FACE,
    checked_limit,
    smaller_limit,
)
from facesdk.detection.halvings import Halvings
from facesdk.detection.landmarks import ONet
from facesdk.detection.mtcnn import pyramid
from facesdk.detection.shaped_network import ShapedNetwork
from facesdk.detection.windows import cut, run_batches
from facesdk.errors import InputError
from facesdk.images import decode
from facesdk.images.decode import RgbImage
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.results import Face

Array = NDArray[np.float32]

REVISION = 3
"""Raised when the same networks may give other faces or landmarks: what is cached is then old."""

THRESHOLDS = (0.6, 0.7)
"""Least face probability that P-Net and R-Net let pass, as in the authors' program."""

_WITHIN_LEVEL, _ACROSS_LEVELS, _REFINED = 0.5, 0.7, 0.7
"""Overlaps above which the weaker of two boxes is dropped, as in the authors' program."""

_LARGER_THAN_WINDOWS = 2.8
"""A face is complete when its square is this many windows of the next finer level wide.

Finer levels then add no larger face, and seldom a better square of this one: of 120 collages of
face crops 96 % gave the largest face of the whole pyramid to the bit, the others one 0.03 eye
distances away. With 2.0 it was 76 %, and 5 times another face; with 4.0 it was 100 %.
"""

_SHARE_OF_SQUARE = 0.5
"""Least area of a face, as a share of the square that O-Net saw it in; 0.7 is usual."""

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
        max_faces: Return at most that many faces, the largest; None for all. For few, large ones
            most of the pyramid need not be looked at.
        threads: Threads each network may use, at least 1.
        workers: Threads that may run each network at a time, at least 1; others wait.

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
        min_face: int = DEFAULT_MIN_FACE,
        max_faces: int | None = None,
        threads: int = 1,
        workers: int = 1,
    ) -> None:
        if min_face < SMALLEST_FACE:
            raise InputError(f"min_face must be at least {SMALLEST_FACE}, but got {min_face}")
        self.min_face = min_face
        self.max_faces = checked_limit(max_faces)
        self._digest = _digest(pnet, rnet, onet)
        runs = {"threads": threads, "workers": workers}
        self._pnet = _network(pnet, "MTCNN P-Net", side=12, **runs)
        self._rnet = _network(rnet, "MTCNN R-Net", side=24, **runs)
        self._refiner = ONet(onet, **runs)
        self._nothing = (np.empty((0, 4)), np.empty((0, 5), dtype=np.float32))

    @classmethod
    def load(
        cls,
        *,
        min_face: int = DEFAULT_MIN_FACE,
        max_faces: int | None = None,
        threads: int = 1,
        workers: int = 1,
    ) -> MTCNN:
        """The packaged networks; arguments and errors as those of the class."""
        pnet, rnet, onet = (
            ModelBundle.load(registry.resolve(f"mtcnn-{name}")) for name in ("pnet", "rnet", "onet")
        )
        return cls(
            pnet,
            rnet,
            onet,
            min_face=min_face,
            max_faces=max_faces,
            threads=threads,
            workers=workers,
        )

    @property
    def id(self) -> str:
        """See :attr:`facesdk.detection.detector.Detector.id`."""
        limit = "" if self.max_faces is None else f" max_faces={self.max_faces}"
        return f"mtcnn {self._digest} revision={REVISION} min_face={self.min_face}{limit}"

    def detect(self, image: RgbImage, max_faces: int | None = None) -> list[Face]:
        """See :meth:`facesdk.detection.detector.Detector.detect`."""
        image = decode.as_image(image)
        height, width = image.shape[:2]
        scales = pyramid.scales(height, width, self.min_face)
        limit = smaller_limit(self.max_faces, max_faces)
        photo = Halvings(image)
        if limit is None:
            boxes = _refined(self._refine(photo, self._propose(photo, scales)))
            faces = self._refiner.decide(photo, boxes)
        else:
            faces = self._largest(photo, scales, limit)
        faces.sort(key=lambda face: -face.area)
        return faces[:limit]

    def _largest(self, photo: Halvings, scales: list[float], count: int) -> list[Face]:
        """Look for large faces first, and no further than needed: the largest are complete."""
        passed = self._nothing
        squares = passed[0]
        rising = scales[::-1]
        enough_after = [*(_LARGER_THAN_WINDOWS * pyramid.WINDOW / s for s in rising[1:]), inf]
        for scale, enough in zip(rising, enough_after, strict=False):
            more = self._refine(photo, self._propose(photo, [scale]))
            if len(more[0]):
                passed = _concatenate([passed, more])
                squares = _refined(passed)
            if np.count_nonzero(sizes(squares).max(axis=1) >= enough) >= count:
                faces = self._refiner.decide(photo, squares)
                if sum(face.area >= _SHARE_OF_SQUARE * enough**2 for face in faces) >= count:
                    return faces
        return self._refiner.decide(photo, squares)

    def _propose(self, photo: Halvings, scales: list[float]) -> Boxes:
        """P-Net on some levels: squares that may hold a face."""
        found = [self._nothing]
        for scale in scales:
            tiles = pyramid.tiles(pyramid.level(photo, scale), scale)
            level = _concatenate([self._look(tile) for tile in tiles])
            found.append(_strongest(*level, _WITHIN_LEVEL))
        boxes, outputs = _concatenate(found)
        if len(scales) > 1:
            boxes, outputs = _strongest(boxes, outputs, _ACROSS_LEVELS)
        return squared(regress(boxes, outputs[:, 1:5]))

    def _look(self, tile: pyramid.Tile) -> Candidates:
        windows = self._pnet.run(tile.pixels)[0][0]
        rows, columns = np.nonzero(windows[..., 0] >= _logit(THRESHOLDS[0]))
        return tile.boxes(rows, columns), windows[rows, columns]

    def _refine(self, photo: Halvings, boxes: Boxes) -> Candidates:
        """R-Net on every proposal: those it passes, and how it would move their edges."""
        return _classify(self._rnet, photo, boxes, THRESHOLDS[1])


def _network(bundle: ModelBundle, architecture: str, *, side: int, **runs: int) -> ShapedNetwork:
    """One of the cascade: it looks at squares of a side and tells a logit and four offsets."""
    return ShapedNetwork(bundle, architecture, input_shape=(1, side, side, 3), columns=(5,), **runs)


def _digest(*networks: ModelBundle) -> str:
    files = sorted(network.sha256 for network in networks)
    return hashlib.sha256("".join(files).encode()).hexdigest()[:16]


def _refined(passed: Candidates) -> Boxes:
    """What R-Net makes of its candidates: better squares, and fewer."""
    boxes, outputs = _strongest(*passed, _REFINED)
    return squared(regress(boxes, outputs[:, 1:5]))


def _classify(
    network: ShapedNetwork, photo: Halvings, boxes: Boxes, threshold: float
) -> Candidates:
    """The boxes, as they were cut, that a network takes for a face, and its output for each."""
    boxes, windows = cut(photo, boxes, network.input_shape[1])
    outputs = run_batches(network, windows)
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
