"""Which model files are safe to give to a runtime.

tflite-runtime uses a model without checking it, so that a truncated or hostile file crashes the
process; LiteRT checks the format, but trusts what the graph says. :func:`verify` checks both: the
format (:mod:`facesdk.tflite.flatbuffer`), and that indices, windows and the order of operators
make sense.
"""

from __future__ import annotations

from facesdk.tflite.flatbuffer import (
    FlatbufferError,
    Table,
    require_inside,
    verify_structure,
)
from facesdk.tflite.operators import DEPTHWISE_CONV_2D, FULLY_CONNECTED, TRANSPOSE_CONV
from facesdk.tflite.schema import CUSTOM, TABLES, builtin_operator

_MAX_WINDOW = 65536
"""Largest side and stride of a pooling window; runtimes hang or crash on absurd ones."""

_INPUTS = {DEPTHWISE_CONV_2D: 3}
"""Inputs that an operator must have where runtimes do not check their number: the optimised kernel
of DEPTHWISE_CONV_2D reads a bias even if there is none."""

_OPTIONAL_FROM = {FULLY_CONNECTED: 2, CUSTOM: 1, TRANSPOSE_CONV: 3}
"""First input that an operator may leave out: the bias of FULLY_CONNECTED and TRANSPOSE_CONV, and
what custom operators check themselves. LiteRT crashes on others (-1)."""


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


def builtin_of(code: Table) -> str:
    """The built-in operator that an entry of ``operator_codes`` stands for.

    Old files have its code in one byte, and a file may have both.
    """
    return builtin_operator(
        max(code.scalar("deprecated_builtin_code"), code.scalar("builtin_code"))
    )


def is_filled(buffer: Table) -> bool:
    """Whether a buffer holds the values of a constant, within the tables or after them."""
    return buffer.scalar("offset") > 1 or buffer.count("data") > 0


def _verify_references(model: Table) -> None:
    buffers = model.count("buffers")
    codes = [builtin_of(code) for code in model.tables("operator_codes")]
    filled = set()
    for number, buffer in enumerate(model.tables("buffers")):
        if buffer.scalar("offset") > 1:
            require_inside(model.data, buffer.scalar("offset"), buffer.scalar("size"))
        if is_filled(buffer):
            filled.add(number)
    for entry in model.tables("metadata"):
        _index("metadata", entry.scalar("buffer"), buffers)
    if model.count("subgraphs") == 0:
        raise FlatbufferError("no subgraph")
    for graph in model.tables("subgraphs"):
        tensors = graph.count("tensors")
        for tensor in graph.tables("tensors"):
            _index("tensor", tensor.scalar("buffer"), buffers)
            if any(size < 0 for size in tensor.integers("shape")):
                raise FlatbufferError("a tensor has a negative dimension")
        for index in graph.integers("inputs") + graph.integers("outputs"):
            _index("subgraph", index, tensors)
        for operator in graph.tables("operators"):
            _verify_operator(operator, codes, tensors)
        _verify_order(graph, filled)


def _verify_operator(operator: Table, codes: list[str], tensors: int) -> None:
    _index("operator", operator.scalar("opcode_index"), len(codes))
    code = codes[operator.scalar("opcode_index")]
    options_at = operator.scalar("large_custom_options_offset")
    if options_at > 1:
        require_inside(operator.data, options_at, operator.scalar("large_custom_options_size"))
    if operator.count("inputs") < _INPUTS.get(code, 0):
        raise FlatbufferError(f"{code} has less than {_INPUTS[code]} inputs")
    for place, index in enumerate(operator.integers("inputs")):
        if index != -1 or place < _OPTIONAL_FROM.get(code, place + 1):
            _index("operator", index, tensors)
    for index in operator.integers("outputs") + operator.integers("intermediates"):
        _index("operator", index, tensors)
    options = operator.table("builtin_options")
    if options is not None and options.kind == "Pool2DOptions":
        sizes = [options.scalar(field) for field in TABLES[options.kind]]
        if not all(1 <= size <= _MAX_WINDOW for size in sizes):
            raise FlatbufferError(f"a pooling window has strides and sides {sizes}")


def _verify_order(graph: Table, filled: set[int]) -> None:
    """Every tensor is written once, and before it is read; ``filled`` buffers hold constants.

    Runtimes plan memory by that order and give none to a tensor that breaks it. Variables, and
    tensors without elements, need no writer.
    """
    given = set(graph.integers("inputs"))
    written, readable = set(given), set(given)
    for number, tensor in enumerate(graph.tables("tensors")):
        if tensor.scalar("buffer") in filled:
            written.add(number)
            readable.add(number)
        elif tensor.scalar("is_variable") or 0 in tensor.integers("shape"):
            readable.add(number)
    for operator in graph.tables("operators"):
        for index in operator.integers("inputs"):
            if index not in readable and index != -1:
                raise FlatbufferError(f"an operator reads tensor {index} before it is written")
        for index in operator.integers("outputs"):
            if index in written:
                raise FlatbufferError(f"tensor {index} is written twice, or is a constant or input")
            written.add(index)
            readable.add(index)
    for index in graph.integers("outputs"):
        if index not in readable:
            raise FlatbufferError(f"output tensor {index} is never written")


def _index(owner: str, index: int, count: int) -> None:
    if not 0 <= index < count:
        raise FlatbufferError(f"a {owner} refers to number {index} of {count}")
