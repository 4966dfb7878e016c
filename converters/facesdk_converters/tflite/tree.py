"""A float32 TFLite graph to look at and to change before it is quantized.

Operators and options are those of TensorFlow Lite's ``schema.fbs``.
"""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import ArrayLike, NDArray

from facesdk.errors import ModelError
from facesdk.tflite.flatbuffer import FlatbufferError
from facesdk.tflite.verifier import verify
from facesdk_converters.tflite.chain import pack

FloatArray = NDArray[np.float32]

_OPERATOR_NAMES: dict[int, str] = {
    code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")
}
_TYPE_NAMES: dict[int, str] = {
    code: name for name, code in vars(schema.TensorType).items() if not name.startswith("_")
}
CHANNEL_AXES = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0}
"""The operators with weights, each with the axis of the weights that counts output channels."""


class Graph:
    """The one subgraph of a model, by tensor numbers and operator names.

    Args:
        content: Content of a ``.tflite`` file.

    Raises:
        ModelError: It is not a TFLite model, or has several subgraphs.
    """

    def __init__(self, content: bytes) -> None:
        try:
            verify(content)
        except FlatbufferError as error:
            raise ModelError(f"not a TFLite model ({error})") from None
        self.tree = schema.ModelT.InitFromPackedBuf(content)
        if len(self.tree.subgraphs) != 1:
            raise ModelError("a model with several subgraphs (control flow) cannot be converted")
        self._graph = self.tree.subgraphs[0]

    @property
    def tensors(self) -> list[schema.TensorT]:
        """All tensors, by their numbers."""
        tensors: list[schema.TensorT] = self._graph.tensors
        return tensors

    @property
    def operators(self) -> list[schema.OperatorT]:
        """The operators in order of execution; assign to change them."""
        operators: list[schema.OperatorT] = self._graph.operators
        return operators

    @operators.setter
    def operators(self, operators: list[schema.OperatorT]) -> None:
        self._graph.operators = operators

    @property
    def inputs(self) -> list[int]:
        """Tensors that the user sets."""
        return [int(tensor) for tensor in self._graph.inputs]

    @property
    def outputs(self) -> list[int]:
        """Tensors that the user reads; assign to change them."""
        return [int(tensor) for tensor in self._graph.outputs]

    @outputs.setter
    def outputs(self, outputs: list[int]) -> None:
        self._graph.outputs = outputs

    def kind(self, operator: schema.OperatorT) -> str:
        """Name of an operator in the schema, for example ``CONV_2D``."""
        code = self.tree.operatorCodes[operator.opcodeIndex]
        return _OPERATOR_NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)]

    def name(self, tensor: int) -> str:
        """Name of a tensor."""
        name: bytes | str = self.tensors[tensor].name or b""
        return name if isinstance(name, str) else name.decode(errors="replace")

    def type_name(self, tensor: int) -> str:
        """Type of a tensor in the schema, for example ``FLOAT32``."""
        return _TYPE_NAMES[self.tensors[tensor].type]

    def shape(self, tensor: int) -> tuple[int, ...]:
        """Shape of a tensor as allocated by default."""
        sizes = self.tensors[tensor].shape
        return () if sizes is None else tuple(int(size) for size in sizes)

    def values(self, tensor: int) -> FloatArray:
        """Values of a float32 constant, read-only (see :meth:`is_float_constant`)."""
        data = self.tree.buffers[self.tensors[tensor].buffer].data
        return np.frombuffer(bytes(data), np.float32).reshape(self.shape(tensor))

    def is_float_constant(self, tensor: int) -> bool:
        """Whether a tensor is a float32 constant; -1, an input left out, is none."""
        return tensor >= 0 and self.type_name(tensor) == "FLOAT32" and self.is_constant(tensor)

    def is_constant(self, tensor: int) -> bool:
        """Whether a tensor has values in the file."""
        data = self.tree.buffers[self.tensors[tensor].buffer].data
        return data is not None and len(data) > 0

    def activations(self, operator: schema.OperatorT) -> list[int]:
        """The inputs of an operator that are computed or given, not constants."""
        return [int(t) for t in operator.inputs if t >= 0 and not self.is_constant(t)]

    def weighted(self) -> list[schema.OperatorT]:
        """The convolutions and dense layers with constant float32 weights, in order."""
        return [
            operator
            for operator in self.operators
            if self.kind(operator) in CHANNEL_AXES
            and self.is_float_constant(int(operator.inputs[1]))
        ]

    def set_constant(self, tensor: int, values: ArrayLike) -> None:
        """Gives a float32 constant other values of its shape, in a buffer of its own."""
        array = np.ascontiguousarray(values, np.float32).reshape(self.shape(tensor))
        self.tensors[tensor].buffer = self.add_buffer(array)

    def unshare_constants(self) -> None:
        """Gives each operator float32 constants of its own, so that one can be changed alone.

        Converters keep equal constants, the zero biases of two layers for example, once.
        """
        readers: set[int] = set()
        for operator in self.operators:
            inputs = [int(tensor) for tensor in operator.inputs]
            for place, tensor in enumerate(inputs):
                if self.is_float_constant(tensor):
                    if tensor in readers:
                        inputs[place] = self.add_tensor(copy.copy(self.tensors[tensor]))
                    readers.add(tensor)
            operator.inputs = inputs

    def add_buffer(self, array: NDArray[Any]) -> int:
        """Adds the bytes of an array; the number of the buffer."""
        self.tree.buffers.append(schema.BufferT(array.reshape(-1).view(np.uint8)))
        return len(self.tree.buffers) - 1

    def add_tensor(self, tensor: schema.TensorT) -> int:
        """Adds a tensor; its number."""
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def code(self, kind: str, version: int) -> int:
        """Place of an operator code, added if it is not there."""
        builtin = getattr(schema.BuiltinOperator, kind)
        for place, code in enumerate(self.tree.operatorCodes):
            if code.builtinCode == builtin and code.version == version:
                return place
        self.tree.operatorCodes.append(schema.OperatorCodeT(builtin, None, version, builtin))
        return len(self.tree.operatorCodes) - 1

    def to_bytes(self) -> bytes:
        """The file of the graph, without what no operator uses."""
        self._drop_unused()
        return pack(self.tree)

    def _drop_unused(self) -> None:
        """Runtimes resolve every operator code, and files keep every buffer."""
        codes = sorted({operator.opcodeIndex for operator in self.operators})
        self.tree.operatorCodes = [self.tree.operatorCodes[code] for code in codes]
        for operator in self.operators:
            operator.opcodeIndex = codes.index(operator.opcodeIndex)
        used = set(self.inputs) | set(self.outputs)
        for operator in self.operators:
            used.update(int(t) for t in [*operator.inputs, *operator.outputs] if t >= 0)
        kept = sorted(used)
        new = {old: place for place, old in enumerate(kept)}
        for operator in self.operators:
            operator.inputs = [new.get(int(t), -1) for t in operator.inputs]
            operator.outputs = [new[int(t)] for t in operator.outputs]
        self._graph.inputs = [new[t] for t in self.inputs]
        self._graph.outputs = [new[t] for t in self.outputs]
        for signature in self.tree.signatureDefs or []:
            for entry in [*signature.inputs, *signature.outputs]:
                entry.tensorIndex = new[entry.tensorIndex]
        self._graph.tensors = [self.tensors[old] for old in kept]
        buffers = [0, *sorted({tensor.buffer for tensor in self.tensors} - {0})]
        for tensor in self.tensors:
            tensor.buffer = buffers.index(tensor.buffer)
        self.tree.buffers = [self.tree.buffers[buffer] for buffer in buffers]
        self.tree.metadata = None
        self.tree.metadataBuffer = None


def merge_prelu(graph: Graph) -> int:
    """Replaces PReLUs that were written as ``relu(x) + c (x - |x|)`` by the operator PRELU.

    So TensorFlow 1 exported them. The operator has one rounding where these five have five.

    Returns:
        How many there were.
    """
    producers = {int(operator.outputs[0]): operator for operator in graph.operators}
    readers = Counter(int(t) for operator in graph.operators for t in operator.inputs)
    readers.update(graph.outputs)
    merged: set[int] = set()
    count = 0
    for operator in graph.operators:
        found = _decomposed_prelu(graph, operator, producers)
        if found is None or any(readers[int(part.outputs[0])] > 1 for part in found[2]):
            continue
        source, slopes, parts = found
        merged.update(id(part) for part in parts)
        alpha = graph.add_tensor(
            schema.TensorT(
                shape=list(slopes.shape),
                type=schema.TensorType.FLOAT32,
                buffer=graph.add_buffer(slopes),
                name=f"{graph.name(int(operator.outputs[0]))}/alpha",
            )
        )
        operator.opcodeIndex = graph.code("PRELU", 1)
        operator.inputs = [source, alpha]
        operator.builtinOptionsType = schema.BuiltinOptions.NONE
        operator.builtinOptions = None
        count += 1
    graph.operators = [operator for operator in graph.operators if id(operator) not in merged]
    return count


def _decomposed_prelu(
    graph: Graph, operator: schema.OperatorT, producers: dict[int, schema.OperatorT]
) -> tuple[int, FloatArray, list[schema.OperatorT]] | None:
    """Input, slopes and the other four operators of a PReLU that ends with an addition."""
    if graph.kind(operator) != "ADD":
        return None
    parts = {graph.kind(p): p for t in operator.inputs if (p := producers.get(int(t)))}
    relu, product = parts.get("RELU"), parts.get("MUL")
    if relu is None or product is None:
        return None
    factor = next((int(t) for t in product.inputs if graph.is_float_constant(int(t))), None)
    difference = next((p for t in product.inputs if (p := producers.get(int(t)))), None)
    if factor is None or difference is None or graph.kind(difference) != "SUB":
        return None
    source = int(relu.inputs[0])
    magnitude = producers.get(int(difference.inputs[1]))
    if (
        magnitude is None
        or graph.kind(magnitude) != "ABS"
        or int(difference.inputs[0]) != source
        or int(magnitude.inputs[0]) != source
    ):
        return None
    if any(getattr(p.builtinOptions, "fusedActivationFunction", 0) for p in (operator, product)):
        return None
    channels = graph.shape(source)[-1]
    factors = np.broadcast_to(graph.values(factor).reshape(-1), (channels,))
    others = len(graph.shape(source)) - 2
    slopes = (2 * factors).astype(np.float32).reshape((1,) * others + (channels,))
    return source, slopes, [relu, product, difference, magnitude]
