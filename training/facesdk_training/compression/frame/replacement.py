"""A functional Keras network with some of its layers replaced by chains of others.

The layers that stay are new objects with the same names and weights, so the network that was given
is left as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from facesdk.errors import InputError

keras = tf.keras


@dataclass(frozen=True, slots=True, eq=False)
class NewLayer:
    """A layer of a chain.

    Attributes:
        layer: A Keras layer, not yet built.
        weights: What its weights are set to, in its own order.
    """

    layer: keras.layers.Layer
    weights: Sequence[NDArray[np.float32]]


def replaced(model: keras.Model, chains: Mapping[str, Sequence[NewLayer]]) -> keras.Model:
    """A copy of a network in which chains stand in the place of layers.

    Args:
        model: A functional model whose layers are each used once.
        chains: The chain for each name of a layer; it takes the layer's input and gives what goes
            on in place of its output.

    Raises:
        InputError: A layer is used twice, or a chain gives another shape.
    """
    tensors: dict[str, Any] = {}
    for layer in model.layers:
        if isinstance(layer, keras.layers.InputLayer):
            tensors[layer.name] = keras.Input(
                batch_shape=layer.input_shape[0], dtype=layer.dtype, name=layer.name
            )
            continue
        inputs = _inputs(layer, tensors)
        chain = chains.get(layer.name)
        output = _copied(layer, inputs) if chain is None else _chained(chain, inputs)
        if output.shape[1:] != layer.output_shape[1:]:
            raise InputError(
                f"what replaces {layer.name} gives {output.shape[1:]}, not {layer.output_shape[1:]}"
            )
        tensors[layer.name] = output
    begin = [tensors[tensor.node.layer.name] for tensor in model.inputs]
    end = [tensors[tensor.node.layer.name] for tensor in model.outputs]
    return keras.Model(begin[0], end[0], name=model.name)


def _inputs(layer: keras.layers.Layer, tensors: Mapping[str, Any]) -> Any:
    if len(layer.inbound_nodes) != 1:
        raise InputError(f"layer {layer.name} is used {len(layer.inbound_nodes)} times, not once")
    found = [tensors[tensor.node.layer.name] for tensor in layer.inbound_nodes[0].keras_inputs]
    return found if len(found) > 1 else found[0]


def _copied(layer: keras.layers.Layer, inputs: Any) -> Any:
    copy = type(layer).from_config(layer.get_config())
    output = copy(inputs)
    copy.set_weights(layer.get_weights())
    return output


def _chained(chain: Sequence[NewLayer], inputs: Any) -> Any:
    for new in chain:
        inputs = new.layer(inputs)
        new.layer.set_weights(list(new.weights))
    return inputs
