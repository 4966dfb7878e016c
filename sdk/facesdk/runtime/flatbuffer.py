"""A FlatBuffers verifier for TFLite models.

Stock runtimes before LiteRT map a model without checking it, so that a truncated or hostile file
crashes the process. :func:`verify` walks every table, vector and string that a runtime follows
and proves that each lies inside the file; :class:`Table` then reads fields of a verified file.

Sources: the FlatBuffers binary format (flatbuffers.dev/internals) and TensorFlow Lite's
``schema.fbs``, file identifier ``TFL3``. Field numbers below are those of the schema.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

IDENTIFIER = b"TFL3"
_SCALAR = {"i8": "<b", "u8": "<B", "i32": "<i", "u32": "<I", "u64": "<Q"}
_MAX_TABLES = 1_000_000

SCHEMA: dict[str, dict[int, str]] = {
    "Model": {
        0: "u32",
        1: "[OperatorCode]",
        2: "[SubGraph]",
        3: "string",
        4: "[Buffer]",
        5: "[4]",
        6: "[Metadata]",
        7: "[SignatureDef]",
    },
    "OperatorCode": {0: "i8", 1: "string", 2: "i32", 3: "i32"},
    "SubGraph": {0: "[Tensor]", 1: "[4]", 2: "[4]", 3: "[Operator]", 4: "string"},
    "Tensor": {
        0: "[4]",
        1: "i8",
        2: "u32",
        3: "string",
        4: "QuantizationParameters",
        5: "u8",
        6: "unsupported",
        7: "[4]",
        8: "u8",
        9: "unsupported",
    },
    "QuantizationParameters": {0: "[4]", 1: "[4]", 2: "[4]", 3: "[8]", 5: "unsupported", 6: "i32"},
    "Operator": {
        0: "u32",
        1: "[4]",
        2: "[4]",
        3: "u8",
        4: "options",
        5: "[1]",
        6: "i8",
        7: "[1]",
        8: "[4]",
        9: "u64",
        10: "u64",
        12: "unsupported",
    },
    "Buffer": {0: "[1]", 1: "u64", 2: "u64"},
    "Metadata": {0: "string", 1: "u32"},
    "SignatureDef": {0: "[TensorMap]", 1: "[TensorMap]", 2: "string", 4: "u32"},
    "TensorMap": {0: "string", 1: "u32"},
    "Options": {},
    "Pool2DOptions": {1: "i32", 2: "i32", 3: "i32", 4: "i32"},
    "ConcatEmbeddingsOptions": {1: "[4]", 2: "[4]"},
    "ReshapeOptions": {0: "[4]"},
    "SqueezeOptions": {0: "[4]"},
    "BucketizeOptions": {0: "[4]"},
    "VarHandleOptions": {0: "string", 1: "string"},
}
"""Tables by name, each with its fields by number. ``[4]`` is a vector of 4-byte scalars."""

_OPTIONS = {
    3: "ConcatEmbeddingsOptions",
    5: "Pool2DOptions",
    17: "ReshapeOptions",
    30: "SqueezeOptions",
    111: "VarHandleOptions",
    115: "BucketizeOptions",
}
"""Members of the union BuiltinOptions that hold more than scalars, or scalars to check, by tag."""

_MAX_WINDOW = 65536
"""Largest side and stride of a pooling window; runtimes hang or crash on absurd ones."""


_INPUTS = {4: 3}
"""Inputs that an operator must have where runtimes do not check their number, by builtin code: the
optimised kernel of DEPTHWISE_CONV_2D reads a bias even if there is none."""


_OPTIONAL_FROM = {9: 2, 32: 1, 67: 3}
"""First input that an operator may leave out, by builtin code: the bias of FULLY_CONNECTED and of
TRANSPOSE_CONV, and what custom operators check themselves. LiteRT crashes on others (-1)."""


class FlatbufferError(ValueError):
    """The file is not a well-formed TFLite flatbuffer."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the file: where it starts and of which type it is."""

    data: bytes
    position: int
    kind: str

    def scalar(self, field: int, default: int = 0) -> int:
        """An integer field, or its default where the file leaves it out."""
        at = self._locate(field)
        return default if at is None else _unpack(self.data, _SCALAR[SCHEMA[self.kind][field]], at)

    def table(self, field: int, kind: str | None = None) -> Table | None:
        """A sub-table, or None where the file leaves it out."""
        at = self._locate(field)
        if at is None:
            return None
        return Table(self.data, _indirect(self.data, at), kind or SCHEMA[self.kind][field])

    def tables(self, field: int) -> Iterator[Table]:
        """The elements of a vector of tables."""
        start, count = self._vector(field)
        kind = SCHEMA[self.kind][field][1:-1]
        for at in range(start, start + 4 * count, 4):
            yield Table(self.data, _indirect(self.data, at), kind)

    def count(self, field: int) -> int:
        """The number of elements of a vector."""
        return self._vector(field)[1]

    def integers(self, field: int) -> tuple[int, ...]:
        """A vector of int32."""
        start, count = self._vector(field)
        values: tuple[int, ...] = struct.unpack_from(f"<{count}i", self.data, start)
        return values

    def bytes(self, field: int) -> bytes:
        """A vector of bytes or a string without its terminator."""
        start, count = self._vector(field)
        return self.data[start : start + count]

    def _vector(self, field: int) -> tuple[int, int]:
        at = self._locate(field)
        if at is None:
            return 0, 0
        start = _indirect(self.data, at)
        return start + 4, _unpack(self.data, "<I", start)

    def _locate(self, field: int) -> int | None:
        vtable = self.position - _unpack(self.data, "<i", self.position)
        entry = 4 + 2 * field
        if entry + 2 > _unpack(self.data, "<H", vtable):
            return None
        offset = _unpack(self.data, "<H", vtable + entry)
        return self.position + offset if offset else None


def verify(data: bytes) -> Table:
    """Check a whole model file.

    Args:
        data: The content of a ``.tflite`` file.

    Returns:
        The root table (``Model``).

    Raises:
        FlatbufferError: The file is too short, has no ``TFL3`` identifier, an offset leads out of
            it, an index points at nothing, or it uses a part of the schema that is not supported
            here (sparse tensors, variant tensors, custom quantization, StableHLO options), an
            operator lacks a required input or has an absurd window, or the operators do not write
            each tensor once and before it is read.
    """
    if len(data) < 16:
        raise FlatbufferError(f"only {len(data)} bytes long")
    if data[4:8] != IDENTIFIER:
        raise FlatbufferError("no TFL3 identifier")
    root = Table(data, _indirect(data, 0), "Model")
    pending = [root]
    seen = {(root.position, root.kind)}
    while pending:
        for child in _verify_table(pending.pop()):
            key = (child.position, child.kind)
            if key not in seen:
                seen.add(key)
                pending.append(child)
        if len(seen) > _MAX_TABLES:
            raise FlatbufferError(f"more than {_MAX_TABLES} tables")
    _verify_indices(root)
    return root


def _verify_table(table: Table) -> Iterator[Table]:
    data, position = table.data, table.position
    vtable = position - _unpack(data, "<i", position)
    vtable_size = _unpack(data, "<H", vtable)
    size = _unpack(data, "<H", vtable + 2)
    if vtable_size < 4 or vtable_size % 2 or size < 4:
        raise FlatbufferError(f"malformed table at byte {position}")
    _inside(data, vtable, vtable_size)
    _inside(data, position, size)
    for number in range((vtable_size - 4) // 2):
        offset = _unpack(data, "<H", vtable + 4 + 2 * number)
        if offset == 0:
            continue
        if not 4 <= offset < size:
            raise FlatbufferError(f"field outside of its table at byte {position}")
        kind = SCHEMA[table.kind].get(number)
        if kind is not None:
            yield from _verify_field(table, number, kind, position + offset)


def _verify_field(table: Table, number: int, kind: str, at: int) -> Iterator[Table]:
    data = table.data
    if kind in _SCALAR:
        _inside(data, at, struct.calcsize(_SCALAR[kind]))
    elif kind == "unsupported":
        raise FlatbufferError(f"{table.kind} uses field {number} of the schema, not supported here")
    elif kind == "string" or kind in ("[1]", "[4]", "[8]"):
        start = _indirect(data, at)
        width = 1 if kind == "string" else int(kind[1])
        count = _unpack(data, "<I", start)
        _inside(data, start + 4, count * width + (kind == "string"))
        if kind == "string":
            _verify_string(data, start + 4, count)
    elif kind.startswith("["):
        start = _indirect(data, at)
        _inside(data, start + 4, 4 * _unpack(data, "<I", start))
        yield from table.tables(number)
    elif kind == "options":
        tag = table.scalar(3)
        yield Table(data, _indirect(data, at), _OPTIONS.get(tag, "Options"))
    else:
        yield Table(data, _indirect(data, at), kind)


def _verify_string(data: bytes, start: int, count: int) -> None:
    if data[start + count] != 0:
        raise FlatbufferError(f"unterminated string at byte {start}")
    try:
        data[start : start + count].decode()
    except UnicodeDecodeError:
        raise FlatbufferError(f"the string at byte {start} is not UTF-8") from None


def _verify_indices(model: Table) -> None:
    buffers = model.count(4)
    codes = [max(code.scalar(0), code.scalar(3)) for code in model.tables(1)]
    filled = set()
    for number, buffer in enumerate(model.tables(4)):
        if buffer.scalar(1) > 1:
            _inside(model.data, buffer.scalar(1), buffer.scalar(2))
        if buffer.scalar(1) > 1 or buffer.count(0):
            filled.add(number)
    for entry in model.tables(6):
        _index("metadata", entry.scalar(1), buffers)
    if model.count(2) == 0:
        raise FlatbufferError("no subgraph")
    for graph in model.tables(2):
        tensors = graph.count(0)
        for tensor in graph.tables(0):
            _index("tensor", tensor.scalar(2), buffers)
            if any(size < 0 for size in tensor.integers(0)):
                raise FlatbufferError("a tensor has a negative dimension")
        for index in graph.integers(1) + graph.integers(2):
            _index("subgraph", index, tensors)
        for operator in graph.tables(3):
            _verify_operator(operator, codes, tensors)
        _verify_order(graph, filled)


def _verify_operator(operator: Table, codes: list[int], tensors: int) -> None:
    _index("operator", operator.scalar(0), len(codes))
    code = codes[operator.scalar(0)]
    if operator.scalar(9) > 1:
        _inside(operator.data, operator.scalar(9), operator.scalar(10))
    if operator.count(1) < _INPUTS.get(code, 0):
        raise FlatbufferError(f"an operator {code} has less than {_INPUTS[code]} inputs")
    for place, index in enumerate(operator.integers(1)):
        if index != -1 or place < _OPTIONAL_FROM.get(code, place + 1):
            _index("operator", index, tensors)
    for index in operator.integers(2) + operator.integers(8):
        _index("operator", index, tensors)
    options = operator.table(4, _OPTIONS.get(operator.scalar(3), "Options"))
    if options is not None and options.kind == "Pool2DOptions":
        sizes = [options.scalar(field) for field in SCHEMA[options.kind]]
        if not all(1 <= size <= _MAX_WINDOW for size in sizes):
            raise FlatbufferError(f"a pooling window has strides and sides {sizes}")


def _verify_order(graph: Table, filled: set[int]) -> None:
    """Every tensor is written once, and before it is read; ``filled`` buffers hold constants.

    Runtimes plan memory by that order and give none to a tensor that breaks it. Variables, and
    tensors without elements, need no writer.
    """
    given = set(graph.integers(1))
    written, readable = set(given), set(given)
    for number, tensor in enumerate(graph.tables(0)):
        if tensor.scalar(2) in filled:
            written.add(number)
            readable.add(number)
        elif tensor.scalar(5) or 0 in tensor.integers(0):
            readable.add(number)
    for operator in graph.tables(3):
        for index in operator.integers(1):
            if index not in readable and index != -1:
                raise FlatbufferError(f"an operator reads tensor {index} before it is written")
        for index in operator.integers(2):
            if index in written:
                raise FlatbufferError(f"tensor {index} is written twice, or is a constant or input")
            written.add(index)
            readable.add(index)
    for index in graph.integers(2):
        if index not in readable:
            raise FlatbufferError(f"output tensor {index} is never written")


def _index(owner: str, index: int, count: int) -> None:
    if not 0 <= index < count:
        raise FlatbufferError(f"a {owner} refers to number {index} of {count}")


def _inside(data: bytes, start: int, size: int) -> None:
    if start < 0 or start + size > len(data):
        raise FlatbufferError(
            f"bytes {start} to {start + size} are outside of the file ({len(data)} bytes)"
        )


def _unpack(data: bytes, code: str, at: int) -> Any:
    _inside(data, at, struct.calcsize(code))
    return struct.unpack_from(code, data, at)[0]


def _indirect(data: bytes, at: int) -> int:
    target: int = at + _unpack(data, "<I", at)
    _inside(data, target, 4)
    return target
