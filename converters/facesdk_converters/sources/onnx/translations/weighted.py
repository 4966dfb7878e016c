"""Convolutions, dense layers and normalisations.

A kernel of one magnitude per filter becomes that of Larq's ``QuantConv2D``, so that targets see a
binary layer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import larq as lq
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from facesdk.errors import ModelError
from facesdk_converters.sources.onnx.graph import Node
from facesdk_converters.sources.onnx.translations.binary import (
    dense_of_signs,
    levels_of,
    of_signs,
    with_weights,
)
from facesdk_converters.sources.onnx.translations.padding import padded
from facesdk_converters.sources.onnx.translations.windows import Window, thinned, window
from facesdk_converters.sources.onnx.translator import (
    LAYERS,
    NHWC,
    Flat,
    Signs,
    Translator,
    batch_axis,
    computed,
    ordered,
    rank_of,
    sizes_of,
    stored,
)


def conv(translator: Translator, node: Node) -> Any:
    """A convolution: depthwise, of bits, of signs in float, or plain.

    Keras takes no strides with dilations. Where a dilation has a factor of its stride, only every
    so many rows are read: the others are taken out before it. What is left of the strides beside
    dilations is done after it, on its result. So is what the longer of two strides has beyond their
    common divisor in a depthwise one, of which TensorFlow runs none with strides that differ.
    """
    kernel = np.asarray(translator.given(node, 1), np.float32)
    bias = None
    if len(node.inputs) > 2 and node.inputs[2]:
        bias = np.asarray(translator.given(node, 2), np.float32)
    value = translator.raw(node.inputs[0])
    given = window(node, list(kernel.shape[2:]), sizes_of(value)[2:])
    steps = [1, 1]
    if max(given.strides) > 1 and max(given.dilations) > 1:
        value, given = thinned(value, given)
        if max(given.dilations) > 1:
            steps, given = given.strides, replace(given, strides=[1, 1])
    groups = int(node.attributes.get("group", 1))
    common = math.gcd(*given.strides)
    if groups > 1 and kernel.shape[1] == 1 and given.strides != [common] * 2:
        steps = [stride // common for stride in given.strides]
        given = replace(given, strides=[common] * 2)
    y = _convolution(partial(translator.layer_name, node), value, given, kernel, bias, groups)
    return y if steps == [1, 1] else y[:, :: steps[0], :: steps[1]]


def _convolution(
    named: Callable[[], str],
    value: Any,
    given: Window,
    kernel: NDArray[np.float32],
    bias: Any,
    groups: int,
) -> Any:
    if isinstance(value, Signs):
        y = of_signs(named, value, given, kernel, bias, groups)
        if y is not None:
            return y
        value = computed(value)
    options: dict[str, Any] = {
        "strides": given.strides,
        "dilation_rate": given.dilations,
        "use_bias": bias is not None,
        "name": named(),
    }
    if any(given.pads) and given.is_same(sizes_of(value)[2:]):
        options["padding"] = "same"
    else:
        value = padded(value, given.pads)
    weights = [kernel.transpose(2, 3, 1, 0)]
    levels = levels_of(kernel.reshape(len(kernel), -1))
    if groups > 1 and groups == value.shape[-1] and kernel.shape[1] == 1:
        times = len(kernel) // groups
        layer = LAYERS.DepthwiseConv2D(given.size, depth_multiplier=times, **options)
        weights = [kernel.reshape(groups, times, *given.size).transpose(2, 3, 0, 1)]
    elif levels is not None and levels.are_opposite and groups == 1:
        layer = lq.layers.QuantConv2D(
            len(kernel), given.size, kernel_quantizer="magnitude_aware_sign", **options
        )
        weights = [levels.binary(1.0).reshape(kernel.shape).transpose(2, 3, 1, 0)]
    else:
        layer = LAYERS.Conv2D(len(kernel), given.size, groups=groups, **options)
    return with_weights(layer, value, weights, bias)


def gemm(translator: Translator, node: Node) -> Any:
    """``Gemm`` or ``MatMul`` by a constant: a dense layer, of bits if kernel and input allow it."""
    attributes = node.attributes
    kernel = np.asarray(translator.given(node, 1), np.float32)
    if node.kind == "Gemm":
        if attributes.get("transA", 0) or attributes.get("alpha", 1.0) != 1.0:
            raise ModelError("has transA or alpha, which networks do not have")
        kernel = kernel.T if attributes.get("transB", 0) else kernel
    bias = None
    if len(node.inputs) > 2 and node.inputs[2]:
        bias = np.asarray(translator.given(node, 2), np.float32).reshape(-1)
        bias = np.broadcast_to(bias * attributes.get("beta", 1.0), (kernel.shape[1],))
    value = translator.raw(node.inputs[0])
    signs = value if isinstance(value, Signs) else None
    x = value.of if signs is not None else value
    if isinstance(x, Flat):
        x, kernel = _last_to_first(x.picture, kernel)
    if signs is None:
        x = x if rank_of(x) == 2 else translator.tensor(node.inputs[0])
    named = partial(translator.layer_name, node)
    levels = None if None in x.shape[1:] else levels_of(np.ascontiguousarray(kernel.T))
    if signs is not None and levels is not None:
        return stored(dense_of_signs(named, signs.moved(ordered(x)), levels, kernel, bias))
    options = {"use_bias": bias is not None, "name": named()}
    if levels is not None and levels.are_opposite:
        layer = lq.layers.QuantDense(
            kernel.shape[1], kernel_quantizer="magnitude_aware_sign", **options
        )
        return stored(with_weights(layer, ordered(x), [levels.binary(1.0).T], bias))
    if signs is not None:
        x = translator.tensor(node.inputs[0])
    layer = LAYERS.Dense(kernel.shape[1], **options)
    return stored(with_weights(layer, ordered(x), [kernel], bias))


def _last_to_first(picture: Any, kernel: NDArray[np.float32]) -> tuple[Any, NDArray[np.float32]]:
    """A picture flattened as it lies, and a kernel with its rows in that order."""
    height, width, channels = (int(n) for n in picture.shape[1:])
    rows = kernel.reshape(channels, height, width, -1).transpose(1, 2, 0, 3)
    return LAYERS.Flatten()(picture), rows.reshape(-1, kernel.shape[1])


def batch_norm(translator: Translator, node: Node) -> Any:
    """Batch normalisation with the statistics of the file."""
    x = translator.tensor(node.inputs[0])
    gamma, beta, mean, variance = (translator.given(node, place) for place in range(1, 5))
    layer = LAYERS.BatchNormalization(
        axis=-1 if rank_of(x) == 4 else 1,
        epsilon=node.attributes.get("epsilon", 1e-5),
        name=translator.layer_name(node),
    )
    output = layer(x)
    layer.set_weights([gamma, beta, mean, variance])
    return output


def prelu(translator: Translator, node: Node) -> Any:
    """PReLU with slopes that are the same along any of the axes, but for each input of a batch."""
    x = translator.tensor(node.inputs[0])
    alpha, batch = _slopes(translator.given(node, 1), sizes_of(x)), batch_axis(x) or 0
    if alpha.shape[batch] != 1:
        raise ModelError("has slopes of their own for each input of a batch: export them as one")
    if rank_of(x) == 4:
        alpha = alpha.transpose(NHWC)
    if batch:
        return tf.nn.relu(x) - alpha * tf.nn.relu(-x)
    alpha = alpha[0]
    if alpha.size == 1:
        alpha = alpha.repeat(int(x.shape[-1]), axis=-1)
    shared = [axis for axis, size in enumerate(alpha.shape, 1) if size == 1]
    layer = LAYERS.PReLU(shared_axes=shared, name=translator.layer_name(node))
    return with_weights(layer, x, [alpha], None)


def _slopes(slope: NDArray[Any], sizes: list[int]) -> NDArray[np.float32]:
    """Slopes with as many axes as a tensor of these sizes in ONNX, each of 1 or of its size.

    A single axis of slopes was that of the channels before opset 7, and is the last since.
    """
    rank = len(sizes)
    shape = [1] * (rank - slope.ndim) + list(slope.shape)
    if slope.ndim == 1 and slope.size > 1 and rank > 2 and slope.size == sizes[1]:
        if slope.size == sizes[-1]:
            raise ModelError(
                f"has {slope.size} slopes, of channels or of columns: give them the shape "
                f"{[slope.size] + [1] * (rank - 2)} or {[1] * (rank - 2) + [slope.size]}"
            )
        shape = [1, slope.size] + [1] * (rank - 2)
    if len(shape) != rank or any(
        size not in (1, whole) for size, whole in zip(shape, sizes, strict=True)
    ):
        raise ModelError(f"has slopes of shape {list(slope.shape)} for an input of {sizes}")
    return np.asarray(slope.reshape(shape), np.float32)
