"""Layers of a float graph that get fixed-point weights, without a change of their mean outputs.

The mean of what rounding changes in a filter's output is taken from its bias (M. Nagel et al.,
"Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019, 4.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from facesdk.results import FloatArray
from facesdk_converters.targets.fixed_point.calibration import ChannelStatistics
from facesdk_converters.targets.fixed_point.levels import FixedPoint
from facesdk_converters.targets.fixed_point.storage import RoundedLayer
from facesdk_converters.tflite.tree import CHANNEL_AXES, Tree


class Rounding(Protocol):
    """Finds the fixed-point weights of a layer."""

    def __call__(self, name: str, weights: FloatArray, axis: int) -> FixedPoint:
        """The weights.

        Args:
            name: The layer's: that of the tensor it writes.
            weights: float32, in the operator's order of axes.
            axis: The one that counts output channels.
        """


def rounded(
    tree: Tree,
    operator: schema.OperatorT,
    statistics: Mapping[int, ChannelStatistics],
    rounding: Rounding,
) -> RoundedLayer:
    """Gives a layer of the float graph fixed-point values, and the bias that goes with them.

    Args:
        tree: A float graph, changed in place.
        operator: A convolution or dense layer with constant weights.
        statistics: Of the graph's activations, by tensor number.
        rounding: What the weights become.
    """
    kind, name = tree.kind(operator), tree.name(int(operator.outputs[0]))
    source, weights, *rest = (int(tensor) for tensor in operator.inputs)
    values = tree.values(weights)
    fixed = rounding(name, values, CHANNEL_AXES[kind])
    error = _mean_output(kind, fixed.values - values, statistics[source].mean)
    if rest and tree.is_float_constant(rest[0]):
        bias = tree.values(rest[0]) - error
        tree.set_constant(rest[0], bias)
    else:
        bias = -error
        added = tree.add_constant(f"{name}/float_bias", bias.astype(np.float32))
        operator.inputs = [source, weights, added]
    tree.set_constant(weights, fixed.values)
    return RoundedLayer(name, kind, fixed, bias)


def _mean_output(kind: str, weights: FloatArray, mean: FloatArray) -> FloatArray:
    """Mean output of filters for inputs of the given channel means (padding left out)."""
    if kind == "DEPTHWISE_CONV_2D":
        sums = weights.sum(axis=(0, 1, 2))
        return np.asarray(sums * mean.repeat(len(sums) // len(mean)))
    rows = weights
    if kind == "CONV_2D":
        rows = weights.sum(axis=(1, 2))
    else:
        mean = np.tile(mean, rows.shape[1] // len(mean))
    groups = mean.reshape(-1, rows.shape[1])
    return np.asarray((rows * groups.repeat(len(rows) // len(groups), axis=0)).sum(axis=1))
