"""Equal ranges for the channels of an activation, before it is quantized with one scale.

Between two layers with weights, channel c of an activation may be divided by any s_c > 0 if the
weights that read it are multiplied by s_c: PReLU, ReLU, additions, pools and zero padding let a
positive factor through, so the network computes the same. An int8 activation has one scale for all
channels, so a network whose channels differ in size loses the small ones. With r_c the largest
magnitude of channel c and v_c the largest share that it has in a filter that reads it,

    s_c = r_c^a / v_c^(1-a)

moves the difference from the activation (a = 1) to the weights (a = 0). A depthwise filter reads
one channel and has a scale of its own, so it takes all of it.

Sources: M. Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction",
ICCV 2019 (positive homogeneity); G. Xiao et al., "SmoothQuant", ICML 2023 (the exponent).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from facesdk_converters.targets.fixed_point.calibration import ChannelStatistics
from facesdk_converters.tflite.tree import CHANNEL_AXES, Tree

FloatArray = NDArray[Any]
Statistics = dict[int, ChannelStatistics]

_HOMOGENEOUS_ACTIVATIONS = (
    schema.ActivationFunctionType.NONE,
    schema.ActivationFunctionType.RELU,
)
_SHIFTED_BY_CONSTANTS = ("ADD", "SUB")
_HOMOGENEOUS = (
    *_SHIFTED_BY_CONSTANTS,
    "PRELU",
    "RELU",
    "LEAKY_RELU",
    "MAX_POOL_2D",
    "AVERAGE_POOL_2D",
    "PAD",
    "RESHAPE",
)
_LIMIT = 1e4
"""Largest and smallest scale, so that channels that are never used stay finite."""


@dataclass(slots=True)
class _Group:
    """Activations whose channels must be divided by the same scales."""

    tensors: set[int] = field(default_factory=set)
    written_by: list[schema.OperatorT] = field(default_factory=list)
    read_by: list[schema.OperatorT] = field(default_factory=list)
    constants: list[int] = field(default_factory=list)
    fixed: bool = False


def equalize(tree: Tree, statistics: Statistics, exponent: float) -> Statistics:
    """Divides channels and multiplies weights; the graph computes the same as before.

    Args:
        tree: A float32 graph; changed in place.
        statistics: Of all its activations.
        exponent: The a of the module, 0 to 1.

    Returns:
        Statistics of the changed graph.
    """
    result = dict(statistics)
    for group in _groups(tree):
        if group.fixed or not group.written_by or not group.read_by:
            continue
        scales = _scales(tree, group, statistics, exponent)
        for operator in group.written_by:
            _divide_outputs(tree, operator, scales)
        for operator in group.read_by:
            _multiply_inputs(tree, operator, scales)
        for constant in group.constants:
            tree.set_constant(constant, tree.values(constant) / scales)
        for tensor in group.tensors:
            result[tensor] = statistics[tensor].divided_by(scales)
    return result


def _groups(tree: Tree) -> list[_Group]:
    parents: dict[int, int] = {}

    def root(tensor: int) -> int:
        while parents.setdefault(tensor, tensor) != tensor:
            tensor = parents[tensor]
        return tensor

    for operator in tree.operators:
        if _lets_scales_through(tree, operator):
            output = int(operator.outputs[0])
            for tensor in tree.activations(operator):
                parents[root(tensor)] = root(output)
    groups: dict[int, _Group] = defaultdict(_Group)
    for tensor in [*tree.inputs, *tree.outputs]:
        groups[root(tensor)].fixed = True
    weighted = {id(operator) for operator in tree.weighted()}
    for operator in tree.operators:
        group = groups[root(int(operator.outputs[0]))]
        group.tensors.update(int(tensor) for tensor in operator.outputs)
        if id(operator) in weighted:
            _add_weighted(tree, operator, groups[root(int(operator.inputs[0]))], group)
        elif _lets_scales_through(tree, operator):
            if tree.kind(operator) in _SHIFTED_BY_CONSTANTS:
                group.constants += [int(t) for t in operator.inputs if tree.is_constant(int(t))]
        else:
            for tensor in [*tree.activations(operator), *map(int, operator.outputs)]:
                groups[root(tensor)].fixed = True
    return list(groups.values())


def _lets_scales_through(tree: Tree, operator: schema.OperatorT) -> bool:
    kind = tree.kind(operator)
    if kind not in _HOMOGENEOUS or not _is_homogeneous(operator):
        return False
    shapes = [tree.shape(tensor) for tensor in tree.activations(operator)]
    output = tree.shape(int(operator.outputs[0]))
    if kind == "RESHAPE":
        return all(
            shape[-1:] == output[-1:] and shape[0] * shape[-1] == np.prod(shape) for shape in shapes
        )
    if kind in _SHIFTED_BY_CONSTANTS:
        shapes += [tree.shape(int(t)) for t in operator.inputs if tree.is_constant(int(t))]
    return all(shape[-1:] == output[-1:] for shape in shapes)


def _is_homogeneous(operator: schema.OperatorT) -> bool:
    options = operator.builtinOptions
    activation = getattr(options, "fusedActivationFunction", schema.ActivationFunctionType.NONE)
    return activation in _HOMOGENEOUS_ACTIVATIONS


def _add_weighted(tree: Tree, operator: schema.OperatorT, source: _Group, output: _Group) -> None:
    output.written_by.append(operator)
    source.read_by.append(operator)
    output.fixed |= not _is_homogeneous(operator)
    source.fixed |= tree.shape(int(operator.inputs[0]))[-1] != _input_channels(tree, operator)


def _input_channels(tree: Tree, operator: schema.OperatorT) -> int:
    """Channels that the weights read; fewer than the input has in a grouped convolution."""
    shape = tree.shape(int(operator.inputs[1]))
    if tree.kind(operator) == "DEPTHWISE_CONV_2D":
        return shape[-1] // int(operator.builtinOptions.depthMultiplier)
    return shape[-1]


def _scales(tree: Tree, group: _Group, statistics: Statistics, exponent: float) -> FloatArray:
    ranges = np.max([statistics[tensor].magnitude for tensor in group.tensors], axis=0)
    shares = np.zeros_like(ranges)
    for operator in group.read_by:
        if tree.kind(operator) != "DEPTHWISE_CONV_2D":
            weights = np.abs(tree.values(int(operator.inputs[1])))
            weights = weights.reshape(len(weights), -1, weights.shape[-1])
            largest = weights.max(axis=(1, 2), keepdims=True)
            shares = np.maximum(
                shares, (weights / np.where(largest > 0, largest, 1)).max(axis=(0, 1))
            )
    if not shares.any():
        scales = ranges
    else:
        scales = ranges**exponent / np.maximum(shares, 1e-6) ** (1 - exponent)
    used = ranges > 0
    if not used.any():
        return np.ones_like(ranges)
    scales = scales / np.exp(np.log(scales[used]).mean())
    return np.where(used, np.clip(scales, 1 / _LIMIT, _LIMIT), 1.0).astype(np.float32)


def _divide_outputs(tree: Tree, operator: schema.OperatorT, scales: FloatArray) -> None:
    axis = CHANNEL_AXES[tree.kind(operator)]
    weights, *bias = (int(tensor) for tensor in operator.inputs[1:])
    values = tree.values(weights)
    shape = [1] * values.ndim
    shape[axis] = -1
    tree.set_constant(weights, values / scales.reshape(shape))
    if bias and tree.is_float_constant(bias[0]):
        tree.set_constant(bias[0], tree.values(bias[0]) / scales)


def _multiply_inputs(tree: Tree, operator: schema.OperatorT, scales: FloatArray) -> None:
    weights = int(operator.inputs[1])
    if tree.kind(operator) == "DEPTHWISE_CONV_2D":
        scales = scales.repeat(operator.builtinOptions.depthMultiplier)
    tree.set_constant(weights, tree.values(weights) * scales)
