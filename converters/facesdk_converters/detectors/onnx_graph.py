"""Reading what a small convolutional network in an ONNX file computes.

The file is a protocol buffer (``onnx.proto3`` of GitHub onnx/onnx). Only what a graph of
convolutions has is read: nodes with their inputs, outputs and lists of integers, and float32
constants; everything else is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from facesdk.errors import InputError
from facesdk.results import FloatArray

_FLOAT = 1


@dataclass(frozen=True, slots=True)
class Node:
    """One operator.

    Attributes:
        kind: Its type, ``Conv`` for example.
        inputs: Names of the tensors that it takes; empty names are left out ones.
        outputs: Names of those that it makes.
        integers: Its attributes that are integers or lists of them.
    """

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    integers: dict[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class OnnxGraph:
    """A graph.

    Attributes:
        makers: The node that makes each tensor.
        constants: float32 constants by name.
        inputs: Names of the inputs.
        outputs: Names of the outputs.
    """

    makers: dict[str, Node] = field(default_factory=dict)
    constants: dict[str, FloatArray] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)

    @staticmethod
    def read(content: bytes, name: str) -> OnnxGraph:
        """Read a file.

        Args:
            content: Its bytes.
            name: What messages call it.

        Raises:
            InputError: It is no such file, or it is damaged.
        """
        graph = OnnxGraph()
        try:
            for number, value in _fields(content):
                if number == 7:
                    graph._read(_message(value))
        except (ValueError, IndexError, UnicodeDecodeError):
            raise InputError(f"{name} is not an ONNX file, or it is damaged") from None
        if not graph.makers or not graph.outputs:
            raise InputError(f"{name} is not an ONNX file, or it has no graph")
        return graph

    def _read(self, content: bytes) -> None:
        for number, value in _fields(content):
            if number == 1:
                node = _node(_message(value))
                self.makers.update(dict.fromkeys(node.outputs, node))
            elif number == 5:
                name, constant = _tensor(_message(value))
                if constant is not None:
                    self.constants[name] = constant
            elif number in (11, 12):
                names = [_text(v) for n, v in _fields(_message(value)) if n == 1]
                (self.inputs if number == 11 else self.outputs).extend(names)


def _fields(content: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field: an integer, or bytes."""
    place = 0
    while place < len(content):
        key, place = _varint(content, place)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, place = _varint(content, place)
            yield number, value
            continue
        length = {1: 8, 5: 4}.get(kind)
        if kind == 2:
            length, place = _varint(content, place)
        if length is None or place + length > len(content):
            raise ValueError(kind)
        yield number, content[place : place + length]
        place += length


def _varint(content: bytes, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = content[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
    raise ValueError(place)


def _message(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError(value)
    return value


def _text(value: int | bytes) -> str:
    return _message(value).decode()


def _integers(value: int | bytes) -> list[int]:
    """One integer, or several that are packed into bytes."""
    if isinstance(value, int):
        return [value]
    found, place = [], 0
    while place < len(value):
        number, place = _varint(value, place)
        found.append(number)
    return found


def _node(content: bytes) -> Node:
    inputs, outputs, kind, integers = [], [], "", {}
    for number, value in _fields(content):
        if number == 1:
            inputs.append(_text(value))
        elif number == 2:
            outputs.append(_text(value))
        elif number == 4:
            kind = _text(value)
        elif number == 5:
            name, numbers = "", []
            for part, content_of in _fields(_message(value)):
                if part == 1:
                    name = _text(content_of)
                elif part in (3, 8):
                    numbers += _integers(content_of)
            integers[name] = tuple(numbers)
    return Node(kind, tuple(inputs), tuple(outputs), integers)


def _tensor(content: bytes) -> tuple[str, FloatArray | None]:
    shape: list[int] = []
    name, kind, raw = "", 0, b""
    for number, value in _fields(content):
        if number == 1:
            shape += _integers(value)
        elif number == 2 and isinstance(value, int):
            kind = value
        elif number in (4, 9):
            raw += _message(value)
        elif number == 8:
            name = _text(value)
    if kind != _FLOAT:
        return name, None
    return name, np.frombuffer(raw, "<f4").reshape(shape)
