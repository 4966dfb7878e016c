"""Quantizers for the kernels of any Keras network, for training, and their values afterwards.

A network is trained with quantizers in the places of its kernels and then gets the quantized values
as plain kernels: the structure stays, so whatever takes the float network takes the result, and
``facesdk convert fixed-point`` finds the levels in the values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import larq as lq
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from facesdk.errors import InputError

Choose = Callable[[tf.keras.layers.Layer], "lq.quantizers.Quantizer | None"]
"""The quantizer that a layer's kernel is to get; None leaves it in float."""

_QUANTIZED = {
    tf.keras.layers.Conv2D: lq.layers.QuantConv2D,
    tf.keras.layers.Dense: lq.layers.QuantDense,
    lq.layers.QuantConv2D: lq.layers.QuantConv2D,
    lq.layers.QuantDense: lq.layers.QuantDense,
}


def layers_with_kernels(model: tf.keras.Model) -> list[tf.keras.layers.Layer]:
    """The convolutions and dense layers with float kernels, in order.

    Depthwise convolutions are left out: they have few weights, and lose most.
    """
    return [
        layer
        for layer in model.layers
        if type(layer) in _QUANTIZED and getattr(layer, "kernel_quantizer", None) is None
    ]


def inner_layers(model: tf.keras.Model, *, keep_first: bool, keep_last: bool) -> list[str]:
    """Names of the layers of :func:`layers_with_kernels` without the ends that stay in float.

    Raises:
        InputError: None is left.
    """
    names = [layer.name for layer in layers_with_kernels(model)]
    inner = names[int(keep_first) : len(names) - int(keep_last)]
    if not inner:
        raise InputError(
            f"the network has {len(names)} convolutions and dense layers with float kernels, so "
            "none is left to quantize"
        )
    return inner


def with_quantizers(model: tf.keras.Model, choose: Choose) -> tf.keras.Model:
    """A copy of a network, with the same weights, whose kernels are quantized.

    Args:
        model: A functional model.
        choose: Says which kernels, and how; a quantizer with weights of its own that has a method
            ``fit`` is fitted to the kernel.
    """
    quantizers = {layer.name: choose(layer) for layer in layers_with_kernels(model)}

    def clone(layer: tf.keras.layers.Layer) -> tf.keras.layers.Layer:
        quantizer = quantizers.get(layer.name)
        if quantizer is None:
            return type(layer).from_config(layer.get_config())
        config = {**layer.get_config(), "kernel_quantizer": quantizer}
        return _QUANTIZED[type(layer)](**_without_nones(config))

    copy = tf.keras.models.clone_model(model, clone_function=clone)
    for layer in copy.layers:
        given = model.get_layer(layer.name).get_weights()
        for variable, values in zip(layer.weights, given, strict=False):
            variable.assign(values)
        fit = getattr(quantizers.get(layer.name), "fit", None)
        if fit is not None:
            fit(layer.kernel)
    return copy


def settle(model: tf.keras.Model, trained: tf.keras.Model) -> None:
    """Gives a network the weights of its trained copy, the kernels as they are quantized.

    Args:
        model: The network that :func:`with_quantizers` copied; changed in place.
        trained: The copy.
    """
    for layer in model.layers:
        if not layer.weights:
            continue
        source = trained.get_layer(layer.name)
        values = source.get_weights()[: len(layer.weights)]
        quantizer = getattr(source, "kernel_quantizer", None)
        if quantizer is not None and getattr(layer, "kernel_quantizer", None) is None:
            values[0] = quantized_kernel(source)
        layer.set_weights(values)


def quantized_kernel(layer: tf.keras.layers.Layer) -> NDArray[np.float32]:
    """What a layer with a kernel quantizer multiplies by."""
    return np.asarray(layer.kernel_quantizer(tf.convert_to_tensor(layer.kernel)), np.float32)


def _without_nones(config: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if value is not None}
