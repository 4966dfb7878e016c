"""Convolutions and dense layers of two levels by weights of two levels: Larq's layers.

A filter of zeros takes any signs, and its result is multiplied by 0.

With signs s and t, levels ``a s + b`` of activations and ``c t + d`` of a filter's weights meet as
``a (c (s . t) + d (s . 1)) + b (c t + d) . 1``: the first product is a binary layer, the second one
of a single filter of ones, and the third is a constant. That filter's result is multiplied by a
layer: Larq Compute Engine would take a product for factors of its one channel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import larq as lq
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from facesdk_converters.sources.onnx.translations.padding import resized
from facesdk_converters.sources.onnx.translations.windows import Window
from facesdk_converters.sources.onnx.translator import LAYERS, Signs

_ROUNDING = 2.5e-7
"""What ``w - clip(w) + clip(w)`` adds to a weight where the file has its result: two float steps
of a number below 1."""
SMALLEST = 4 * _ROUNDING
"""Up to here a magnitude may be rounding alone."""
_FEWEST = 8
"""Of fewer weights, two different values say nothing."""


@dataclass(frozen=True, slots=True)
class Levels:
    """Weights of two values a filter.

    Attributes:
        signs: ``(filters, weights)``.
        halves: Half the distance of the two values, ``(filters, 1)``; 0 where all are 0.
        middles: What lies in the middle of them, ``(filters, 1)``.
    """

    signs: NDArray[np.float32]
    halves: NDArray[np.float32]
    middles: NDArray[np.float32]

    @property
    def are_opposite(self) -> bool:
        """Whether they are a magnitude and its opposite in each filter."""
        return not self.middles.any()

    def binary(self, scale: float) -> NDArray[np.float32]:
        """The weights around their middle, times a number."""
        return np.asarray(self.signs * self.halves * scale, np.float32)


def levels_of(rows: NDArray[np.float32]) -> Levels | None:
    """The two values of each filter, up to rounding; None if one has more.

    Args:
        rows: ``(filters, weights)``.
    """
    size = np.abs(rows)
    halves, middles = size.mean(axis=1, keepdims=True), np.zeros((len(rows), 1), np.float32)
    several = ~_close(size, halves, halves).all(axis=1, keepdims=True)
    if several.any() and rows.shape[1] >= _FEWEST:
        low, high = rows.min(axis=1, keepdims=True), rows.max(axis=1, keepdims=True)
        middles = np.where(several, (low + high) / 2, middles)
        halves = np.where(several, (high - low) / 2, halves)
    around = rows - middles
    scale = np.maximum(size.max(axis=1, keepdims=True), halves)
    small = (halves <= SMALLEST) & rows.any(axis=1, keepdims=True)
    if not _close(np.abs(around), halves, scale).all() or small.any():
        return None
    return Levels(np.sign(around), np.asarray(halves, np.float32), np.asarray(middles, np.float32))


def _close(values: Any, level: Any, scale: Any) -> Any:
    return np.abs(values - level) <= np.maximum(1e-6 * scale, _ROUNDING)


def of_signs(
    named: Callable[[], str],
    signs: Signs,
    given: Window,
    kernel: NDArray[np.float32],
    bias: NDArray[np.float32] | None,
    groups: int,
) -> Any:
    """A convolution of two levels; None if it has no binary form.

    Args:
        named: Gives each layer a name.
        signs: The levels of a picture, channels last.
        given: The window.
        kernel: ``(filters, channels of a group, rows, columns)``.
        bias: ``(filters,)``, if it has one.
        groups: Number of groups of channels.
    """
    levels = levels_of(kernel.reshape(len(kernel), -1))
    if levels is None or (groups > 1 and not levels.are_opposite):
        return None
    if signs.offset and any(given.pads) and abs(signs.sign_of(0.0)) == 1.0:
        pads = [list(given.pads[axis::2]) for axis in range(2)]
        signs = signs.moved(resized(signs.of, pads, signs.sign_of(0.0)))
        given = replace(given, pads=[0] * 4)
    if not _has_binary_form(signs.of, given):
        return None
    borders = None
    if signs.offset and not any(given.pads):
        share = signs.offset * kernel.sum((1, 2, 3))
        bias = share if bias is None else bias + share
    elif signs.offset:
        borders = signs.offset * _of_ones(signs.of, given, kernel)
    weights = levels.binary(signs.scale).reshape(kernel.shape)
    y = _binary_conv(named(), signs.of, given, weights, bias, groups)
    if not levels.are_opposite:
        ones = np.full((1, *kernel.shape[1:]), signs.scale, np.float32)
        sums = _binary_conv(named(), signs.of, given, ones, None, 1)
        layer = LAYERS.Conv2D(len(kernel), 1, use_bias=False, name=named())
        y = y + with_weights(layer, sums, [levels.middles.reshape(1, 1, 1, -1)], None)
    return y if borders is None else y + borders


def _of_ones(x: Any, given: Window, kernel: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a kernel gives of a picture of ones, with zeros around it: its sum but at borders."""
    (top, left, bottom, right), (height, width) = given.pads, x.shape[1:3]
    ones = np.pad(np.ones((height, width), np.float32), ((top, bottom), (left, right)))
    taps = kernel.sum(axis=1).transpose(1, 2, 0)[:, :, None]
    result = tf.nn.conv2d(
        ones[None, :, :, None], taps, given.strides, "VALID", dilations=given.dilations
    )
    return np.asarray(result, np.float32)


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
    name: str, x: Any, given: Window, weights: NDArray[np.float32], bias: Any, groups: int
) -> Any:
    """Larq's layer. Zeros on both sides, with strides, are those of "same" for one row more.

    "Same" has as many zeros before as after where the stride divides the last row's number; rows
    and columns are added to make that so, and what they alone give is cut off.
    """
    options: dict[str, Any] = {"padding": "valid", "pad_values": 0.0}
    more = [0, 0]
    if any(given.pads):
        options["padding"] = "same"
        more = [(1 - int(n)) % s for n, s in zip(x.shape[1:3], given.strides, strict=True)]
        if any(more):
            x = LAYERS.ZeroPadding2D(((0, more[0]), (0, more[1])))(x)
    layer = lq.layers.QuantConv2D(
        len(weights),
        given.size,
        strides=given.strides,
        dilation_rate=given.dilations,
        groups=groups,
        input_quantizer="ste_sign",
        kernel_quantizer="magnitude_aware_sign",
        use_bias=bias is not None and bool(weights.any((1, 2, 3)).all()),
        name=name,
        **options,
    )
    y = _with_filters(layer, x, weights.transpose(2, 3, 1, 0), bias)
    if any(more):
        y = LAYERS.Cropping2D(((0, min(more[0], 1)), (0, min(more[1], 1))))(y)
    return y


def dense_of_signs(
    named: Callable[[], str],
    signs: Signs,
    levels: Levels,
    kernel: NDArray[np.float32],
    bias: NDArray[np.float32] | None,
) -> Any:
    """A dense layer of two levels by weights of two levels.

    Args:
        named: Gives each layer a name.
        signs: The levels of vectors.
        levels: Those of the weights.
        kernel: The weights, ``(inputs, units)``.
        bias: ``(units,)``, if it has one.
    """
    if signs.offset:
        share = signs.offset * kernel.sum(axis=0)
        bias = share if bias is None else bias + share
    y = _binary_dense(named(), signs.of, levels.binary(signs.scale).T, bias)
    if levels.are_opposite:
        return y
    ones = np.full((len(kernel), 1), signs.scale, np.float32)
    sums = _binary_dense(named(), signs.of, ones, None)
    layer = LAYERS.Dense(kernel.shape[1], use_bias=False, name=named())
    return y + with_weights(layer, sums, [levels.middles.reshape(1, -1)], None)


def _binary_dense(name: str, x: Any, weights: NDArray[np.float32], bias: Any) -> Any:
    layer = lq.layers.QuantDense(
        weights.shape[1],
        input_quantizer="ste_sign",
        kernel_quantizer="magnitude_aware_sign",
        use_bias=bias is not None and bool(weights.any(0).all()),
        name=name,
    )
    return _with_filters(layer, x, weights, bias)


def _with_filters(layer: Any, x: Any, weights: NDArray[np.float32], bias: Any) -> Any:
    """What a binary layer with these weights gives of signs, filters of zeros among them.

    Args:
        layer: The layer; without a bias if there are such filters.
        x: What it takes signs of.
        weights: As the layer has them, filters last.
        bias: ``(filters,)``; None for none.
    """
    some = weights.reshape(-1, weights.shape[-1]).any(axis=0)
    if some.all():
        return with_weights(layer, x, [weights], bias)
    y = with_weights(layer, x, [np.where(some, weights, 1)], None) * some.astype(np.float32)
    return y if bias is None else y + bias


def with_weights(layer: Any, x: Any, weights: list[Any], bias: Any) -> Any:
    """What a layer with these weights gives of a tensor."""
    output = layer(x)
    layer.set_weights([*weights, *([] if bias is None else [bias])])
    return output
