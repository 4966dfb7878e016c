"""BlazeFace: Google's two small networks for faces near the camera and farther away.

The network for short range (128x128) looks at the whole photo and sees large faces; the other one
(``back``, for the camera at the back of a phone, 256x256) sees small ones, in tiles where the photo
is large. They have no landmarks of the mouth's corners, so O-Net, which places the five landmarks,
is needed in any case.
"""

from __future__ import annotations

from facesdk.detection.blazeface import decoding
from facesdk.detection.blazeface.squares import squares
from facesdk.detection.canvases import LAP
from facesdk.detection.canvases import squares as cut_squares
from facesdk.detection.finder import Found, Look
from facesdk.detection.halvings import Halvings
from facesdk.detection.shaped_network import ShapedNetwork
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle

REVISION = 1
"""Raised when the same networks may find other squares."""

_SHORT, _BACK = 0, 1
_SIDES = (128, 256)
_SCORES = (0.7, 0.5)
"""Least score of a square that is worth a look of O-Net. On photos without a face, those of
scikit-image, the first network needs more to be right than the second."""

_SEES_FROM = (24, 12)
"""Side, in the network's pixels, from which each is sure to see a face."""

_WHOLE, _SURROUNDED = 97, 64
"""Longer side of the photo in the first network's input, which does not see faces that fill it;
the second size is for close-ups, of which not even a whole face is shown."""


class BlazeFace:
    """Finds squares that may hold a face.

    Args:
        short: The network for short range.
        back: That for longer range.
        threads: Threads each network may use, at least 1.
        workers: Threads that may run each at a time, at least 1; others wait.

    Raises:
        InputError: An option is out of its range.
        ModelError: A model is another network.
    """

    def __init__(
        self, short: ModelBundle, back: ModelBundle, *, threads: int = 1, workers: int = 1
    ) -> None:
        self._bundles = short, back
        names = ("BlazeFace short range", "BlazeFace back")
        self._networks = tuple(
            ShapedNetwork(
                bundle,
                name,
                input_shape=(1, side, side, 3),
                columns=(decoding.VALUES, 1),
                threads=threads,
                workers=workers,
            )
            for bundle, name, side in zip(self._bundles, names, _SIDES, strict=True)
        )

    @classmethod
    def load(cls, *, threads: int = 1, workers: int = 1) -> BlazeFace:
        """The packaged networks; arguments and errors as those of the class."""
        short, back = (
            ModelBundle.load(registry.resolve(f"blazeface-{name}")) for name in ("short", "back")
        )
        return cls(short, back, threads=threads, workers=workers)

    @property
    def id(self) -> str:
        """See :attr:`facesdk.detection.finder.Finder.id`."""
        digests = " ".join(bundle.sha256[:16] for bundle in self._bundles)
        return f"blaze {digests} revision={REVISION}"

    def looks(self, height: int, width: int, min_face: int, *, all_faces: bool) -> list[Look]:
        """See :meth:`facesdk.detection.finder.Finder.looks`."""
        longer = max(height, width)
        found = [
            _look(_SHORT, _WHOLE / longer),
            _look(_SHORT, _SURROUNDED / longer, fallback=True),
        ]
        if found[0].sees_from <= min_face:
            return found
        finest = _SEES_FROM[_BACK] / min_face
        whole = min(_SIDES[_BACK] / longer, finest)
        if not all_faces:
            scales = []
            while whole < finest:
                scales.append(whole)
                whole *= 2
            scales.append(finest)
        else:
            # Tiles show whole faces up to their lap, so the next level begins below that.
            scales = [finest]
            while scales[0] > whole:
                scales.insert(0, max(whole, scales[0] * _SEES_FROM[_BACK] / (LAP * _SIDES[_BACK])))
        return found + [_look(_BACK, scale) for scale in scales]

    def look(self, photo: Halvings, look: Look) -> Found:
        """See :meth:`facesdk.detection.finder.Finder.look`."""
        side, bundle = _SIDES[look.network], self._bundles[look.network]
        parts = []
        for canvas in cut_squares(photo, look.scale, look.margin, side):
            pixels = bundle.contract.input.normalise(canvas.pixels[None])
            values, logits = self._networks[look.network].run(pixels)
            decoded = decoding.decode(values[0], logits[0, :, 0], side, _SCORES[look.network])
            boxes, points = canvas.to_photo(decoded.boxes), canvas.to_photo(decoded.points)
            where = squares(bundle.contract.name, boxes, points)
            parts.append(Found(boxes, decoded.scores, where))
        return Found.together(parts)


def _look(network: int, scale: float, *, fallback: bool = False) -> Look:
    return Look(network, scale, 0, _SEES_FROM[network] / scale, fallback)
