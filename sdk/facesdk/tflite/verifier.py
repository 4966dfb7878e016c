"""Which model files are safe to give to a runtime.

tflite-runtime uses a model without checking it, so that a truncated or hostile file crashes the
process; LiteRT checks the format, but trusts what the graph says. :func:`verify` checks both: the
format (:mod:`facesdk.tflite.flatbuffer`), and that indices, constants, windows and the order of
operators make sense. What operators do with all this is checked for those that facesdk knows
(:mod:`facesdk.tflite.accepted`).
"""

from __future__ import annotations

from math import prod

from facesdk.tflite import accepted
from facesdk.tflite.accepted import LEFT_OUT
from facesdk.tflite.flatbuffer import (
    FlatbufferError,
    Table,
    require_inside,
    verify_structure,
)
from facesdk.tflite.schema import CUSTOM, TABLES, builtin_operator
from facesdk.tflite.sparsity import stored_numbers

_MAX_WINDOW = 65536
"""Largest side and stride of a pooling window; runtimes hang or crash on absurd ones."""


def verify(data: bytes, *, operators: bool = True) -> Table:
    """Check a whole model file.

    Args:
        data: The content of a ``.tflite`` file.
        operators: Whether to check constants and what builtin operators expect; not needed for
            files that were checked when they were packaged.

    Returns:
        The root table (``Model``).

    Raises:
        FlatbufferError: The format is broken (:func:`verify_structure`), an index points at
            nothing, a constant has not the bytes that its shape needs, an operator is not as
            :data:`facesdk.tflite.accepted.ACCEPTED` says or has an absurd window, or the operators
            do not write each tensor once and before it is read.
    """
    model = verify_structure(data)
    _verify_references(model, operators)
    return model


def verify_order(model: Table) -> None:
    """Check a verified model of which other operators, inputs and outputs are listed since.

    Raises:
        FlatbufferError: The operators do not write each tensor once and before it is read.
    """
    buffers = enumerate(model.tables("buffers"))
    filled = {number for number, buffer in buffers if is_filled(buffer)}
    for graph in model.tables("subgraphs"):
        _verify_order(graph, filled)


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


def _verify_references(model: Table, operators: bool) -> None:
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
    constants = [number in filled for number in range(buffers)]
    sizes = [_size(buffer) for buffer in model.tables("buffers")] if operators else [0] * buffers
    for graph in model.tables("subgraphs"):
        tensors = graph.count("tensors")
        for tensor in graph.tables("tensors"):
            _index("tensor", tensor.scalar("buffer"), buffers)
            _verify_tensor(tensor, sizes[tensor.scalar("buffer")])
        for index in graph.integers("inputs") + graph.integers("outputs"):
            _index("subgraph", index, tensors)
        for operator in graph.tables("operators"):
            _verify_operator(operator, codes, tensors)
        _verify_order(graph, filled)
        if operators:
            operands = accepted.operands_of(graph, constants)
            for operator in graph.tables("operators"):
                accepted.check(codes[operator.scalar("opcode_index")], operator, operands)


def is_accepted(model: Table) -> bool:
    """Whether a verified model has only operators that are in the table, and custom ones."""
    codes = [builtin_of(code) for code in model.tables("operator_codes")]
    return all(
        codes[operator.scalar("opcode_index")] in (*accepted.ACCEPTED, CUSTOM)
        for graph in model.tables("subgraphs")
        for operator in graph.tables("operators")
    )


def _verify_tensor(tensor: Table, held: int) -> None:
    shape = tensor.integers("shape")
    if any(size < 0 for size in shape):
        raise FlatbufferError("a tensor has a negative dimension")
    sparsity = tensor.table("sparsity")
    if sparsity is not None:
        accepted.check_constant(tensor, stored_numbers(sparsity, shape), held)
    elif held:
        accepted.check_constant(tensor, prod(shape), held)


def _size(buffer: Table) -> int:
    return buffer.scalar("size") if buffer.scalar("offset") > 1 else buffer.count("data")


def _verify_operator(operator: Table, codes: list[str], tensors: int) -> None:
    _index("operator", operator.scalar("opcode_index"), len(codes))
    options_at = operator.scalar("large_custom_options_offset")
    if options_at > 1:
        require_inside(operator.data, options_at, operator.scalar("large_custom_options_size"))
    for place, index in enumerate(operator.integers("inputs")):
        if index != LEFT_OUT or place == 0:
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
            if index not in readable and index != LEFT_OUT:
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
