"""Alignment templates: how large a crop is, and where in it the five landmarks lie.

The 112x112 template is the one that ArcFace and the recognisers after it are trained on (J. Deng et
al., "ArcFace", CVPR 2019; the points are those of its authors' code). The 112x96 template is its
centre: columns 8 to 103.
"""

from __future__ import annotations

from dataclasses import dataclass

Point = tuple[float, float]

_ARCFACE: tuple[Point, ...] = (
    (38.2946, 51.6963),
    (73.5318, 51.5014),
    (56.0252, 71.7366),
    (41.5493, 92.3655),
    (70.7299, 92.2041),
)


@dataclass(frozen=True, slots=True)
class Template:
    """An alignment template.

    Attributes:
        height: Rows of the crop.
        width: Columns of the crop.
        points: Where the five landmarks lie: x, y in pixels of the crop, in the order of
            :attr:`facesdk.results.Face.landmarks`.
    """

    height: int
    width: int
    points: tuple[Point, ...]

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.height, self.width


SQUARE = Template(112, 112, _ARCFACE)
"""The template that the others are cut out of."""

TEMPLATES = {
    "arcface-112x112": SQUARE,
    "arcface-112x96": Template(112, 96, tuple((x - 8, y) for x, y in _ARCFACE)),
}
"""Templates by the name that contracts give them."""


def template_of(size: tuple[int | None, ...]) -> str | None:
    """The name of the template whose crops have a (height, width); None if there is none."""
    return next((name for name, template in TEMPLATES.items() if template.size == size), None)
