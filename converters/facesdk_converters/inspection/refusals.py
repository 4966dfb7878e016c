"""What converters cannot convert, with the layer's name and its place in the network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

from facesdk.errors import ModelError
from facesdk.tflite.flatbuffer import FlatbufferError
from facesdk.tflite.operators import CUSTOM_OPERATORS
from facesdk.tflite.verifier import verify
from facesdk_converters.inspection.layer_map import layers_by_operator
from facesdk_converters.sources.network import KerasNetwork
from facesdk_converters.sources.source import Source
from facesdk_converters.tflite import operators
from facesdk_training.keras.loading import layers_of


@contextmanager
def translated(source: Source) -> Iterator[None]:
    """Around a call of a converter of others: its complaint becomes one line.

    Raises:
        ModelError: The converter raised something; the message names the first layer that it does
            not take alone either.
    """
    try:
        yield
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        culprit = None
        if isinstance(source.network, KerasNetwork):
            layers = layers_of(source.model)
            culprit = next((layer for layer in layers if _is_refused(layer)), None)
        where = "the network" if culprit is None else place(culprit, source.model)
        raise ModelError(f"{source.path}: {where} cannot be converted ({reason})") from None


def check_operators(content: bytes, source: Source) -> None:
    """Raises unless runtimes with facesdk's operator library have all operators of a file.

    Raises:
        ModelError: The file is broken, or one of its operators is not; the message names the layer.
    """
    try:
        verify(content)
    except FlatbufferError as error:
        raise ModelError(
            f"{source.path}: the converter wrote a file that no runtime can use ({error}); Larq "
            "Compute Engine does where an int8 tensor is both an output and binarized: put an "
            "operation, a scale of 1.0001 for example, in front of the output"
        ) from None
    graph = operators.read(content, name=source.path)
    known = {*operators.BUILTINS, *CUSTOM_OPERATORS}
    for number, operator in enumerate(graph.operators):
        if operator.name not in known:
            layer = None
            if isinstance(source.network, KerasNetwork):
                layer = layers_by_operator(graph, source.model).get(number)
            where = "it" if layer is None else place(layer, source.model)
            raise ModelError(
                f"{source.path}: {where} needs TensorFlow's operation {operator.name}, which "
                "TFLite runtimes do not have: write it with others, or leave the layer out"
            )


def place(layer: Any, model: Any) -> str:
    """A layer's name, class and place, for a message."""
    layers = list(layers_of(model))
    number = next(index for index, row in enumerate(layers) if row is layer)
    behind = f", behind {layers[number - 1].name}" if number else ""
    return f"layer {layer.name} ({type(layer).__name__}, {number + 1} of {len(layers)}{behind})"


def _is_refused(layer: Any) -> bool:
    """Whether TensorFlow Lite's converter refuses a layer alone."""
    if len(layer.inbound_nodes) != 1 or type(layer).__name__ == "InputLayer":
        return False
    alone = tf.keras.Model(layer.input, layer.output)
    converter = tf.lite.TFLiteConverter.from_keras_model(alone)
    converter.allow_custom_ops = True
    try:
        converter.convert()
    except Exception:
        return True
    return False
