"""Small networks with the structure of well-known binary ones, written from their papers.

Each takes pictures of 32x32 and has two layers per stage or fewer, 32 to 96 channels and random
weights with the statistics of trained ones: a few kB of bits. What makes each of them itself is
there: where batch normalisation, sums and concatenations stand, what is quantized how, and what
stays float.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import larq as lq
import tensorflow as tf

layers = tf.keras.layers

SIDE, OUTPUTS = 32, 24


def bits(x: Any, filters: int, size: int = 3, strides: int = 1, **changes: Any) -> Any:
    """A convolution of signs with signs, padded with ones."""
    options = {
        "input_quantizer": "ste_sign",
        "kernel_quantizer": "ste_sign",
        "padding": "same",
        "pad_values": 1.0,
        "use_bias": False,
    }
    return lq.layers.QuantConv2D(filters, size, strides=strides, **{**options, **changes})(x)


def norm(x: Any) -> Any:
    return layers.BatchNormalization()(x)


def stem(image: Any, filters: int) -> Any:
    """As residual networks begin: a float convolution and a pool."""
    x = layers.ReLU()(norm(layers.Conv2D(filters, 3, padding="same", use_bias=False)(image)))
    return layers.MaxPool2D(2)(x)


def shortcut(x: Any, filters: int) -> Any:
    """Half the size, other channels, in float."""
    x = layers.AvgPool2D(2)(x)
    return norm(layers.Conv2D(filters, 1, use_bias=False)(x))


def head(x: Any) -> Any:
    return layers.Dense(OUTPUTS)(layers.GlobalAveragePooling2D()(x))


def binary_alexnet(image: Any) -> Any:
    """Hubara et al., "Binarized Neural Networks", 2016: pools before the next sign, binary ends."""
    x = bits(image, 32, 5, 2, input_quantizer=None, padding="valid", pad_values=0.0)
    x = norm(layers.MaxPool2D(2)(x))
    x = norm(bits(x, 64))
    x = norm(layers.MaxPool2D(2)(bits(x, 64)))
    x = layers.Flatten()(x)
    for width in (64, OUTPUTS):
        x = norm(
            lq.layers.QuantDense(
                width, input_quantizer="ste_sign", kernel_quantizer="ste_sign", use_bias=False
            )(x)
        )
    return x


def xnor_net(image: Any) -> Any:
    """Rastegari et al., "XNOR-Net", 2016: normalised before each sign, filters with a scale."""
    x = layers.ReLU()(norm(layers.Conv2D(32, 5, strides=2, use_bias=False)(image)))
    for filters, pool in ((64, True), (96, False), (96, True)):
        x = bits(norm(x), filters, kernel_quantizer="magnitude_aware_sign")
        x = layers.ReLU()(x)
        if pool:
            x = layers.MaxPool2D(2)(x)
    return layers.Dense(OUTPUTS)(layers.Flatten()(norm(x)))


def bi_real_net(image: Any) -> Any:
    """Liu et al., "Bi-Real Net", 2018: a float sum around every binary convolution."""
    x = stem(image, 32)
    for filters, strides in ((32, 1), (32, 1), (64, 2), (64, 1)):
        y = bits(
            x, filters, 3, strides,
            input_quantizer="approx_sign", kernel_quantizer="magnitude_aware_sign",
        )  # fmt: skip
        x = layers.Add()([norm(y), shortcut(x, filters) if strides == 2 else x])
    return head(x)


def binary_resnet_e(image: Any) -> Any:
    """Bethge et al., "Back to Simplicity", 2019: the same without scales."""
    x = stem(image, 32)
    for filters, strides in ((32, 1), (32, 1), (64, 2), (64, 1)):
        y = norm(bits(x, filters, 3, strides))
        x = layers.Add()([y, shortcut(x, filters) if strides == 2 else x])
    return head(layers.ReLU()(x))


def binary_dense_net(image: Any) -> Any:
    """Bethge et al., "BinaryDenseNet", 2019: each layer adds channels to those before it."""
    x = stem(image, 64)
    for stage in range(2):
        for _ in range(2):
            x = layers.Concatenate()([x, bits(norm(x), 32)])
        if stage == 0:
            x = layers.ReLU()(layers.MaxPool2D(2)(norm(x)))
            x = layers.Conv2D(64, 1, use_bias=False)(x)
    return head(layers.ReLU()(norm(x)))


def melius_net(image: Any) -> Any:
    """Bethge et al., "MeliusNet", 2020: new channels, then a sum that improves just those."""
    x = stem(image, 64)
    for _ in range(2):
        x = layers.Concatenate()([x, bits(norm(x), 32)])
        better = bits(norm(x), 32)
        old = x.shape[-1] - 32
        x = layers.Concatenate()([x[..., :old], layers.Add()([x[..., old:], better])])
    return head(layers.ReLU()(norm(x)))


def real_to_binary(image: Any) -> Any:
    """Martinez et al., "Training binary neural networks with real-to-binary convolutions", 2020.

    Each result is scaled by channel, by factors that a small float network finds in what comes in.
    """
    x = stem(image, 32)
    for _ in range(3):
        gate = layers.GlobalAveragePooling2D()(x)
        gate = layers.Dense(4, activation="relu")(gate)
        gate = layers.Dense(32, activation="sigmoid")(gate)
        gate = layers.Reshape((1, 1, 32))(gate)
        y = layers.PReLU(shared_axes=[1, 2])(bits(norm(x), 32))
        x = layers.Add()([layers.Multiply()([y, gate]), x])
    return head(x)


def quick_net(image: Any) -> Any:
    """Bannink et al., "Larq Compute Engine", 2021: a cheap stem, and sums."""
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(image)
    x = layers.ReLU()(norm(x))
    x = norm(layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x))
    x = norm(layers.Conv2D(32, 1, use_bias=False)(x))
    for filters in (32, 64):
        if filters != x.shape[-1]:
            x = layers.MaxPool2D(3, strides=1, padding="same")(layers.ReLU()(x))
            x = layers.DepthwiseConv2D(3, strides=2, padding="same", use_bias=False)(x)
            x = norm(layers.Conv2D(filters, 1, use_bias=False)(x))
        for _ in range(2):
            x = layers.Add()([x, norm(bits(x, filters, activation="relu"))])
    return head(layers.ReLU()(x))


ZOO: dict[str, Callable[[Any], Any]] = {
    builder.__name__: builder
    for builder in (
        binary_alexnet,
        xnor_net,
        bi_real_net,
        binary_resnet_e,
        binary_dense_net,
        melius_net,
        real_to_binary,
        quick_net,
    )
}
