"""The operators of a model file: their shapes, multiply-adds and bytes, read without TensorFlow.

Codes and field numbers are those of TensorFlow Lite's ``schema.fbs``; the layouts of custom
operators those of Larq Compute Engine 0.16 and of sdk/native.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from facesdk.tflite.flatbuffer import Table
from facesdk.tflite.flexbuffer import map_integer
from facesdk.tflite.verifier import verify

_CUSTOM = 32
_DEPTHWISE, _TRANSPOSE_CONV = "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV"
_BINARY_WEIGHTS = ("FacesdkBinaryConv2D", "FacesdkBinaryDense")
_WEIGHTED = ("CONV_2D", "FULLY_CONNECTED", _DEPTHWISE)

_NAME_LIST = """
ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE
EMBEDDING_LOOKUP FLOOR FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D
LOCAL_RESPONSE_NORMALIZATION LOGISTIC LSH_PROJECTION LSTM MAX_POOL_2D MUL RELU RELU_N1_TO_1
RELU6 RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH SVDF TANH CONCAT_EMBEDDINGS
SKIP_GRAM CALL CUSTOM EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN GATHER
BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND TRANSPOSE MEAN SUB DIV SQUEEZE
UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE BIDIRECTIONAL_SEQUENCE_RNN EXP TOPK_V2 SPLIT
LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM ARG_MAX MINIMUM LESS NEG
PADV2 GREATER GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN TRANSPOSE_CONV SPARSE_TO_DENSE TILE
EXPAND_DIMS EQUAL NOT_EQUAL LOG SUM SQRT RSQRT SHAPE POW ARG_MIN FAKE_QUANT REDUCE_PROD
REDUCE_MAX PACK LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT UNPACK REDUCE_MIN FLOOR_DIV
REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD RANGE RESIZE_NEAREST_NEIGHBOR LEAKY_RELU
SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N GATHER_ND COS WHERE
RANK ELU REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH IF WHILE
NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM
BATCH_MATMUL
"""
_NAMES = tuple(_NAME_LIST.split())
"""Names of the built-in operators by code, up to 126."""

_TYPES = {
    0: ("float32", 32),
    1: ("float16", 16),
    2: ("int32", 32),
    3: ("uint8", 8),
    4: ("int64", 64),
    6: ("bool", 8),
    7: ("int16", 16),
    9: ("int8", 8),
    10: ("float64", 64),
    15: ("uint32", 32),
    16: ("uint16", 16),
    17: ("int4", 4),
    18: ("bfloat16", 16),
    19: ("int2", 2),
    20: ("uint4", 4),
}
"""Tensor types by code: name and bits an element."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of the model.

    Attributes:
        shape: Its shape in the file.
        dtype: Its type, for example ``"float32"``.
        constant: Whether its values are in the file.
    """

    shape: tuple[int, ...]
    dtype: str
    bits: int
    constant: bool

    @property
    def size(self) -> int:
        """Bytes of its values."""
        return -(-prod(self.shape) * self.bits // 8)

    @property
    def text(self) -> str:
        """For example ``"1x112x112x3 float32"``."""
        return f"{'x'.join(map(str, self.shape)) or 'scalar'} {self.dtype}"


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator of the model.

    Attributes:
        index: Its place in the file.
        name: ``"CONV_2D"``, or a custom operator's own name.
        inputs: Tensors it reads; -1 for one that is left out.
        outputs: Tensors it writes.
        macs: Multiply-adds; for bits, a xor and a count of one pair of bits is one.
        width: Bits of weights and activations that are multiplied, ``"1x1"`` or ``"32x32"``; None
            where nothing is.
        moved: Bytes of its inputs, weights and outputs, each once.
        options: Its options as they lie in the file, to tell whether two are the same.
    """

    index: int
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    macs: int
    width: str | None
    moved: int
    options: bytes = b""

    @property
    def intensity(self) -> float:
        """Operations (two for a multiply-add) for each byte moved."""
        return 2 * self.macs / self.moved if self.moved else 0.0


@dataclass(frozen=True, slots=True)
class Graph:
    """The main graph of a model.

    Attributes:
        tensors: All tensors.
        operators: All operators, in the file's order.
        inputs: Tensors that the caller fills.
        outputs: Tensors that the caller reads.
    """

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]

    @property
    def macs(self) -> dict[str, int]:
        """Multiply-adds by bit-width, the fewest bits first."""
        totals: dict[str, int] = {}
        for operator in self.operators:
            if operator.width:
                totals[operator.width] = totals.get(operator.width, 0) + operator.macs
        return dict(sorted(totals.items(), key=lambda row: [int(n) for n in row[0].split("x")]))

    def shape_text(self, operator: Operator) -> str:
        """What goes into an operator and what comes out, without its constants."""
        read = [self.tensors[i] for i in operator.inputs if i >= 0 and not self.tensors[i].constant]
        written = [self.tensors[i] for i in operator.outputs]
        left, right = (", ".join(tensor.text for tensor in row) for row in (read, written))
        return f"{left or 'constants'} -> {right}"


def read_graph(content: bytes) -> Graph:
    """The main graph of a verified model file.

    Args:
        content: The file.

    Raises:
        FlatbufferError: It is not a usable model.
    """
    model = verify(content)
    filled = {
        number
        for number, buffer in enumerate(model.tables(4))
        if buffer.count(0) or buffer.scalar(1) > 1
    }
    graph = next(model.tables(2))
    tensors = tuple(_tensor(table, filled) for table in graph.tables(0))
    names = [_name(code) for code in model.tables(1)]
    channels: dict[int, int] = {}
    operators = []
    for index, table in enumerate(graph.tables(3)):
        name, inputs, outputs = names[table.scalar(0)], table.integers(1), table.integers(2)
        _follow_channels(channels, name, inputs, outputs, tensors)
        macs, width = _count(name, inputs, outputs, tensors, channels, table.bytes(5))
        moved = sum(tensors[i].size for i in (*inputs, *outputs) if i >= 0)
        options = table.bytes(5) + _options(table)
        operators.append(Operator(index, name, inputs, outputs, macs, width, moved, options))
    return Graph(tensors, tuple(operators), graph.integers(1), graph.integers(2))


def _tensor(table: Table, filled: set[int]) -> Tensor:
    dtype, bits = _TYPES.get(table.scalar(1), (f"type{table.scalar(1)}", 32))
    return Tensor(table.integers(0), dtype, bits, table.scalar(2) in filled)


def _options(operator: Table) -> bytes:
    """The bytes of a built-in operator's table of options: its vtable and its fields."""
    table = operator.table(4, "Options")
    if table is None:
        return b""
    data, start = table.data, table.position
    vtable = start - int.from_bytes(data[start : start + 4], "little", signed=True)
    size, length = (int.from_bytes(data[vtable + at : vtable + at + 2], "little") for at in (0, 2))
    return data[vtable : vtable + size] + data[start + 4 : start + length]


def _name(code: Table) -> str:
    number = max(code.scalar(0), code.scalar(3))
    if number == _CUSTOM:
        return code.bytes(1).decode()
    return _NAMES[number] if number < len(_NAMES) else f"BUILTIN_{number}"


def _follow_channels(
    channels: dict[int, int],
    name: str,
    inputs: tuple[int, ...],
    outputs: tuple[int, ...],
    tensors: tuple[Tensor, ...],
) -> None:
    """Notes how many channels a bit-packed result has, which its shape, in words, does not say."""
    if name == "LceQuantize":
        channels[outputs[0]] = tensors[inputs[0]].shape[-1]
    elif name == "LceBMaxPool2d" and inputs[0] in channels:
        channels[outputs[0]] = channels[inputs[0]]
    elif name == "LceBconv2d" and tensors[outputs[0]].dtype == "int32":
        channels[outputs[0]] = tensors[inputs[1]].shape[0]


def _count(
    name: str,
    inputs: tuple[int, ...],
    outputs: tuple[int, ...],
    tensors: tuple[Tensor, ...],
    channels: dict[int, int],
    options: bytes,
) -> tuple[int, str | None]:
    """Multiply-adds of one operator, padded taps included, and their bit-width."""
    result = tensors[outputs[0]] if outputs else None
    if name == "LceBconv2d" and result:
        filters = tensors[inputs[1]].shape
        depth = 32 * filters[3]
        words = tensors[inputs[0]].shape[-1]
        if words == filters[3]:  # one group, whose last word may not be full
            depth = channels.get(inputs[0], depth)
        pixels = prod(result.shape[:-1])
        return pixels * filters[0] * filters[1] * filters[2] * depth, "1x1"
    if name in _BINARY_WEIGHTS and result:
        shape = tensors[inputs[1]].shape
        macs = prod(result.shape) * prod(shape[1:-1]) * tensors[inputs[0]].shape[-1]
        return macs, f"1x{map_integer(options, 'activation_bits') or tensors[inputs[0]].bits}"
    if name in _WEIGHTED and result and len(inputs) > 1:
        weights = tensors[inputs[1]]
        each = prod(weights.shape[1:]) if name != _DEPTHWISE else prod(weights.shape[1:3])
        width = f"{weights.bits}x{tensors[inputs[0]].bits}"
        return prod(result.shape) * each, width
    if name == _TRANSPOSE_CONV and len(inputs) > 2:
        weights, image = tensors[inputs[1]], tensors[inputs[2]]
        return prod(image.shape) * prod(weights.shape[:3]), f"{weights.bits}x{image.bits}"
    return 0, None
