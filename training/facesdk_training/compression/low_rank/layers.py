"""From factors of a kernel to the stock Keras layers that compute with them."""

from __future__ import annotations

from typing import Any

import larq as lq
import numpy as np
import tensorflow as tf

from facesdk.errors import InputError
from facesdk_training.compression.frame.replacement import NewLayer
from facesdk_training.compression.low_rank import factors
from facesdk_training.compression.low_rank.factors import Array

keras = tf.keras

DENSE = (keras.layers.Dense,)
CONVOLUTIONS = (keras.layers.Conv2D,)


def candidates(model: keras.Model) -> list[str]:
    """Names of the layers with a float kernel that can be factored, in order.

    These are convolutions of one group and dense layers that read their input as it is.
    """
    return [layer.name for layer in model.layers if _is_candidate(layer)]


def kernel_of(layer: keras.layers.Layer) -> Array:
    """The kernel as (height, width, inputs, outputs); a dense layer's is 1 x 1."""
    kernel = np.asarray(layer.kernel, np.float32)
    return kernel if kernel.ndim == 4 else kernel[None, None]


def svd(layer: keras.layers.Layer, rank: int) -> list[NewLayer]:
    """Two convolutions, or two dense layers."""
    first, last = factors.svd(kernel_of(layer), rank)
    if isinstance(layer, keras.layers.Dense):
        return [
            NewLayer(
                keras.layers.Dense(rank, use_bias=False, name=f"{layer.name}_in"), [first[0, 0]]
            ),
            NewLayer(keras.layers.Dense(layer.units, **_end(layer)), [last[0, 0], *_bias(layer)]),
        ]
    return [_convolution(layer, first, "in", strides=layer.strides), _last(layer, last)]


def spatial(layer: keras.layers.Layer, rank: int) -> list[NewLayer]:
    """A convolution h x 1 and one 1 x w."""
    first, last = factors.spatial(kernel_of(layer), rank)
    down, right = layer.strides
    return [
        _convolution(layer, first, "rows", strides=(down, 1)),
        _last(layer, last, strides=(1, right)),
    ]


def tucker(layer: keras.layers.Layer, ranks: tuple[int, int]) -> list[NewLayer]:
    """1x1, the kernel's size, 1x1."""
    first, core, last = factors.tucker(kernel_of(layer), ranks)
    return [
        _convolution(layer, first, "in"),
        _convolution(layer, core, "core", strides=layer.strides),
        _last(layer, last),
    ]


def cp(layer: keras.layers.Layer, rank: int) -> list[NewLayer]:
    """1x1, depthwise h x 1 and 1 x w, 1x1.

    TensorFlow's depthwise convolutions have one stride for both directions, so where that is not
    1 the two are multiplied out to one of h x w.
    """
    first, rows, columns, last = factors.cp(kernel_of(layer), rank)
    between = {"rows": rows, "columns": columns}
    if layer.strides != (1, 1):
        between = {"depthwise": rows * columns}
    return [
        _convolution(layer, first, "in"),
        *(_depthwise(layer, kernel, part) for part, kernel in between.items()),
        _last(layer, last),
    ]


def weights_of(chain: list[NewLayer]) -> int:
    """Numbers in the kernels of a chain."""
    return sum(int(new.weights[0].size) for new in chain)


def _is_candidate(layer: keras.layers.Layer) -> bool:
    if isinstance(layer, (keras.layers.DepthwiseConv2D, keras.layers.Conv2DTranspose)):
        return False
    quantizers = ("kernel_quantizer", "input_quantizer")
    if any(getattr(layer, name, None) is not None for name in quantizers):
        return False
    if isinstance(layer, keras.layers.Conv2D):
        return layer.groups == 1 and layer.dilation_rate == (1, 1) and not _pads_ones(layer)
    return isinstance(layer, keras.layers.Dense)


def _pads_ones(layer: keras.layers.Layer) -> bool:
    return isinstance(layer, lq.layers.QuantConv2D) and layer.pad_values != 0.0


def _convolution(
    layer: keras.layers.Layer, kernel: Array, part: str, strides: tuple[int, int] = (1, 1)
) -> NewLayer:
    new = keras.layers.Conv2D(
        kernel.shape[3],
        kernel.shape[:2],
        strides=strides,
        padding=layer.padding,
        use_bias=False,
        name=f"{layer.name}_{part}",
    )
    return NewLayer(new, [kernel])


def _depthwise(layer: keras.layers.Layer, kernel: Array, part: str) -> NewLayer:
    new = keras.layers.DepthwiseConv2D(
        kernel.shape[:2],
        strides=layer.strides,
        padding=layer.padding,
        use_bias=False,
        name=f"{layer.name}_{part}",
    )
    return NewLayer(new, [kernel])


def _last(layer: keras.layers.Layer, kernel: Array, strides: tuple[int, int] = (1, 1)) -> NewLayer:
    """The layer with the old one's name, bias and activation."""
    new = keras.layers.Conv2D(
        kernel.shape[3], kernel.shape[:2], strides=strides, padding=layer.padding, **_end(layer)
    )
    return NewLayer(new, [kernel, *_bias(layer)])


def _end(layer: keras.layers.Layer) -> dict[str, Any]:
    return {"use_bias": layer.use_bias, "activation": layer.activation, "name": layer.name}


def _bias(layer: keras.layers.Layer) -> list[Array]:
    return [np.asarray(layer.bias, np.float32)] if layer.use_bias else []


def refuse_name(model: keras.Model, name: str) -> None:
    """Raises InputError for a name that is none of :func:`candidates`."""
    known = candidates(model)
    if name not in known:
        raise InputError(f"no layer {name!r} can be factored: choose from {', '.join(known)}")
