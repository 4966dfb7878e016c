"""Convolutions, dense layers and normalisations.

A convolution of signs by kernels of two values becomes Larq's ``QuantConv2D``, so that targets see
a binary layer; the kernel keeps the magnitude of each filter.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import larq as lq
import numpy as np
from numpy.typing import NDArray

from facesdk.errors import ModelError
from facesdk_converters.sources.onnx.graph import Node
from facesdk_converters.sources.onnx.translations.padding import padded
from facesdk_converters.sources.onnx.translations.windows import Window, thinned, window
from facesdk_converters.sources.onnx.translator import (
    LAYERS,
    Flat,
    Signs,
    Translator,
    computed,
    ordered,
    rank_of,
    sizes_of,
    stored,
)

_ROUNDING = 2.5e-7
"""What ``w - clip(w) + clip(w)`` adds to a weight where the file has its result: two float steps
of a number below 1."""


def _magnitudes(kernel: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """The one magnitude of each filter of a kernel (filters first); None if one has several."""
    rows = np.abs(kernel.reshape(len(kernel), -1))
    mean = rows.mean(axis=1, keepdims=True)
    close = np.abs(rows - mean) <= np.maximum(1e-6 * mean, _ROUNDING)
    return None if not close.all() or (mean <= 4 * _ROUNDING).any() else mean.astype(np.float32)


def conv(translator: Translator, node: Node) -> Any:
    """A convolution: depthwise, of bits, of signs in float, or plain.

    Keras takes no strides with dilations. Where a dilation has a factor of its stride, only every
    so many rows are read: the others are taken out before it. What is left of the strides beside
    dilations is done after it, on its result.
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
    y = _convolution(translator.layer_name(node), value, given, kernel, bias, groups)
    return y if steps == [1, 1] else y[:, :: steps[0], :: steps[1]]


def _convolution(
    name: str, value: Any, given: Window, kernel: NDArray[np.float32], bias: Any, groups: int
) -> Any:
    magnitudes = _magnitudes(kernel)
    if isinstance(value, Signs):
        if magnitudes is not None and _has_binary_form(value.of, given):
            return _binary_conv(name, value, given, kernel, magnitudes, bias, groups)
        value = computed(value)
    options: dict[str, Any] = {
        "strides": given.strides,
        "dilation_rate": given.dilations,
        "use_bias": bias is not None,
        "name": name,
    }
    if any(given.pads) and given.is_same(sizes_of(value)[2:]):
        options["padding"] = "same"
    else:
        value = padded(value, given.pads)
    weights = [kernel.transpose(2, 3, 1, 0)]
    if groups > 1 and groups == value.shape[-1] and kernel.shape[1] == 1:
        times = len(kernel) // groups
        layer = LAYERS.DepthwiseConv2D(given.size, depth_multiplier=times, **options)
        weights = [kernel.reshape(groups, times, *given.size).transpose(2, 3, 0, 1)]
    elif magnitudes is not None and groups == 1:
        layer = lq.layers.QuantConv2D(
            len(kernel), given.size, kernel_quantizer="magnitude_aware_sign", **options
        )
        weights = [(np.sign(kernel) * magnitudes.reshape(-1, 1, 1, 1)).transpose(2, 3, 1, 0)]
    else:
        layer = LAYERS.Conv2D(len(kernel), given.size, groups=groups, **options)
    return _with_weights(layer, value, weights, bias)


def _with_weights(layer: Any, x: Any, weights: list[Any], bias: Any) -> Any:
    output = layer(x)
    layer.set_weights([*weights, *([] if bias is None else [bias])])
    return output


def _has_binary_form(x: Any, given: Window) -> bool:
    """Whether a convolution of signs with these zeros around them has a binary form."""
    if not any(given.pads):
        return True
    for axis in range(2):
        half = (given.size[axis] - 1) * given.dilations[axis] // 2
        if given.size[axis] % 2 == 0 or given.pads[axis::2] != [half, half]:
            return False
        length, stride = int(x.shape[1 + axis]), given.strides[axis]
        last = (length - 1) // stride * stride
        if (length - 1) % stride and last + half > length - 1:
            return False
    return True


def _binary_conv(
    name: str,
    signs: Signs,
    given: Window,
    kernel: NDArray[np.float32],
    magnitudes: NDArray[np.float32],
    bias: Any,
    groups: int,
) -> Any:
    """Larq's layer. Zeros on both sides, with strides, are those of "same" for one row more.

    "Same" has as many zeros before as after where the stride divides the last row's number; rows
    and columns are added to make that so, and what they alone give is cut off.
    """
    x, options = signs.of, {"padding": "valid", "pad_values": 0.0}
    more = [0, 0]
    if any(given.pads):
        options["padding"] = "same"
        more = [(1 - int(n)) % s for n, s in zip(x.shape[1:3], given.strides, strict=True)]
        if any(more):
            x = LAYERS.ZeroPadding2D(((0, more[0]), (0, more[1])))(x)
    factor = magnitudes.reshape(-1, 1, 1, 1) * (-1.0 if signs.turned else 1.0)
    layer = lq.layers.QuantConv2D(
        len(kernel),
        given.size,
        strides=given.strides,
        dilation_rate=given.dilations,
        groups=groups,
        input_quantizer="ste_sign",
        kernel_quantizer="magnitude_aware_sign",
        use_bias=bias is not None,
        name=name,
        **options,
    )
    y = _with_weights(layer, x, [(np.sign(kernel) * factor).transpose(2, 3, 1, 0)], bias)
    if any(more):
        y = LAYERS.Cropping2D(((0, min(more[0], 1)), (0, min(more[1], 1))))(y)
    return y


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
    magnitudes = _magnitudes(np.ascontiguousarray(kernel.T))
    options = {"use_bias": bias is not None, "name": translator.layer_name(node)}
    if magnitudes is None or rank_of(x) != 2:
        if signs is not None:
            x = translator.tensor(node.inputs[0])
        layer = LAYERS.Dense(kernel.shape[1], **options)
        return stored(_with_weights(layer, ordered(x), [kernel], bias))
    turned = -1.0 if signs is not None and signs.turned else 1.0
    kernel = np.sign(kernel) * magnitudes.reshape(1, -1) * turned
    quantizers = {"kernel_quantizer": "magnitude_aware_sign"}
    if signs is not None:
        quantizers["input_quantizer"] = "ste_sign"
    layer = lq.layers.QuantDense(kernel.shape[1], **quantizers, **options)
    return _with_weights(layer, x, [kernel], bias)


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
    """PReLU with a slope per channel."""
    x, slope = translator.tensor(node.inputs[0]), translator.given(node, 1)
    if rank_of(x) != 4:
        layer = LAYERS.PReLU(name=translator.layer_name(node))
        return _with_weights(layer, x, [np.broadcast_to(slope.reshape(-1), x.shape[1:])], None)
    layer = LAYERS.PReLU(shared_axes=[1, 2], name=translator.layer_name(node))
    alpha = np.broadcast_to(slope.reshape(1, 1, -1), (1, 1, int(x.shape[-1])))
    return _with_weights(layer, x, [alpha], None)
