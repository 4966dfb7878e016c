"""Normalisations by what the tensor itself has: of a layer, an instance, a group."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from facesdk.errors import ModelError
from facesdk_converters.sources.onnx.graph import Node
from facesdk_converters.sources.onnx.translator import (
    Translator,
    ordered,
    rank_of,
    sizes_of,
    stored,
)


def _standardised(x: Any, axes: list[int], node: Node) -> Any:
    """With mean 0 and variance 1 over axes."""
    mean = tf.reduce_mean(x, axes, keepdims=True)
    variance = tf.reduce_mean(tf.math.squared_difference(x, mean), axes, keepdims=True)
    return (x - mean) * tf.math.rsqrt(variance + float(node.attributes.get("epsilon", 1e-5)))


def layer_norm(translator: Translator, node: Node) -> Any:
    """``LayerNormalization``: over the last axes."""
    if len([name for name in node.outputs if name]) > 1:
        raise ModelError("gives its mean or deviation, which networks that are trained do not need")
    x = ordered(translator.tensor(node.inputs[0]))
    first = int(node.attributes.get("axis", -1)) % rank_of(x)
    y = _standardised(x, list(range(first, rank_of(x))), node) * translator.given(node, 1)
    if len(node.inputs) > 2 and node.inputs[2]:
        y += translator.given(node, 2)
    return stored(y)


def instance_norm(translator: Translator, node: Node) -> Any:
    """``InstanceNormalization``: each channel of each input."""
    x = translator.tensor(node.inputs[0])
    rank = rank_of(x)
    scale, bias = (_of_channels(translator.given(node, place), rank) for place in (1, 2))
    axes = [1, 2] if rank == 4 else list(range(2, rank))
    return _standardised(x, axes, node) * scale + bias


def _of_channels(values: NDArray[Any], rank: int) -> NDArray[np.float32]:
    """Numbers of channels, to broadcast with a tensor of a rank as it is kept here."""
    values = np.asarray(values, np.float32)
    return values if rank == 4 else values.reshape(-1, *[1] * (rank - 2))


def group_norm(translator: Translator, node: Node) -> Any:
    """``GroupNormalization``: each group of channels of each input."""
    x = translator.tensor(node.inputs[0])
    groups, sizes = int(node.attributes["num_groups"]), sizes_of(x)
    inner = tf.reshape(ordered(x), (-1, groups, math.prod(sizes[1:]) // groups))
    y = stored(tf.reshape(_standardised(inner, [2], node), (-1, *sizes[1:])))
    factors = [translator.given(node, place) for place in (1, 2)]
    if translator.onnx.opsets[""] < 21:  # a number for each group
        factors = [values.repeat(sizes[1] // groups) for values in factors]
    scale, bias = (_of_channels(values, rank_of(x)) for values in factors)
    return y * scale + bias
