"""The distortions by name: rows of a TOML file, with one meaning in every training engine.

A row says which share of the crops is distorted, and how much: the strength is drawn evenly between
``least`` and ``most``. In the file, a list of tables:

    [[distortions]]
    name = "noise"
    share = 0.2
    most = 14.0
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

Name = Literal[
    "mirror",
    "rotation",
    "scale",
    "shift",
    "landmarks",
    "keystone",
    "aspect",
    "low-resolution",
    "blur",
    "motion",
    "double",
    "contrast",
    "brightness",
    "tint",
    "gamma",
    "light",
    "darkness",
    "spot",
    "stripes",
    "grey",
    "rectangle",
    "mask",
    "bar",
    "cover",
    "glasses",
    "mosaic",
    "blocks",
    "noise",
]

MOST_NARROWER = 40
"""Strength of "keystone" at most, and of several rows of it together."""

MOST_STRETCHED = 1.0
"""Strength of "aspect" at most, and of several rows of it together."""

_MEAN_ROW, _ACROSS, _DOWN = 0.29287, 0.38735, 0.61265
"""Of the five points of "arcface-112x112": their mean row, from the middle of the crop in halves of
its height, and the shares that columns and rows have of their squared distance to their mean."""

MILDER_FROM, MILDER_TO = 0.45, 0.65
"""Shares of the run between which a row goes over from ``share`` to ``late`` times it."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a name means.

    Attributes:
        unit: What ``least`` and ``most`` count.
        least: Where the file says nothing.
        most: Where the file says nothing.
        lowest: No strength may be below it.
        highest: No strength may be above it.
    """

    unit: str
    least: float
    most: float
    lowest: float
    highest: float


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "mirror": Kind("left and right exchanged; no strength", 0, 0, 0, 0),
        "rotation": Kind("degrees, either way", 0, 6, 0, 180),
        "scale": Kind("relative change of size, either way", 0, 0.06, 0, 0.5),
        "shift": Kind("pixels, either way, along each axis", 0, 3, 0, 56),
        "landmarks": Kind(
            "standard deviation of the five landmarks that the crop was cut by, in distances "
            "between the eyes",
            *(0.03, 0.1, 0, 0.5),
        ),
        "keystone": Kind(
            "pixels by which the upper edge is narrower than the lower on each side, as seen from "
            "below; less than 0: as from above",
            *(-8, 8, -MOST_NARROWER, MOST_NARROWER),
        ),
        "aspect": Kind(
            "natural logarithm of how many times wider a face becomes by its height, as in a "
            "picture with a wrong aspect ratio; less than 0: narrower",
            *(-0.3, 0.3, -MOST_STRETCHED, MOST_STRETCHED),
        ),
        "low-resolution": Kind(
            "rows that the crop is shrunk to, and enlarged again", 22, 89, 4, 112
        ),
        "blur": Kind("sigma of a Gaussian, in pixels", 0.6, 2.6, 0.1, 12),
        "motion": Kind("pixels that a face moves while it is exposed, any way", 3, 11, 1, 30),
        "double": Kind(
            "pixels from the face to a second picture of it, of as much light, that lies over it, "
            "any way",
            *(4, 20, 1, 30),
        ),
        "contrast": Kind("relative change, either way", 0, 0.35, 0, 1),
        "brightness": Kind("grey levels, either way", 0, 25, 0, 255),
        "tint": Kind("relative change of each colour, either way", 0, 0.15, 0, 1),
        "gamma": Kind("natural logarithm of the exponent, either way", 0, 0.6, 0, 3),
        "light": Kind("slope of a gradient of light, either way", 0, 0.45, 0, 1),
        "darkness": Kind("factor of all levels", 0.15, 0.6, 0, 1),
        "spot": Kind(
            "grey levels that a lamp adds where it is reflected, in the middle of a round spot",
            *(100, 300, 0, 600),
        ),
        "stripes": Kind(
            "relative change of the light in waves of any direction, as behind a net",
            *(0.02, 0.4, 0, 1),
        ),
        "grey": Kind("colour removed; no strength", 0, 0, 0, 0),
        "rectangle": Kind("sides in pixels, of one colour, anywhere", 12, 45, 1, 112),
        "mask": Kind("first row that a mask of one colour covers", 62, 78, 40, 112),
        "bar": Kind("rows of a dark bar over the eyes", 12, 20, 1, 60),
        "cover": Kind(
            "share of the crop's width that something of one colour covers, from either side",
            *(0.15, 0.5, 0, 1),
        ),
        "glasses": Kind("share of the light that the lenses of drawn glasses take", 0, 1, 0, 1),
        "mosaic": Kind("squares of one colour each across the crop", 12, 48, 4, 112),
        "blocks": Kind(
            "levels between steps of the 8x8 cosine transform, as of JPEG", 16, 60, 1, 255
        ),
        "noise": Kind("standard deviation of normal noise, in grey levels", 2, 14, 0, 128),
    }
)
"""What each name means, in the order in which rows are applied."""


@dataclass(frozen=True, slots=True)
class Glasses:
    """Shape of drawn glasses, in pixels of a crop of 112: two superellipses, rims and a bridge.

    A pixel is within a lens where ``|x / width| ** exponent + |y / height| ** exponent <= 1``, from
    the middle of the lens; the rim is the outer ``rim`` pixels of it.

    Attributes:
        offset: From the middle of the crop to the bridge, to the right.
        apart: From the bridge to the middle of a lens.
        level: Row of the middle of the lenses.
        width: Half the width of a lens.
        height: Half the height of a lens.
        exponent: 2 makes ellipses, more makes corners.
        rim: Thickness.
        colour: Level of rims and lenses, for each of red, green and blue.
    """

    offset: tuple[float, float] = (-3, 3)
    apart: tuple[float, float] = (16.5, 19.5)
    level: tuple[float, float] = (48, 55)
    width: tuple[float, float] = (11, 20)
    height: tuple[float, float] = (8, 16)
    exponent: tuple[float, float] = (1.6, 5)
    rim: tuple[float, float] = (0, 4)
    colour: tuple[float, float] = (0, 80)

    @property
    def shape(self) -> tuple[tuple[float, float], ...]:
        """All but the colour, in this order."""
        return (
            *(self.offset, self.apart, self.level, self.width, self.height),
            *(self.exponent, self.rim),
        )


def keystone(narrower: Any) -> tuple[Any, Any]:
    """The projective map of the distortion "keystone", from its result to the crop.

    Coordinates are from the middle of a crop, -1 to 1 across. The pixel (x, y) of the result is at
    (s x, y + r) / (1 + r y) of the crop: edges stay where they are, and the narrower one shows as
    much of the crop as the other.

    Args:
        narrower: Strengths, a number, an array or a tensor.

    Returns:
        s and r, like the strengths.
    """
    share = abs(narrower) / 56
    leaning = share / (2 - share)
    return 1 + leaning, leaning * ((narrower > 0) * 2.0 - 1)


def stretch(wider: Any) -> tuple[Any, Any, Any]:
    """The map of the distortion "aspect", from its result to the crop.

    The picture is stretched and aligned anew: its five points, stretched with it, are brought to
    where they were as nearly as turning, scaling and shifting can. Coordinates are from the middle
    of a crop, -1 to 1 across. The pixel (x, y) of the result is at (a x, b y + c) of the crop.

    Args:
        wider: Strengths, a number, an array or a tensor.

    Returns:
        a, b and c, like the strengths.
    """
    times = math.e**wider
    smaller = (_ACROSS * times**2 + _DOWN) / (_ACROSS * times + _DOWN)
    return smaller / times, smaller, _MEAN_ROW * (1 - smaller)


def motion_kernel(pixels: float, direction: float) -> NDArray[np.float32]:
    """The kernel of the distortion "motion": a line of even weight, one pixel wide.

    Args:
        pixels: Length of the line.
        direction: Of the line, in radians from the rows.

    Returns:
        [K, K] with odd K, not negative, of sum 1; the line's middle is the middle.
    """
    steps = 8 * math.ceil(pixels / 2) + 1
    return _line(np.linspace(-pixels / 2, pixels / 2, steps), direction)


def double_kernel(pixels: float, direction: float) -> NDArray[np.float32]:
    """The kernel of the distortion "double": the ends of a line.

    Args:
        pixels: Length of the line.
        direction: Of the line, in radians from the rows.

    Returns:
        As :func:`motion_kernel`.
    """
    return _line(np.array([-pixels / 2, pixels / 2]), direction)


def _line(along: NDArray[np.float64], direction: float) -> NDArray[np.float32]:
    """A kernel of points of even weight, at these places of a line through its middle."""
    reach = math.ceil(along[-1])
    places = np.arange(-reach, reach + 1)
    across, down = (
        np.maximum(0, 1 - np.abs(along[:, None] * part - places))
        for part in (math.cos(direction), math.sin(direction))
    )
    kernel = np.einsum("ni,nj->ij", down, across)
    return np.asarray(kernel / kernel.sum(), np.float32)


GLASSES = Glasses()
"""Between which numbers each is drawn, evenly."""

SPOT = ((8.0, 18.0), (-24.0, 24.0), (36.0, 96.0))
"""Between which numbers the shape of a "spot" is drawn, evenly, in pixels of a crop of 112: the
deviation of the bell of its light, and the places of its middle: columns from the middle of the
crop, and rows."""

STRIPES = (3.5, 10.0)
"""Pixels from one wave of "stripes" to the next, drawn evenly between them."""


@dataclass(frozen=True, slots=True)
class DistortionConfig:
    """A row.

    Attributes:
        name: A key of :data:`KINDS`; a name may have several rows.
        share: Share of the crops, 0 to 1.
        least: Least strength; by default the kind's.
        most: Largest strength; by default the kind's.
        late: Factor of ``share`` in the last third of the run.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid", "allow_inf_nan": False}

    name: Name
    share: float = 1.0
    least: float | None = None
    most: float | None = None
    late: float = 1.0

    def __post_init__(self) -> None:
        if self.name not in get_args(Name):
            raise ValueError(f"there is no distortion {self.name!r}: {', '.join(KINDS)}")
        if not 0 <= self.share <= 1 or not 0 <= self.late <= 1:
            raise ValueError(f"share and late of {self.name} must be between 0 and 1")
        kind = KINDS[self.name]
        least, most = self.strength
        if not kind.lowest <= least <= most <= kind.highest:
            raise ValueError(
                f"strengths of {self.name} ({kind.unit}) go from {kind.lowest:g} to "
                f"{kind.highest:g}, least first, but got {least:g} to {most:g}"
            )

    @property
    def strength(self) -> tuple[float, float]:
        """Least and largest strength."""
        kind = KINDS[self.name]
        return (
            kind.least if self.least is None else self.least,
            kind.most if self.most is None else self.most,
        )

    def share_at(self, progress: float) -> float:
        """The share at a time of the run.

        Args:
            progress: Done share of the run, 0 to 1.
        """
        passed = (progress - MILDER_FROM) / (MILDER_TO - MILDER_FROM)
        return self.share * (1.0 - (1.0 - self.late) * min(1.0, max(0.0, passed)))
