"""SavedModels that are no Keras model, or one that Keras cannot rebuild, by their function alone.

A SavedModel holds what a network computes as a TensorFlow graph, whoever wrote it: ``tf.Module``,
``model.export()`` of Keras 3, a network with closures in Lambda layers. That is enough to convert
it. What is lost is what only layers know: their names, and why one of them is not as small or fast
as it could be.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from facesdk.errors import ModelError, one_line
from facesdk.results import FloatArray
from facesdk_training.keras import foreign_code

_SIGNATURE = "serving_default"
_BATCH = 32


@dataclass(frozen=True)
class FunctionNetwork:
    """A TensorFlow function of one float32 tensor, with constants in place of its variables.

    Attributes:
        function: The concrete function.
        layers: See :class:`~facesdk_converters.sources.network.Network`: not known.
        output_layer: Likewise.
    """

    function: Any
    layers: tuple[Any, ...] = ()
    output_layer: str = ""

    @property
    def graph(self) -> GraphDef:
        """The nodes of the function."""
        graph: GraphDef = self.function.graph.as_graph_def(add_shapes=False)
        return graph

    @property
    def input_shape(self) -> tuple[int, ...]:
        """See :class:`~facesdk_converters.sources.network.Network`."""
        return tuple(self.function.inputs[0].shape[1:])

    @property
    def output_shape(self) -> tuple[int, ...]:
        """See :class:`~facesdk_converters.sources.network.Network`."""
        return tuple(self.function.outputs[0].shape[1:])

    @property
    def batch(self) -> int | None:
        """See :class:`~facesdk_converters.sources.network.Network`."""
        size: int | None = self.function.inputs[0].shape[0]
        return size

    def predict(self, inputs: FloatArray) -> FloatArray:
        """See :class:`~facesdk_converters.sources.network.Network`."""
        size = self.batch or _BATCH
        parts = [inputs[start : start + size] for start in range(0, len(inputs), size)]
        return np.concatenate([self._run(part) for part in parts])

    def _run(self, inputs: FloatArray) -> FloatArray:
        (output,) = tf.nest.flatten(self.function(tf.constant(inputs)))
        return np.asarray(output, np.float32)


def load(path: Path, *, trust: bool) -> FunctionNetwork:
    """Reads the function ``serving_default`` of a SavedModel.

    Args:
        path: Its folder.
        trust: Whether to take it with operators on text, which may reach files.

    Raises:
        ModelError: It has no such function, or not one of one float32 input of fixed size and one
            output; its weights are not finite; or it is not trusted and has operators on text.
    """
    try:
        if not trust:
            foreign_code.check_graphs(path)
        loaded = tf.saved_model.load(str(path))
        signatures = loaded.signatures
    except ModelError:
        raise
    except Exception as error:  # whatever TensorFlow raises
        raise ModelError(
            f"{path} cannot be loaded by TensorFlow ({one_line(error, 200)})"
        ) from None
    if _SIGNATURE not in signatures:
        raise ModelError(
            f"{path} has no function {_SIGNATURE!r}: save it with tf.saved_model.save(module, "
            "path, signatures=module.__call__.get_concrete_function(tf.TensorSpec((1, 99, 99, 3)))"
            ")"
        )
    frozen = convert_variables_to_constants_v2(signatures[_SIGNATURE])
    _check(frozen, path)
    return FunctionNetwork(frozen)


def of_graph(graph: GraphDef, like: FunctionNetwork) -> FunctionNetwork:
    """A function with the inputs and outputs of another one, and the nodes of a graph."""
    wrapped = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(graph, name=""), [])
    found = wrapped.graph.get_tensor_by_name
    inputs = [found(tensor.name) for tensor in like.function.inputs]
    outputs = [found(tensor.name) for tensor in like.function.outputs]
    return FunctionNetwork(wrapped.prune(inputs, outputs))


def _check(function: Any, path: Path) -> None:
    inputs, outputs = function.inputs, function.outputs
    if len(inputs) != 1 or len(outputs) != 1:
        raise ModelError(
            f"{path} has {len(inputs)} inputs and {len(outputs)} outputs, but a network of one "
            "input and one output is needed: save a function for each"
        )
    if inputs[0].dtype != tf.float32 or outputs[0].dtype != tf.float32:
        raise ModelError(
            f"{path} maps {inputs[0].dtype.name} to {outputs[0].dtype.name}, but a function from "
            "float32 to float32 is needed"
        )
    shape = inputs[0].shape
    if shape.rank is None or None in tuple(shape[1:]):
        raise ModelError(
            f"{path} takes inputs of variable size {shape}: save it for an input of fixed shape, "
            "for example tf.TensorSpec((1, 112, 112, 3))"
        )
    for node in function.graph.as_graph_def().node:
        if node.op == "Const":
            values = tf.make_ndarray(node.attr["value"].tensor)
            weights = values.size > 1 and np.issubdtype(values.dtype, np.floating)
            if weights and not np.isfinite(values).all():
                raise ModelError(f"{path}: {node.name} has values that are NaN or infinite")
