"""SavedModels that are no Keras model, or one that Keras cannot rebuild, by their function alone.

A SavedModel holds what a network computes as a TensorFlow graph, whoever wrote it: ``tf.Module``,
``model.export()`` of Keras 3, a network with closures in Lambda layers. That is enough to convert
it. What is lost is what only layers know: their names, and why one of them is not as small or fast
as it could be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from facesdk.errors import ModelError, one_line
from facesdk.results import FloatArray
from facesdk_converters.sources.finite import require_numbers
from facesdk_training.keras import foreign_code

_SIGNATURE = "serving_default"
_COPIES = ("Identity", "ReadVariableOp", "Reshape", "Transpose")
_WEIGHTED = (
    "BatchMatMulV2",
    "BiasAdd",
    "Conv2D",
    "Conv2DBackpropInput",
    "DepthwiseConv2dNative",
    "FusedBatchNormV3",
    "MatMul",
)
"""Operations whose constants are weights."""
_BATCH = 32


@dataclass(frozen=True)
class FunctionNetwork:
    """A TensorFlow function of float32 tensors, with constants in place of its variables.

    Attributes:
        function: The concrete function.
        layers: See :class:`~facesdk_converters.sources.network.Network`: not known.
        paths: Likewise.
        translated: Likewise.
        output_layers: Likewise.
        input_names: Likewise; the order of a signature is that of its names.
        output_names: Likewise.
    """

    function: Any
    layers: tuple[Any, ...] = ()
    paths: Mapping[str, Any] = field(default_factory=dict)
    translated: bool = False
    output_layers: tuple[str, ...] = ()
    input_names: tuple[str, ...] = ()
    output_names: tuple[str, ...] = ()

    @property
    def graph(self) -> GraphDef:
        """The nodes of the function."""
        graph: GraphDef = self.function.graph.as_graph_def(add_shapes=False)
        return graph

    @property
    def input_shapes(self) -> tuple[tuple[int, ...], ...]:
        """See :class:`~facesdk_converters.sources.network.Network`."""
        return tuple(tuple(one.shape[1:]) for one in self.function.inputs)

    @property
    def output_shapes(self) -> tuple[tuple[int, ...], ...]:
        """See :class:`~facesdk_converters.sources.network.Network`."""
        return tuple(tuple(one.shape[1:]) for one in self.function.outputs)

    @property
    def batch(self) -> int | None:
        """See :class:`~facesdk_converters.sources.network.Network`."""
        size: int | None = self.function.inputs[0].shape[0]
        return size

    def predict(self, *inputs: FloatArray) -> list[FloatArray]:
        """See :class:`~facesdk_converters.sources.network.Network`."""
        size = self.batch or _BATCH
        runs = [
            self._run([values[start : start + size] for values in inputs])
            for start in range(0, len(inputs[0]), size)
        ]
        return [np.concatenate(parts) for parts in zip(*runs, strict=True)]

    def _run(self, inputs: list[FloatArray]) -> list[FloatArray]:
        outputs = tf.nest.flatten(self.function(*map(tf.constant, inputs)))
        return [np.asarray(output, np.float32) for output in outputs]


def load(path: Path, *, trust: bool) -> FunctionNetwork:
    """Reads the function ``serving_default`` of a SavedModel.

    Args:
        path: Its folder.
        trust: Whether to take it with operators on text, which may reach files.

    Raises:
        ModelError: It has no such function, or not one from float32 inputs of fixed size to
            float32 outputs; its weights are not finite; or it is not trusted and has operators on
            text.
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
    for variable in signatures[_SIGNATURE].variables:
        require_numbers(path, variable.name, np.asarray(variable), weights=True)
    network = frozen(signatures[_SIGNATURE])
    _check(network.function, path)
    return network


def frozen(function: Any) -> FunctionNetwork:
    """A concrete function with constants in place of its variables."""
    return FunctionNetwork(convert_variables_to_constants_v2(function))


def of_graph(graph: GraphDef, like: FunctionNetwork) -> FunctionNetwork:
    """A function with the inputs and outputs of another one, and the nodes of a graph."""
    wrapped = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(graph, name=""), [])
    found = wrapped.graph.get_tensor_by_name
    inputs = [found(tensor.name) for tensor in like.function.inputs]
    outputs = [found(tensor.name) for tensor in like.function.outputs]
    return FunctionNetwork(wrapped.prune(inputs, outputs))


def of_batch(network: FunctionNetwork, size: int) -> FunctionNetwork:
    """A function of inputs of any batch, for one of a fixed size."""
    graph = network.graph
    inputs = {tensor.op.name for tensor in network.function.inputs}
    for node in graph.node:
        node.attr.pop("_output_shapes", None)
        if node.name in inputs:
            node.attr["shape"].shape.dim[0].size = size
    return of_graph(graph, network)


def _check(function: Any, path: Path) -> None:
    inputs, outputs = function.inputs, function.outputs
    if not inputs or not outputs:
        raise ModelError(f"{path} has {len(inputs)} inputs and {len(outputs)} outputs")
    if any(one.dtype != tf.float32 for one in (*inputs, *outputs)):
        taken, given = (
            ", ".join(one.dtype.name for one in tensors) for tensors in (inputs, outputs)
        )
        raise ModelError(
            f"{path} maps {taken} to {given}, but a function from float32 to float32 is needed"
        )
    for one in inputs:
        if one.shape.rank in (None, 0) or None in tuple(one.shape[1:]):
            raise ModelError(
                f"{path} takes inputs of variable size {one.shape}: save it for an input of fixed "
                "shape, for example tf.TensorSpec((1, 112, 112, 3))"
            )
    for one in outputs:
        if one.shape.rank == 0:
            raise ModelError(
                f"{path} gives a single number for a whole batch as its output {one.name}: reduce "
                "over all axes but the first, so that each input has a number of its own"
            )
    if len({one.shape[0] for one in inputs}) != 1:
        raise ModelError(
            f"{path} takes inputs of different batches: save it for inputs of the same one"
        )
    _check_constants(function.graph, path)


def _check_constants(graph: Any, path: Path) -> None:
    weights = _weights(graph)
    for operation in graph.get_operations():
        if operation.type == "Const":
            values = tf.make_ndarray(operation.get_attr("value"))
            require_numbers(path, operation.name, values, weights=operation.name in weights)


def _weights(graph: Any) -> set[str]:
    """Constants that are weights, or copied to be ones."""
    found = set()
    for operation in graph.get_operations():
        for tensor in operation.inputs if operation.type in _WEIGHTED else ():
            while tensor.op.type in _COPIES:
                tensor = tensor.op.inputs[0]
            found.add(tensor.op.name)
    return found
