"""The operators of a model file, with what each needs: weights, options, multiply-adds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers
from numpy.typing import NDArray

from facesdk.errors import ModelError
from facesdk.tflite.flatbuffer import FlatbufferError
from facesdk.tflite.verifier import verify

PACKED = "BITS"
"""Type of an activation of one bit, here; the schema has none, such tensors are INT32 words."""

BITS = {
    PACKED: 1,
    "FLOAT32": 32, "FLOAT16": 16, "BFLOAT16": 16, "INT16": 16, "INT8": 8, "UINT8": 8, "INT4": 4,
    "INT2": 2, "BOOL": 8, "INT32": 32, "INT64": 64, "FLOAT64": 64,
}  # fmt: skip
"""Bits of a number in a tensor of a type."""

WORD = 32
"""Weights or activations in a word."""

BINARY_CONVOLUTIONS = ("LceBconv2d", "FacesdkBinaryConv2D")
BINARY_KERNELS = (*BINARY_CONVOLUTIONS, "FacesdkBinaryDense")
"""Operators whose second input is bit-packed."""

DEPTHWISE = "DEPTHWISE_CONV_2D"
KERNELS = ("CONV_2D", DEPTHWISE, "FULLY_CONNECTED", "TRANSPOSE_CONV", *BINARY_KERNELS)
"""Operators that multiply with weights, their second input."""

BUILTINS = frozenset(name for name in vars(schema.BuiltinOperator) if name.isupper())
"""Names of the operators that TFLite runtimes have."""

_BUILTINS = {code: name for name, code in vars(schema.BuiltinOperator).items()}
_TYPES = {code: name for name, code in vars(schema.TensorType).items()}


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of a graph.

    Attributes:
        index: Its number.
        name: Its name; converters put the names of layers into it.
        shape: Its shape, with the batch that the file has; in channels, not words, where an
            activation is packed.
        type: Name of its type in TensorFlow Lite's schema, for example "FLOAT32", or
            :data:`PACKED`.
        data: The bytes of a constant; empty elsewhere.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    type: str
    data: NDArray[np.uint8]

    @property
    def is_constant(self) -> bool:
        """Whether its values are in the file."""
        return self.data.size > 0

    def values(self) -> NDArray[np.float32]:
        """The numbers of a constant as they are stored, in its shape; packed bits as words."""
        if self.type in ("INT4", "INT2"):
            return _unpacked(self.data, BITS[self.type], math.prod(self.shape)).reshape(self.shape)
        dtype = self.type.lower()
        return self.data.view(dtype).reshape(self.shape).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator of a graph.

    Attributes:
        name: "CONV_2D", or the name of a custom operator.
        inputs: Its inputs; None for one that is left out. Constants that the graph first widens
            (DEQUANTIZE) are here as they are stored.
        outputs: Its outputs.
        options: Options of a custom operator; empty for others.
    """

    name: str
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    options: Mapping[str, Any]

    @property
    def weights(self) -> Tensor | None:
        """The weights of one of :data:`KERNELS`."""
        return self.inputs[1] if self.name in KERNELS else None

    @property
    def data(self) -> Tensor | None:
        """The input that is no constant; the first, where there are several."""
        return next((row for row in self.inputs if row is not None and not row.is_constant), None)

    @property
    def is_packed(self) -> bool:
        """Whether its weights have one bit."""
        return self.name in BINARY_KERNELS

    @property
    def groups(self) -> int:
        """Groups of a binary convolution; 1 for others."""
        if self.name not in BINARY_CONVOLUTIONS or self.weights is None:
            return 1
        words = -(-int(self.options["channels_in"]) // WORD)
        return max(1, words // self.weights.shape[-1])

    def filters(self) -> NDArray[np.float32]:
        """The weights, a row a filter with its taps in the order row, column, channel.

        Bits are given as -1 and 1, integers without their scale.
        """
        weights = self.weights
        if weights is None:
            raise ValueError(f"{self.name} has no weights")
        if self.is_packed:
            bits = np.unpackbits(weights.data, bitorder="little").reshape(*weights.shape[:-1], -1)
            signs = 1 - 2 * bits[..., : self._channels_in].astype(np.float32)
            return signs.reshape(weights.shape[0], -1)
        values = weights.values()
        if self.name == DEPTHWISE:
            return values.reshape(-1, values.shape[-1]).T
        return values.reshape(values.shape[0], -1)

    @property
    def weight_count(self) -> int:
        """Number of its weights."""
        weights = self.weights
        if weights is None:
            return 0
        if self.is_packed:
            return math.prod(weights.shape[:-1]) * self._channels_in
        return math.prod(weights.shape)

    @property
    def weight_bits(self) -> int | None:
        """Bits of a weight; None without weights."""
        weights = self.weights
        if weights is None:
            return None
        return 1 if self.is_packed else BITS[weights.type]

    @property
    def activation_bits(self) -> int:
        """Bits of a number that is multiplied with a weight, or goes into another operator."""
        if self.options.get("activation_bits"):
            return int(self.options["activation_bits"])
        return BITS[self.data.type] if self.data is not None else 32

    @property
    def multiply_adds(self) -> int:
        """Products summed for one input."""
        weights, data = self.weights, self.data
        if weights is None or data is None:
            return 0
        places = data if self.name == "TRANSPOSE_CONV" else self.outputs[0]
        return self.weight_count * math.prod(places.shape[1:-1])

    @property
    def _channels_in(self) -> int:
        """Channels of one group of a bit-packed operator's input."""
        if self.name == "FacesdkBinaryDense" and "channels_in" not in self.options:
            return int(self.inputs[0].shape[-1]) if self.inputs[0] is not None else 0
        return int(self.options["channels_in"]) // self.groups


@dataclass(frozen=True, slots=True)
class Graph:
    """What a model file computes.

    Attributes:
        operators: In the order in which they run; those that only widen constants are left out.
        outputs: The outputs of the network.
        file_bytes: Size of the file.
        metadata_bytes: Bytes of its metadata, the contract among them.
    """

    operators: tuple[Operator, ...]
    outputs: tuple[Tensor, ...]
    file_bytes: int
    metadata_bytes: int


def read(content: bytes, *, name: str | Path) -> Graph:
    """Reads a model file.

    Args:
        content: The ``.tflite`` file.
        name: What error messages call it.

    Raises:
        ModelError: It is not a TFLite model, or has several subgraphs.
    """
    try:
        verify(content)
    except FlatbufferError as error:
        raise ModelError(f"{name} is not a usable TFLite model: {error}") from None
    tree = schema.ModelT.InitFromPackedBuf(content)
    if len(tree.subgraphs) != 1:
        raise ModelError(f"{name} has {len(tree.subgraphs)} subgraphs; one can be explained")
    graph = tree.subgraphs[0]
    tensors = [_tensor(index, row, tree) for index, row in enumerate(graph.tensors)]
    operators: list[Operator] = []
    for row in graph.operators:
        operator = _operator(row, tensors, tree)
        source = operator.inputs[0] if operator.inputs else None
        if operator.name == "DEQUANTIZE" and source is not None and source.is_constant:
            tensors[operator.outputs[0].index] = source
            continue
        if (channels := _packed_channels(operator)) is not None:
            output = operator.outputs[0]
            output = replace(output, shape=(*output.shape[:-1], channels), type=PACKED)
            tensors[output.index] = output
            operator = replace(operator, outputs=(output,))
        operators.append(operator)
    metadata = sum(_size(tree.buffers[entry.buffer]) for entry in tree.metadata or [])
    outputs = tuple(tensors[index] for index in graph.outputs)
    return Graph(tuple(operators), outputs, len(content), metadata)


def _tensor(index: int, row: Any, tree: Any) -> Tensor:
    data = tree.buffers[row.buffer].data
    return Tensor(
        index=index,
        name=(row.name or b"").decode(),
        shape=tuple(int(size) for size in (row.shape if row.shape is not None else ())),
        type=_TYPES[row.type],
        data=np.empty(0, np.uint8) if data is None else np.asarray(data, np.uint8),
    )


def _operator(row: Any, tensors: list[Tensor], tree: Any) -> Operator:
    code = tree.operatorCodes[row.opcodeIndex]
    custom = (code.customCode or b"").decode()
    options: Mapping[str, Any] = {}
    if custom and row.customOptions is not None and len(row.customOptions):
        loaded = flexbuffers.Loads(bytes(row.customOptions))
        options = loaded if isinstance(loaded, dict) else {}
    inputs = row.inputs if row.inputs is not None else ()
    return Operator(
        name=custom or _BUILTINS[max(code.builtinCode, code.deprecatedBuiltinCode)],
        inputs=tuple(None if index < 0 else tensors[index] for index in inputs),
        outputs=tuple(tensors[index] for index in row.outputs),
        options=options,
    )


def _packed_channels(operator: Operator) -> int | None:
    """Channels of what an operator writes in bits; None if it writes anything else."""
    source = operator.inputs[0] if operator.inputs else None
    if not operator.name.startswith("Lce") or operator.outputs[0].type != "INT32" or source is None:
        return None
    weights = operator.weights
    return source.shape[-1] if weights is None else weights.shape[0]


def _size(buffer: Any) -> int:
    return 0 if buffer.data is None else len(buffer.data)


def _unpacked(data: NDArray[np.uint8], bits: int, count: int) -> NDArray[np.float32]:
    """Two's complement numbers of less than a byte, the first in the lowest bits."""
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    fields = (data[:, np.newaxis] >> shifts) & ((1 << bits) - 1)
    numbers = fields.reshape(-1)[:count].astype(np.float32)
    return np.where(numbers >= 1 << (bits - 1), numbers - (1 << bits), numbers).astype(np.float32)
