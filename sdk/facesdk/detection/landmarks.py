"""The last look at every face: MTCNN's O-Net decides whether it is one, and places its landmarks.

The recognition models are trained on faces that were aligned by O-Net's landmarks. Those of the
small networks that find faces differ from them by 0.1 eye distances, which costs accuracy; O-Net
on a finder's square differs by 0.03. So every detector ends here, whoever has found the face.

K. Zhang, Z. Zhang, Z. Li, Y. Qiao, "Joint Face Detection and Alignment Using Multitask Cascaded
Convolutional Networks", IEEE Signal Processing Letters 23(10), 2016.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log
from typing import Protocol

import numpy as np

from facesdk.detection.boxes import Boxes, regress, sizes, suppress
from facesdk.detection.halvings import Halvings
from facesdk.detection.shaped_network import ShapedNetwork
from facesdk.detection.windows import cut, run_batches
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.results import Face, FloatArray

THRESHOLD = 0.7
"""Least probability of a face, as in the authors' program."""

SURE = 0.999
"""Score from which a face is taken to be upright (:mod:`facesdk.detection.turns`).

Of 500 aligned crops of training photos in a border, found by MTCNN, 75 % of the upright ones have a
face with such a score; turned by 90, 180 and 270 degrees none, none and one.
"""

OVERLAP = 0.7
"""Share of the smaller box above which the weaker of two faces is dropped, as there."""

AROUND = 2.2
"""Side of the square that a refiner looks at around landmarks, in eye distances, or in distances
from the eyes to the mouth where that is longer; its middle is that of eyes and mouth.

Where the refiner sees a face decides a little where it sees the landmarks: for squares of one face
that differ by 12 % in size and 5 % in place (standard deviations) they are spread by 0.029 eye
distances in the median of 87 crops of held-out people set into scenes. On this square, that the
first landmarks give, it is 0.010, the landmarks are nearer to those that the crop was made with
(0.103 instead of 0.111), and 90 % instead of 55 % of the faces have a score of 0.999. Sides of 1.8
to 2.3 do about as well.
"""


class LandmarkRefiner(Protocol):
    """Decides about squares that may hold a face; threads may share one, and it pickles."""

    @property
    def sha256(self) -> str:
        """SHA-256 of its weights, hex."""
        ...

    def decide(self, photo: Halvings, squares: Boxes, least: float = THRESHOLD) -> list[Face]:
        """Faces, one per square that holds one.

        Args:
            photo: The photo.
            squares: ``(n, 4)`` left, top, right and bottom in pixels of the photo; n may be 0, and
                they may reach beyond it.
            least: Least score, above 0 and below 1.

        Returns:
            Faces of at least the least score, the most certain first. Of two that overlap, one.
        """
        ...


class ONet:
    """MTCNN's output network: input 48x48; face logit, four box offsets, five landmarks.

    Several squares are looked at in one run.

    Args:
        bundle: The network.
        threads: Threads it may use, at least 1.
        workers: Threads that may run it at a time, at least 1; others wait.

    Raises:
        InputError: An option is out of its range.
        ModelError: It is another network.
    """

    def __init__(self, bundle: ModelBundle, *, threads: int = 1, workers: int = 1) -> None:
        self.sha256 = bundle.sha256
        self.network = ShapedNetwork(
            bundle,
            "MTCNN O-Net",
            input_shape=(1, 48, 48, 3),
            columns=(15,),
            threads=threads,
            workers=workers,
        )

    @classmethod
    def load(cls, *, threads: int = 1, workers: int = 1) -> ONet:
        """The packaged network; arguments and errors as those of the class."""
        bundle = ModelBundle.load(registry.resolve("mtcnn-onet"))
        return cls(bundle, threads=threads, workers=workers)

    def decide(self, photo: Halvings, squares: Boxes, least: float = THRESHOLD) -> list[Face]:
        """See :meth:`LandmarkRefiner.decide`."""
        squares, windows = cut(photo, squares, self.network.input_shape[1])
        outputs = run_batches(self.network, windows)
        passed = outputs[:, 0] >= log(least / (1 - least))
        squares, outputs = squares[passed], outputs[passed]
        points = outputs[:, 5:].reshape(-1, 5, 2)
        landmarks = squares[:, None, :2] + points * sizes(squares)[:, None]
        scores = 1 / (1 + np.exp(-outputs[:, 0].astype(np.float64)))
        boxes = regress(squares, outputs[:, 1:5])
        kept = suppress(boxes, scores, OVERLAP, of_smaller=True)
        return [Face(boxes[i], scores[i], landmarks[i]) for i in kept]


def distinct(faces: list[Face]) -> list[Face]:
    """Faces of several looks at a photo, each once: the most certain of those that overlap."""
    if len(faces) < 2:
        return faces
    boxes = np.array([face.box for face in faces], dtype=np.float64)
    scores = np.array([face.score for face in faces], dtype=np.float64)
    return [faces[i] for i in suppress(boxes, scores, OVERLAP, of_smaller=True)]


def squares_around(landmarks: Sequence[FloatArray]) -> Boxes:
    """The squares of :data:`AROUND` for landmarks ``(5, 2)`` of n faces, at least 1: ``(n, 4)``."""
    points = np.stack(landmarks).astype(np.float64)
    eyes, mouth = points[:, :2].mean(axis=1), points[:, 3:].mean(axis=1)
    distances = np.linalg.norm([points[:, 1] - points[:, 0], mouth - eyes], axis=2)
    middles, halves = (eyes + mouth) / 2, distances.max(axis=0)[:, None] * (AROUND / 2)
    squares: Boxes = np.hstack([middles - halves, middles + halves])
    return squares
