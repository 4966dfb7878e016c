"""The range of an activation, over which its levels are spread.

By the extremes, no value that was seen is clipped. A few large ones then make all levels coarse, so
by least squares the range ends where the squared error of all values, of those that are rounded and
of those that are clipped, is least. Source: M. Nagel et al., "A White Paper on Neural Network
Quantization", 2021, section 3.1 (min-max and mean squared error).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from facesdk.progress import Progress, unwatched
from facesdk.results import FloatArray
from facesdk_converters.targets.fixed_point.calibration import ChannelStatistics, histograms
from facesdk_converters.tflite.tree import Tree

RangeKind = Literal["extremes", "least-squares"]

Ranges = dict[int, tuple[float, float]]
"""Least and largest value of each activation, by tensor number; 0 is between them."""

_SHARES = np.linspace(1.0, 0.3, 71)
"""Of an extreme, where a range may end."""

_LEAST_WIDTH = 2.0**-14
"""Of the range of a layer's outputs, as a share of its inputs' times its largest weight."""

_PASSES = 2
"""Over both ends, one after the other."""


def extremes(statistics: Mapping[int, ChannelStatistics]) -> Ranges:
    """The ranges that hold all values."""
    return {
        tensor: (min(0.0, float(seen.minimum.min())), max(0.0, float(seen.maximum.max())))
        for tensor, seen in statistics.items()
    }


def least_squares(
    tree: Tree,
    statistics: Mapping[int, ChannelStatistics],
    inputs: Sequence[FloatArray],
    bits: int,
    *,
    progress: Progress = unwatched,
) -> Ranges:
    """The ranges whose 2^bits levels are nearest to the values, in the sum of squares.

    Args:
        tree: A float32 graph.
        statistics: Of its activations: no range goes beyond the extremes.
        inputs: What the graph is run on, see
            :func:`~facesdk_converters.targets.fixed_point.calibration.observe`.
        bits: 2 to 16.
        progress: Called after each batch.
    """
    widest = extremes(statistics)
    counted = histograms(tree, inputs, widest, progress=progress)
    return {
        tensor: nearest(counts, *widest[tensor], 1 << bits) for tensor, counts in counted.items()
    }


def wide_enough(tree: Tree, ranges: Ranges) -> Ranges:
    """Ranges that are wide enough for runtimes.

    A layer whose outputs are 0 in every photo, as those of units that never fire, would have levels
    far nearer to each other than two sums of its products can be, and runtimes refuse it (XNNPACK
    where a step of a product is 256 steps of the output or more).

    Args:
        tree: A float32 graph.
        ranges: Of its activations, as they were found.
    """
    found = dict(ranges)
    for operator in tree.weighted():
        source, weights, output = (*map(int, operator.inputs[:2]), int(operator.outputs[0]))
        if source in found and output in found:
            low, high = found[source]
            least = (high - low) * float(np.abs(tree.values(weights)).max()) * _LEAST_WIDTH
            low, high = found[output]
            found[output] = (low, max(high, low + least))
    return found


def nearest(counts: NDArray[np.int64], low: float, high: float, levels: int) -> tuple[float, float]:
    """The range in [low, high] whose levels are nearest to values, in the sum of squares.

    Args:
        counts: How many values each of equal parts of [low, high] has.
        low: At most 0.
        high: At least 0.
        levels: How many the range has, evenly spread over it.
    """
    edges = np.linspace(low, high, len(counts) + 1)
    values = (edges[1:] + edges[:-1]) / 2

    def error(least: float, most: float) -> float:
        step = (most - least) / (levels - 1)
        if not step:
            return float(counts @ values**2)
        rounded = np.clip(np.rint((values - least) / step), 0, levels - 1) * step + least
        return float(counts @ (values - rounded) ** 2)

    least, most = low, high
    for _ in range(_PASSES):
        most = float(min(high * _SHARES, key=lambda end: error(least, float(end))))
        least = float(min(low * _SHARES, key=lambda end: error(float(end), most)))
    return least, most
