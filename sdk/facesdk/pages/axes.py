"""The axes of charts: linear, logarithmic and by the normal deviate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

Point = tuple[float, float]
"""A place in a chart: to the right and downwards."""

_PROBABILITIES = (1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99)


@dataclass(frozen=True, slots=True)
class Scale:
    """One axis of a chart of curves.

    Attributes:
        label: What is along it.
        low: Where it begins.
        high: Where it ends, above ``low``.
        kind: ``"linear"``; ``"log"``, from a number above 0; ``"deviate"``, for shares
            between 0 and 1: the normal deviate, on which the error rates of normal scores are a
            straight line (Martin et al., "The DET curve in assessment of detection task
            performance", 1997).
    """

    label: str
    low: float
    high: float
    kind: Literal["linear", "log", "deviate"] = "linear"

    def of(self, value: float) -> float:
        """A value on an even scale; what the kind cannot hold counts as its nearest value."""
        if self.kind == "log":
            return math.log10(max(value, 1e-300))
        if self.kind == "deviate":
            return NormalDist().inv_cdf(min(max(value, 1e-12), 1 - 1e-12))
        return float(value)


class Axis:
    """A scale laid out from one place of a chart to another.

    Args:
        scale: The scale.
        start: Where its lowest value is.
        end: Where its highest value is.
    """

    def __init__(self, scale: Scale, start: float, end: float) -> None:
        self.scale, self.start, self.end = scale, start, end
        self._low = scale.of(scale.low)
        self._span = (scale.of(scale.high) - self._low) or 1.0

    def __call__(self, value: float) -> float:
        """The place of a value."""
        share = (self.scale.of(value) - self._low) / self._span
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[tuple[float, float]]:
        """Round values and their places."""
        scale = self.scale
        if scale.kind == "log":
            first, last = (round(math.log10(value), 9) for value in (scale.low, scale.high))
            values = [10.0**power for power in range(math.ceil(first), math.floor(last) + 1)]
        elif scale.kind == "deviate":
            values = [value for value in _PROBABILITIES if scale.low <= value <= scale.high]
        else:
            rough = (scale.high - scale.low) / 5 or 1.0
            power = 10.0 ** math.floor(math.log10(rough))
            step = power * next(factor for factor in (1, 2, 5, 10) if power * factor >= rough)
            first, last = math.ceil(scale.low / step - 1e-9), math.floor(scale.high / step + 1e-9)
            values = [step * number for number in range(first, last + 1)]
        return [(value, self(value)) for value in values]


def decades(low: float, high: float) -> Scale:
    """A logarithmic scale that ends at powers of ten."""
    bottom = 10.0 ** math.floor(math.log10(max(low, 1e-9)))
    top = 10.0 ** math.ceil(math.log10(max(high, bottom * 1.01)))
    return Scale("", bottom, top, "log")


def clipped(begin: Point, end: Point, across: Axis, upwards: Axis) -> tuple[Point, Point] | None:
    """The part of a straight line within the axes; None where there is none.

    Y.-D. Liang, B. A. Barsky, "A New Concept and Method for Line Clipping", 1984.
    """
    near, far = 0.0, 1.0
    moves = (end[0] - begin[0], end[1] - begin[1])
    for place, axis in enumerate((across, upwards)):
        low, high = sorted((axis.start, axis.end))
        for step, room in (
            (-moves[place], begin[place] - low),
            (moves[place], high - begin[place]),
        ):
            if step == 0 and room < 0:
                return None
            if step < 0:
                near = max(near, room / step)
            elif step > 0:
                far = min(far, room / step)
    if near > far:
        return None
    first, last = (
        (begin[0] + share * moves[0], begin[1] + share * moves[1]) for share in (near, far)
    )
    return first, last
