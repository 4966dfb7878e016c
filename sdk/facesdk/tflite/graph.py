"""A model's operators and tensors: the one reader of a graph, without TensorFlow and NumPy.

Numbers of constants are read by :mod:`facesdk.tflite.weights`; multiply-adds are counted by
:mod:`facesdk.tflite.macs`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod

from facesdk.tflite import operators as names
from facesdk.tflite.flatbuffer import Table
from facesdk.tflite.flexbuffer import map_integers
from facesdk.tflite.schema import CUSTOM, tensor_type
from facesdk.tflite.verifier import builtin_of, is_filled

PACKED = "bits"
"""Type of an activation that is packed signs; the file has them as words, type int32."""

WORD = 32
"""Signs in a word."""

_NOTHING = memoryview(b"")


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of the model.

    Attributes:
        index: Its number in the file.
        name: Its name; converters put the names of layers into it.
        shape: Its shape in the file, batch included; of packed activations in channels, not words.
        dtype: Its type, for example ``"float32"``, or :data:`PACKED`.
        bits: Bits per number.
        data: The bytes of a constant as the file has them; empty elsewhere.
        buffer: Number of the buffer that holds them; several tensors may share one.
    """

    index: int
    name: str
    shape: tuple[int, ...]
    dtype: str
    bits: int
    data: memoryview | bytes = field(default=_NOTHING, repr=False, compare=False)
    buffer: int = 0

    @property
    def constant(self) -> bool:
        """Whether its values are in the file."""
        return len(self.data) > 0

    @property
    def size(self) -> int:
        """Bytes of its values in memory."""
        if self.dtype == PACKED:
            return prod(self.shape[:-1]) * -(-self.shape[-1] // WORD) * WORD // 8
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
        inputs: Tensors it reads; None for one that is left out.
        outputs: Tensors it writes.
        stored: Its inputs again, with constants as they are stored: before the DEQUANTIZE that
            widens them.
        options: Integers among the options of a custom operator; empty for others.
        raw_options: Its options as they lie in the file, to tell whether two are the same.
    """

    index: int
    name: str
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    stored: tuple[Tensor | None, ...] = ()
    options: Mapping[str, int] = field(default_factory=dict)
    raw_options: bytes = field(default=b"", repr=False)

    @property
    def weights(self) -> Tensor | None:
        """The weights, as they are stored, of an operator that multiplies with weights."""
        weighted = self.name in names.WEIGHTED and len(self.stored) > 1
        return self.stored[1] if weighted else None

    @property
    def data(self) -> Tensor | None:
        """The input that is no constant; the first, where there are several."""
        return next((row for row in self.stored if row is not None and not row.constant), None)

    @property
    def is_packed(self) -> bool:
        """Whether its weights are signs of one bit, :data:`WORD` per word."""
        return self.name in names.PACKED_WEIGHTS

    @property
    def widens_constant(self) -> bool:
        """Whether all it does is to widen a constant (DEQUANTIZE)."""
        return _widened(self.name, self.stored) is not None

    @property
    def groups(self) -> int:
        """Groups of a convolution with packed weights; 1 for others."""
        if self.weights is None or not self.is_packed or not self.weights.shape:
            return 1
        words = -(-self._channels // WORD)
        return max(1, words // max(1, self.weights.shape[-1]))

    @property
    def group_channels(self) -> int:
        """Signs per tap of a packed filter: the input channels of one group."""
        if self.weights is None or not self.weights.shape:
            return 0
        return min(self._channels // self.groups, WORD * self.weights.shape[-1])

    @property
    def weight_count(self) -> int:
        """Number of its weights; 0 without."""
        if self.weights is None:
            return 0
        if self.is_packed:
            return prod(self.weights.shape[:-1]) * self.group_channels
        return prod(self.weights.shape)

    @property
    def weight_bits(self) -> int | None:
        """Bits of a weight as it is stored; None without weights."""
        if self.weights is None:
            return None
        return 1 if self.is_packed else self.weights.bits

    @property
    def activation_bits(self) -> int:
        """Bits of a number that is multiplied with a weight, or goes into another operator."""
        if self.name == names.BCONV2D:
            return 1
        if quantized := self.options.get("activation_bits"):
            return quantized
        return self.data.bits if self.data is not None else 32

    @property
    def shape_text(self) -> str:
        """What goes in and what comes out, without constants."""
        read = [row.text for row in self.inputs if row is not None and not row.constant]
        written = [row.text for row in self.outputs]
        return f"{', '.join(read) or 'constants'} -> {', '.join(written)}"

    @property
    def _channels(self) -> int:
        """Input channels of a packed operator: as its options say, or else its input."""
        said = self.options.get("channels_in", 0)
        if said > 0:
            return said
        data = self.data
        if data is None or not data.shape:
            return 0
        unpacked = data.dtype == PACKED or self.name != names.BCONV2D
        return data.shape[-1] * (1 if unpacked else WORD)


@dataclass(frozen=True, slots=True)
class Graph:
    """The main graph of a model.

    Attributes:
        tensors: All tensors, by their numbers.
        operators: All operators, in the file's order.
        inputs: Tensors that the caller fills.
        outputs: Tensors that the caller reads.
        file_bytes: Size of the file.
        metadata_bytes: Bytes of its metadata, the contract among them.
        subgraphs: Number of graphs in the file; more than 1 where it has control flow.
    """

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    file_bytes: int = 0
    metadata_bytes: int = 0
    subgraphs: int = 1

    @property
    def working(self) -> tuple[Operator, ...]:
        """The operators without those that only widen constants."""
        return tuple(row for row in self.operators if not row.widens_constant)


def read_graph(model: Table) -> Graph:
    """The main graph of a model file.

    Args:
        model: The root of a verified file (:func:`facesdk.tflite.verifier.verify`).
    """
    buffers = [_content(buffer) for buffer in model.tables("buffers")]
    graph = next(model.tables("subgraphs"))
    tensors = [
        _tensor(index, table, buffers) for index, table in enumerate(graph.tables("tensors"))
    ]
    codes = [_name(code) for code in model.tables("operator_codes")]
    stored = list(tensors)
    found = []
    for index, table in enumerate(graph.tables("operators")):
        name = codes[table.scalar("opcode_index")]
        reads, writes = table.integers("inputs"), table.integers("outputs")
        operator = Operator(
            index,
            name,
            inputs=_at(reads, tensors),
            outputs=tuple(tensors[i] for i in writes),
            stored=_at(reads, stored),
            options=map_integers(table.bytes("custom_options")),
            raw_options=table.bytes("custom_options") + _options(table),
        )
        source = _widened(name, operator.stored)
        if source is not None and writes:
            stored[writes[0]] = source
        channels = _packed_channels(operator)
        if channels is not None:
            first = operator.outputs[0]
            packed = replace(first, shape=(*first.shape[:-1], channels), dtype=PACKED, bits=1)
            tensors[packed.index] = stored[packed.index] = packed
            operator = replace(operator, outputs=(packed, *operator.outputs[1:]))
        found.append(operator)
    return Graph(
        tuple(tensors),
        tuple(found),
        tuple(tensors[i] for i in graph.integers("inputs")),
        tuple(tensors[i] for i in graph.integers("outputs")),
        len(model.data),
        sum(len(buffers[entry.scalar("buffer")]) for entry in model.tables("metadata")),
        model.count("subgraphs"),
    )


def custom_operators(model: Table) -> tuple[str, ...]:
    """Names of the custom operators that a verified model uses in any of its graphs, sorted."""
    used = {
        operator.scalar("opcode_index")
        for graph in model.tables("subgraphs")
        for operator in graph.tables("operators")
    }
    codes = [
        code.bytes("custom_code").decode()
        for number, code in enumerate(model.tables("operator_codes"))
        if number in used and builtin_of(code) == CUSTOM
    ]
    return tuple(sorted({name for name in codes if name}))


def _content(buffer: Table) -> memoryview:
    if not is_filled(buffer):
        return _NOTHING
    start, size = buffer.scalar("offset"), buffer.scalar("size")
    if start <= 1:
        start, size = buffer.vector("data")
    return memoryview(buffer.data)[start : start + size]


def _tensor(index: int, table: Table, buffers: list[memoryview]) -> Tensor:
    number = table.scalar("buffer")
    return Tensor(
        index,
        table.bytes("name").decode(),
        table.integers("shape"),
        *tensor_type(table.scalar("type")),
        buffers[number],
        number,
    )


def _name(code: Table) -> str:
    builtin = builtin_of(code)
    return code.bytes("custom_code").decode() if builtin == CUSTOM else builtin


def _at(indices: tuple[int, ...], tensors: list[Tensor]) -> tuple[Tensor | None, ...]:
    return tuple(None if index < 0 else tensors[index] for index in indices)


def _widened(name: str, stored: Sequence[Tensor | None]) -> Tensor | None:
    """The constant that an operator only widens; None for other operators."""
    source = stored[0] if stored and name == names.WIDEN else None
    return source if source is not None and source.constant else None


def _packed_channels(operator: Operator) -> int | None:
    """Channels of what an operator writes in bits; None if it writes anything else."""
    source = operator.inputs[0] if operator.inputs else None
    if not operator.outputs or operator.outputs[0].dtype != "int32" or source is None:
        return None
    if operator.name == names.QUANTIZE and source.shape:
        return source.shape[-1]
    if operator.name == names.BMAXPOOL2D and source.dtype == PACKED:
        return source.shape[-1]
    if operator.name == names.BCONV2D and operator.weights is not None and operator.weights.shape:
        return operator.weights.shape[0]
    return None


def _options(operator: Table) -> bytes:
    """The bytes of a built-in operator's table of options: its vtable and its fields."""
    table = operator.table("builtin_options")
    if table is None:
        return b""
    data, start = table.data, table.position
    vtable = start - int.from_bytes(data[start : start + 4], "little", signed=True)
    size, length = (int.from_bytes(data[vtable + at : vtable + at + 2], "little") for at in (0, 2))
    return data[vtable : vtable + size] + data[start + 4 : start + length]
