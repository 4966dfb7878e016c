"""A model file that holds a few operators of another one, with their weights.

The operators, tensors and weights stay where they are: only the vectors that list operators,
inputs and outputs of the main graph change. FlatBuffers vectors are found by offsets, so that new
vectors go to the end of the file and four bytes turn to each (as in runtime/contract_writer.py).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from facesdk.tflite.flatbuffer import FlatbufferError, Table
from facesdk.tflite.verifier import verify

_INPUTS, _OUTPUTS, _OPERATORS = 1, 2, 3
_SIGNATURES = 7


def cut(
    content: bytes, operators: Sequence[int], inputs: Sequence[int], outputs: Sequence[int]
) -> bytes:
    """A model of some operators of a verified model.

    Args:
        content: The whole model.
        operators: Places of the operators to keep, rising.
        inputs: Tensors that the caller will fill.
        outputs: Tensors that the caller will read.

    Raises:
        FlatbufferError: ``content`` is not a usable model, or the operators kept read tensors that
            nothing fills.
    """
    model = verify(content)
    graph = next(model.tables(2))
    result = bytearray(content)
    _keep(result, graph, operators)
    for field, tensors in ((_INPUTS, inputs), (_OUTPUTS, outputs)):
        at = graph.offset_position(field)
        if at is None:
            raise FlatbufferError("the graph has no list of inputs or outputs")
        result += b"\0" * (-len(result) % 4)
        struct.pack_into("<I", result, at, len(result) - at)
        result += struct.pack(f"<I{len(tensors)}i", len(tensors), *tensors)
    signatures = model.offset_position(_SIGNATURES)
    if signatures is not None:  # they name tensors that may be gone
        start = signatures + struct.unpack_from("<I", content, signatures)[0]
        struct.pack_into("<I", result, start, 0)
    verify(bytes(result))
    return bytes(result)


def _keep(result: bytearray, graph: Table, operators: Sequence[int]) -> None:
    at = graph.offset_position(_OPERATORS)
    if at is None:
        raise FlatbufferError("the graph has no operators")
    start = at + struct.unpack_from("<I", result, at)[0]
    positions = [table.position for table in graph.tables(_OPERATORS)]
    struct.pack_into("<I", result, start, len(operators))
    for place, index in enumerate(operators):
        entry = start + 4 + 4 * place
        struct.pack_into("<I", result, entry, positions[index] - entry)
