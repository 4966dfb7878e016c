"""Which model files are safe to give to a runtime.

tflite-runtime uses a model without checking it, so that a truncated or hostile file crashes the
process; LiteRT checks the format, but trusts what the graph says. :func:`verify` checks both: the
format (:mod:`facesdk.tflite.flatbuffer`), and that indices, windows and the order of operators
make sense. Field numbers are those of TensorFlow Lite's ``schema.fbs``.
"""

from __future__ import annotations

from facesdk.tflite.flatbuffer import (
    OPTIONS,
    SCHEMA,
    FlatbufferError,
    Table,
    require_inside,
    verify_structure,
)

_MAX_WINDOW = 65536
"""Largest side and stride of a pooling window; runtimes hang or crash on absurd ones."""

_INPUTS = {4: 3}
"""Inputs that an operator must have where runtimes do not check their number, by builtin code: the
optimised kernel of DEPTHWISE_CONV_2D reads a bias even if there is none."""

_OPTIONAL_FROM = {9: 2, 32: 1, 67: 3}
"""First input that an operator may leave out, by builtin code: the bias of FULLY_CONNECTED and of
TRANSPOSE_CONV, and what custom operators check themselves. LiteRT crashes on others (-1)."""


def verify(data: bytes) -> Table:
    """Check a whole model file.

    Args:
        data: The content of a ``.tflite`` file.

    Returns:
        The root table (``Model``).

    Raises:
        FlatbufferError: The format is broken (:func:`verify_structure`), an index points at
            nothing, an operator lacks a required input or has an absurd window, or the operators
            do not write each tensor once and before it is read.
    """
    model = verify_structure(data)
    _verify_references(model)
    return model


def _verify_references(model: Table) -> None:
    buffers = model.count(4)
    codes = [max(code.scalar(0), code.scalar(3)) for code in model.tables(1)]
    filled = set()
    for number, buffer in enumerate(model.tables(4)):
        if buffer.scalar(1) > 1:
            require_inside(model.data, buffer.scalar(1), buffer.scalar(2))
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
        require_inside(operator.data, operator.scalar(9), operator.scalar(10))
    if operator.count(1) < _INPUTS.get(code, 0):
        raise FlatbufferError(f"an operator {code} has less than {_INPUTS[code]} inputs")
    for place, index in enumerate(operator.integers(1)):
        if index != -1 or place < _OPTIONAL_FROM.get(code, place + 1):
            _index("operator", index, tensors)
    for index in operator.integers(2) + operator.integers(8):
        _index("operator", index, tensors)
    options = operator.table(4, OPTIONS.get(operator.scalar(3), "Options"))
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
