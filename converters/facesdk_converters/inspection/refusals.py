"""What converters cannot convert, with the layer's name and its place in the network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

from facesdk.errors import ModelError, one_line
from facesdk.models.bundle import ModelBundle
from facesdk.tflite.graph import Graph
from facesdk.tflite.operators import CUSTOM_OPERATORS
from facesdk.tflite.schema import BUILTIN_OPERATORS
from facesdk_converters.inspection.layer_map import layers_by_operator, name_of
from facesdk_converters.sources.network import Network
from facesdk_converters.sources.source import Source


@contextmanager
def translated(source: Source) -> Iterator[None]:
    """Around a call of a converter of others: its complaint becomes one line.

    Raises:
        ModelError: The converter raised something; the message names the first layer that it does
            not take alone either.
    """
    try:
        yield
    except ModelError as error:
        raise ModelError(f"{source.path}: {error}") from None
    except Exception as error:
        reason = one_line(error, 200)
        culprit = next((layer for layer in source.network.layers if _is_refused(layer)), None)
        where = "the network" if culprit is None else place(culprit, source.network)
        raise ModelError(f"{source.path}: {where} cannot be converted ({reason})") from None


def verified(content: bytes, source: Source, hint: str = "") -> ModelBundle:
    """What a converter wrote, if a runtime can use it.

    Args:
        content: The ``.tflite`` file.
        source: What it was made of.
        hint: When this converter is known to write such files, and what to do then.

    Raises:
        ModelError: The file is broken, or has several subgraphs.
    """
    with translated(source):
        return readable(content, hint)


def readable(content: bytes, hint: str = "") -> ModelBundle:
    """The same, without the name of the source in the message.

    Raises:
        ModelError: The file is broken, or has several subgraphs.
    """
    try:
        bundle = ModelBundle.from_bytes(content, "the converted network")
    except ModelError as error:
        raise ModelError(
            f"the converter wrote a file that facesdk does not take ({error}){hint and '; ' + hint}"
        ) from None
    if bundle.graph.subgraphs != 1:
        raise ModelError(
            f"it has control flow ({bundle.graph.subgraphs} subgraphs), which facesdk does not "
            "convert"
        )
    return bundle


def check_operators(graph: Graph, source: Source) -> None:
    """Raises unless runtimes with facesdk's operator library have all operators of a file.

    Raises:
        ModelError: It has another operator, and the message names the layer.
    """
    known = {*BUILTIN_OPERATORS, *CUSTOM_OPERATORS}
    for operator in graph.operators:
        if operator.name not in known:
            layer = layers_by_operator(graph, source.network).get(operator.index)
            where = "it" if layer is None else place(layer, source.network)
            raise ModelError(
                f"{source.path}: {where} needs TensorFlow's operation {operator.name}, which "
                "TFLite runtimes do not have: write it with others, or leave the layer out"
            )


def binarized_layers(source: Source) -> int:
    """How many layers of a network quantize their input, where its layers are known."""
    layers = getattr(source.network, "computing_layers", ())
    return sum(1 for row in layers if getattr(row, "input_quantizer", None))


def place(layer: Any, network: Network) -> str:
    """A layer's name, class and place, for a message."""
    layers, name = network.layers, f"layer {name_of(layer, network)} ({type(layer).__name__}"
    number = next((index for index, row in enumerate(layers) if row is layer), None)
    if number is None:  # a model among the layers
        return f"{name})"
    after = f", after {name_of(layers[number - 1], network)}" if number else ""
    return f"{name}, {number + 1} of {len(layers)}{after})"


def _is_refused(layer: Any) -> bool:
    """Whether TensorFlow Lite's converter refuses a layer alone."""
    if len(layer.inbound_nodes) != 1 or type(layer).__name__ == "InputLayer":
        return False
    try:
        alone = tf.keras.Model(layer.input, layer.output)
    except ValueError:  # it reads what another operation computed from its input
        return False
    converter = tf.lite.TFLiteConverter.from_keras_model(alone)
    converter.allow_custom_ops = True
    try:
        converter.convert()
    except Exception:
        return True
    return False
