"""Baselines: networks as TensorFlow Lite's own converter makes them, with float weights."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial

import tensorflow as tf

from facesdk.models.bundle import ModelBundle
from facesdk_converters.inspection import refusals
from facesdk_converters.sources.function import FunctionNetwork
from facesdk_converters.sources.network import FileNetwork, KerasNetwork
from facesdk_converters.sources.source import Source
from facesdk_converters.targets.group_normalization import plain_groups
from facesdk_converters.targets.large_kernels import quantized_before
from facesdk_converters.targets.recurrence import unrolled
from facesdk_converters.targets.target import Target, at_once
from facesdk_converters.tflite.ports import in_order


def float32() -> Target:
    """The target ``float32``: weights and activations in 32 bits."""
    return Target("float32", at_once(partial(convert, half=False)))


def float16() -> Target:
    """The target ``float16``: weights stored in 16 bits and widened when the file is loaded."""
    return Target("float16", at_once(partial(convert, half=True)), rounds_weights=True)


def convert(source: Source, *, half: bool) -> ModelBundle:
    """Converts a network.

    Args:
        source: The network; a float32 model file is taken as it is.
        half: Whether to store weights as float16.

    Returns:
        A model of stock operators.

    Raises:
        ModelError: TensorFlow's converter refuses the network, or runtimes lack an operator of it.
    """
    if isinstance(source.network, FileNetwork) and not half:
        return source.network.bundle
    if isinstance(source.network, FunctionNetwork):
        converter = tf.lite.TFLiteConverter.from_concrete_functions([source.network.function])
    else:
        converter = tf.lite.TFLiteConverter.from_keras_model(source.keras.convertible)
    converter.allow_custom_ops = True  # the common flow refuses them, and names their layers
    if half:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    network = source.network
    layers = network.computing_layers if isinstance(network, KerasNetwork) else ()
    with ExitStack() as forms:
        forms.enter_context(refusals.translated(source))
        for form in (plain_groups, unrolled, quantized_before):
            forms.enter_context(form(layers))
        content = bytes(converter.convert())
    bundle = refusals.verified(content, source)
    refusals.check_operators(bundle.graph, source)
    return in_order(bundle, source.network.input_names, source.network.output_names)
