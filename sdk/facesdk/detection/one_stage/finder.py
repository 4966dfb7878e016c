"""Finders that are one network with a map for each of three strides, such as YuNet.

The network takes pictures of any size that 32 divides, so that a small picture of the photo costs
little: with one look at a quarter of its size large faces are found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesdk.detection.boxes import squared
from facesdk.detection.canvases import LAP, fitted
from facesdk.detection.finder import Found, Look
from facesdk.detection.halvings import Halvings
from facesdk.detection.one_stage.decoding import CHANNELS, decode
from facesdk.detection.shaped_network import ShapedNetwork
from facesdk.errors import ModelError
from facesdk.images.decode import RgbImage
from facesdk.models.bundle import ModelBundle

REVISION = 2
"""Raised when the same network may find other squares."""

STRIDES = (8, 16, 32)
"""Pixels per cell of each map."""

MULTIPLE = STRIDES[-1]
"""What divides both sides of a picture."""

LARGEST = 640
"""Longest side of a picture; larger ones are looked at in tiles."""

COARSEST = 160
"""Longer side of the photo in the first look."""

MARGIN = 32
"""Grey pixels around it there, for faces that fill the photo or leave it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What is known of a network by measurement.

    Attributes:
        name: Of the detector.
        score: Least score of a square that is worth a look of O-Net.
        sees_from: Side in pixels of its picture from which it is sure to see a face.
    """

    name: str
    score: float
    sees_from: float


KINDS = {
    "YuNet": Kind("yunet", score=0.6, sees_from=30),
    "Finder": Kind("finder", score=0.5, sees_from=20),
}
"""By the architecture in the contract; `Finder` is what ``facesdk train detector`` makes.

Of 220 crops of held-out people in scenes it misses 5 at 0.8, 2 at 0.6 and 1 at 0.5, takes no longer
for it, and O-Net after it takes nothing in 60 photos without a face for one
(``tools/bench/detectors``).
"""


class OneStage:
    """Finds squares that may hold a face.

    Args:
        bundle: The network.
        threads: Threads it may use, at least 1.
        workers: Threads that may run it at a time, at least 1; others wait.

    Raises:
        InputError: An option is out of its range.
        ModelError: It is no such network.
    """

    def __init__(self, bundle: ModelBundle, *, threads: int = 1, workers: int = 1) -> None:
        architecture = bundle.contract.architecture
        if architecture not in KINDS:
            raise ModelError(
                f"{bundle.path} is {architecture}, which is no finder: "
                f"{', '.join(KINDS)} would be one"
            )
        self.kind = KINDS[architecture]
        self._bundle = bundle
        self._network = ShapedNetwork(
            bundle,
            architecture,
            input_shape=(1, COARSEST, COARSEST, 3),
            columns=(CHANNELS,) * len(STRIDES),
            threads=threads,
            workers=workers,
        )

    @property
    def id(self) -> str:
        """See :attr:`facesdk.detection.finder.Finder.id`."""
        return f"{self.kind.name} {self._bundle.sha256[:16]} revision={REVISION}"

    def looks(self, height: int, width: int, min_face: int, *, all_faces: bool) -> list[Look]:
        """See :meth:`facesdk.detection.finder.Finder.looks`."""
        finest = self.kind.sees_from / min_face
        coarsest = min(COARSEST / max(height, width), finest)
        scales = [finest]
        if all_faces:
            # Tiles show whole faces up to their lap, so the next level begins below that.
            step = LAP * LARGEST / self.kind.sees_from
            while scales[0] > coarsest:
                scales.insert(0, max(coarsest, scales[0] / step))
        else:
            scales = []
            scale = coarsest
            while scale < finest:
                scales.append(scale)
                scale *= 2
            scales.append(finest)
        return [
            Look(0, scale, MARGIN if scale == coarsest else 0, self.kind.sees_from / scale)
            for scale in scales
        ]

    def look(self, photo: Halvings, look: Look) -> Found:
        """See :meth:`facesdk.detection.finder.Finder.look`."""
        parts = []
        for canvas in fitted(photo, look.scale, look.margin, multiple=MULTIPLE, most=LARGEST):
            outputs = self.maps(canvas.pixels[None])
            maps = [
                decode(values[0], canvas.pixels.shape[0] // values.shape[1], self.kind.score)
                for values in outputs
            ]
            boxes = canvas.to_photo(np.concatenate([boxes for _, boxes in maps]))
            scores = np.concatenate([scores for scores, _ in maps])
            parts.append(Found(boxes, scores, squared(boxes)))
        return Found.together(parts)

    def maps(self, picture: RgbImage) -> list[NDArray[np.float32]]:
        """What the network says of a picture, uint8 RGB ``(1, height, width, 3)``."""
        return self._network.run(self._bundle.contract.input.normalise(picture))
