"""The FlatBuffers format of TFLite models: a verifier and a reader.

:func:`verify_structure` walks every table, vector and string that a runtime follows and proves
that each lies inside the file; :class:`Table` then reads fields of a verified file.

Source: the FlatBuffers binary format (flatbuffers.dev/internals). Fields have the names of
:data:`facesdk.tflite.schema.TABLES`; a name that a table does not have is a KeyError.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from facesdk.tflite.schema import IDENTIFIER, INDICES, OPTIONS, TABLES

_SCALAR = {"i8": "<b", "u8": "<B", "i32": "<i", "u32": "<I", "u64": "<Q"}
_ELEMENTS = {"[1]": "B", "[2]": "H", "[4]": "i"}
_MAX_TABLES = 1_000_000

_BY_NUMBER = {
    table: {number: (name, kind) for name, (number, kind) in fields.items()}
    for table, fields in TABLES.items()
}
"""Names and kinds of fields, as the verifier meets them."""


class FlatbufferError(ValueError):
    """The file is not a well-formed TFLite model."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table of the file: where it starts and of which type it is."""

    data: bytes
    position: int
    kind: str

    def scalar(self, field: str, default: int = 0) -> int:
        """An integer field, or its default where the file leaves it out."""
        at = self.position_of(field)
        return default if at is None else _unpack(self.data, _SCALAR[self._kind(field)], at)

    def table(self, field: str) -> Table | None:
        """A sub-table, or None where the file leaves it out."""
        at = self.position_of(field)
        if at is None:
            return None
        kind = self._kind(field)
        if kind == "options":
            kind = OPTIONS.get(self.scalar("builtin_options_type"), "Options")
        elif kind == "indices":
            tag = self.scalar(f"{field}_type")
            if tag not in INDICES:
                raise FlatbufferError(f"{field} of a sparse tensor have type {tag}")
            kind = INDICES[tag]
        return Table(self.data, _indirect(self.data, at), kind)

    def tables(self, field: str) -> Iterator[Table]:
        """The elements of a vector of tables."""
        start, count = self.vector(field)
        kind = self._kind(field)[1:-1]
        for at in range(start, start + 4 * count, 4):
            yield Table(self.data, _indirect(self.data, at), kind)

    def count(self, field: str) -> int:
        """The number of elements of a vector."""
        return self.vector(field)[1]

    def integers(self, field: str) -> tuple[int, ...]:
        """A vector of int32, or of unsigned numbers of one or two bytes."""
        start, count = self.vector(field)
        code = _ELEMENTS[self._kind(field)]
        values: tuple[int, ...] = struct.unpack_from(f"<{count}{code}", self.data, start)
        return values

    def bytes(self, field: str) -> bytes:
        """A vector of bytes or a string without its terminator."""
        start, count = self.vector(field)
        return self.data[start : start + count]

    def vector(self, field: str) -> tuple[int, int]:
        """Where the elements of a vector or string start, and how many there are."""
        at = self.position_of(field)
        if at is None:
            return 0, 0
        start = _indirect(self.data, at)
        return start + 4, _unpack(self.data, "<I", start)

    def position_of(self, field: str) -> int | None:
        """Where a scalar lies, or the offset of a vector, string or table; None if left out."""
        vtable = self.position - _unpack(self.data, "<i", self.position)
        entry = 4 + 2 * TABLES[self.kind][field][0]
        if entry + 2 > _unpack(self.data, "<H", vtable):
            return None
        offset = _unpack(self.data, "<H", vtable + entry)
        return self.position + offset if offset else None

    def _kind(self, field: str) -> str:
        return TABLES[self.kind][field][1]


def verify_structure(data: bytes) -> Table:
    """Check that every offset of a model file leads to where it may.

    Args:
        data: The content of a ``.tflite`` file.

    Returns:
        The root table (``Model``).

    Raises:
        FlatbufferError: The file is too short, has no ``TFL3`` identifier, an offset leads out of
            it, a string is not UTF-8, or it uses a part of the schema that is not supported here
            (variant tensors, custom quantization, StableHLO options, values in
            other files).
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
    return root


def _verify_table(table: Table) -> Iterator[Table]:
    data, position = table.data, table.position
    vtable = position - _unpack(data, "<i", position)
    vtable_size = _unpack(data, "<H", vtable)
    size = _unpack(data, "<H", vtable + 2)
    if vtable_size < 4 or vtable_size % 2 or size < 4:
        raise FlatbufferError(f"malformed table at byte {position}")
    require_inside(data, vtable, vtable_size)
    require_inside(data, position, size)
    for number in range((vtable_size - 4) // 2):
        offset = _unpack(data, "<H", vtable + 4 + 2 * number)
        if offset == 0:
            continue
        if not 4 <= offset < size:
            raise FlatbufferError(f"field outside of its table at byte {position}")
        known = _BY_NUMBER[table.kind].get(number)
        if known is not None:
            yield from _verify_field(table, *known, position + offset)


def _verify_field(table: Table, name: str, kind: str, at: int) -> Iterator[Table]:
    data = table.data
    if kind in _SCALAR:
        require_inside(data, at, struct.calcsize(_SCALAR[kind]))
    elif kind == "unsupported":
        raise FlatbufferError(f"{table.kind} uses {name} of the schema, not supported here")
    elif kind == "string" or kind in ("[1]", "[2]", "[4]", "[8]"):
        start = _indirect(data, at)
        width = 1 if kind == "string" else int(kind[1])
        count = _unpack(data, "<I", start)
        require_inside(data, start + 4, count * width + (kind == "string"))
        if kind == "string":
            _verify_string(data, start + 4, count)
    elif kind.startswith("["):
        start = _indirect(data, at)
        require_inside(data, start + 4, 4 * _unpack(data, "<I", start))
        yield from table.tables(name)
    else:
        child = table.table(name)
        if child is not None:
            yield child


def _verify_string(data: bytes, start: int, count: int) -> None:
    if data[start + count] != 0:
        raise FlatbufferError(f"unterminated string at byte {start}")
    try:
        data[start : start + count].decode()
    except UnicodeDecodeError:
        raise FlatbufferError(f"the string at byte {start} is not UTF-8") from None


def require_inside(data: bytes, start: int, size: int) -> None:
    """Raise a FlatbufferError unless ``size`` bytes from ``start`` are part of the file."""
    if start < 0 or start + size > len(data):
        raise FlatbufferError(
            f"bytes {start} to {start + size} are outside of the file ({len(data)} bytes)"
        )


def _unpack(data: bytes, code: str, at: int) -> Any:
    require_inside(data, at, struct.calcsize(code))
    return struct.unpack_from(code, data, at)[0]


def _indirect(data: bytes, at: int) -> int:
    target: int = at + _unpack(data, "<I", at)
    require_inside(data, target, 4)
    return target
