"""A model file that holds a few operators of another one, with their weights.

The operators, tensors and weights stay where they are: only the vectors that list operators,
inputs and outputs of the main graph change. FlatBuffers vectors are found by offsets, so that new
vectors go to the end of the file and four bytes turn to each (as in models/contract_writer.py).
All else was verified with the whole model and is not walked again.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import replace

from facesdk.tflite.flatbuffer import FlatbufferError, Table
from facesdk.tflite.verifier import verify_order


def cut(
    model: Table, operators: Sequence[int], inputs: Sequence[int], outputs: Sequence[int]
) -> Table:
    """A verified model of some operators of a verified model.

    Args:
        model: The root of the whole model.
        operators: Places of the operators to keep, rising.
        inputs: Tensors that the caller will fill.
        outputs: Tensors that the caller will read.

    Returns:
        The root of the model; its ``data`` is the file.

    Raises:
        FlatbufferError: The operators kept read tensors that nothing fills, or the graph lists no
            operators, inputs or outputs.
    """
    graph = next(model.tables("subgraphs"))
    result = bytearray(model.data)
    _keep(result, graph, operators)
    for field, tensors in (("inputs", inputs), ("outputs", outputs)):
        at = graph.position_of(field)
        if at is None:
            raise FlatbufferError("the graph has no list of inputs or outputs")
        result += b"\0" * (-len(result) % 4)
        struct.pack_into("<I", result, at, len(result) - at)
        result += struct.pack(f"<I{len(tensors)}i", len(tensors), *tensors)
    signatures = model.position_of("signature_defs")
    if signatures is not None:  # they name tensors that may be gone
        start = signatures + struct.unpack_from("<I", model.data, signatures)[0]
        struct.pack_into("<I", result, start, 0)
    part = replace(model, data=bytes(result))
    verify_order(part)
    return part


def _keep(result: bytearray, graph: Table, operators: Sequence[int]) -> None:
    at = graph.position_of("operators")
    if at is None:
        raise FlatbufferError("the graph has no operators")
    start = at + struct.unpack_from("<I", result, at)[0]
    positions = [table.position for table in graph.tables("operators")]
    struct.pack_into("<I", result, start, len(operators))
    for place, index in enumerate(operators):
        entry = start + 4 + 4 * place
        struct.pack_into("<I", result, entry, positions[index] - entry)
