"""Baselines: networks as TensorFlow Lite's own converter makes them, with float weights."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from functools import partial
from typing import Any

import tensorflow as tf

from facesdk.models.bundle import ModelBundle
from facesdk_converters.inspection import refusals
from facesdk_converters.sources.function import FunctionNetwork
from facesdk_converters.sources.network import FileNetwork, KerasNetwork, is_argument
from facesdk_converters.sources.source import Source
from facesdk_converters.targets.constant_operators import computed
from facesdk_converters.targets.group_normalization import plain_groups
from facesdk_converters.targets.large_kernels import quantized_before
from facesdk_converters.targets.recurrence import unrolled
from facesdk_converters.targets.target import Target, at_once
from facesdk_converters.targets.warnings_of_others import without_false_errors
from facesdk_converters.tflite.float16 import widened
from facesdk_converters.tflite.ports import in_order, named


def float32() -> Target:
    """The target ``float32``: weights and activations in 32 bits."""
    return Target("float32", at_once(partial(convert, half=False)))


def float16() -> Target:
    """The target ``float16``: weights stored in 16 bits and widened when the file is loaded."""
    return Target("float16", at_once(partial(convert, half=True)), rounds_weights=True)


def convert(source: Source, *, half: bool) -> ModelBundle:
    """Converts a network.

    Args:
        source: The network; a float32 model file is taken as it is, float16 weights are widened.
        half: Whether to store weights as float16.

    Returns:
        A model of stock operators.

    Raises:
        ModelError: TensorFlow's converter refuses the network, or runtimes lack an operator of it.
    """
    if isinstance(source.network, FileNetwork) and not half:
        return widened(source.network.bundle)
    network = source.network if isinstance(source.network, FunctionNetwork) else source.keras
    layers = network.computing_layers if isinstance(network, KerasNetwork) else ()
    with ExitStack() as forms:
        forms.enter_context(refusals.translated(source))
        forms.enter_context(without_false_errors())
        for form in (plain_groups, unrolled, quantized_before):
            forms.enter_context(form(layers))
        if isinstance(network, FunctionNetwork):
            converter = tf.lite.TFLiteConverter.from_concrete_functions([network.function])
        else:
            folder = forms.enter_context(tempfile.TemporaryDirectory())
            _save_function(network.convertible, folder)
            converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.allow_custom_ops = True  # the common flow refuses them, and names their layers
        if half:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        content = bytes(converter.convert())
    bundle = refusals.verified(content, source)
    if not half:  # its constants are widened in the file
        bundle = computed(bundle)
    refusals.check_operators(bundle.graph, source)
    bundle = in_order(bundle, source.network.input_names, source.network.output_names)
    if isinstance(network, KerasNetwork):
        inputs, outputs = network.model.input_names, network.model.output_names
        if not all(map(is_argument, (*inputs, *outputs))):
            return named(bundle, inputs, outputs)
    return bundle


def _save_function(model: Any, folder: str) -> None:
    """Writes the SavedModel of what a Keras model computes, traced once.

    The converter alone has Keras save the model, which traces each of its layers as well: three
    quarters of the time of a conversion, for the same file.

    Args:
        model: A Keras 2 model; a port whose name is none of an argument's gets another.
        folder: An empty folder.
    """
    inputs, outputs = (
        [name if is_argument(name) else f"{kind}_{place}" for place, name in enumerate(names)]
        for kind, names in (("input", model.input_names), ("output", model.output_names))
    )

    def run(*given: Any) -> dict[str, Any]:
        found = model(tf.nest.pack_sequence_as(model.input, list(given)), training=False)
        return dict(zip(outputs, tf.nest.flatten(found), strict=True))

    specs = [
        tf.TensorSpec(one.shape, one.dtype, name=name)
        for name, one in zip(inputs, model.inputs, strict=True)
    ]
    module = tf.Module()
    module.captured = list(model.variables)
    options = tf.saved_model.SaveOptions(save_debug_info=True, experimental_custom_gradients=False)
    tf.saved_model.save(module, folder, tf.function(run).get_concrete_function(*specs), options)
