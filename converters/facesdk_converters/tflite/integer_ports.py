"""Files whose inputs and outputs are 8-bit integers, as cameras and accelerators have them.

``real = scale * (integer - zero_point)``, one scale and zero point per tensor: TensorFlow Lite's
8-bit quantization specification. What the network computes between them stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from facesdk.models.bundle import ModelBundle
from facesdk_converters.tflite.tree import Tree

TYPES = ("int8", "uint8")

Range = tuple[float, float]
"""The least and the largest real number that a port must hold."""

_DEQUANTIZE_VERSION = {"int8": 2, "uint8": 1}
_FLOAT = "float32"


def with_integer_ports(
    bundle: ModelBundle, dtype: str, inputs: Sequence[Range], outputs: Sequence[Range]
) -> ModelBundle:
    """The same network with inputs and outputs of integers.

    An input that the network quantizes at once, and an output that it only widens at the end, are
    left as the integers they are inside, with the network's own scale.

    Args:
        bundle: A file; ports that are no float32 stay as they are.
        dtype: One of :data:`TYPES`.
        inputs: For each input what it must hold.
        outputs: For each output.
    """
    tree = Tree.of(bundle)
    given: dict[int, int] = {}
    for tensor, span in zip(tree.inputs, inputs, strict=True):
        given[tensor] = _integer_input(tree, tensor, dtype, span)
    made: dict[int, int] = {}
    for tensor, span in zip(tree.outputs, outputs, strict=True):
        if tensor not in made:  # one tensor may be two outputs
            made[tensor] = _integer_output(tree, tensor, dtype, span)
    tree.inputs = [given[tensor] for tensor in tree.inputs]
    tree.outputs = [made[tensor] for tensor in tree.outputs]
    for signature in tree.model.signatureDefs or []:
        for rows, replaced in ((signature.inputs, given), (signature.outputs, made)):
            for row in rows or []:
                row.tensorIndex = replaced[int(row.tensorIndex)]
    tree.compact()
    return ModelBundle.from_bytes(tree.to_bytes(), bundle.path)


def _integer_input(tree: Tree, tensor: int, dtype: str, span: Range) -> int:
    if tree.type_name(tensor) != _FLOAT:
        return tensor
    readers = [row for row in tree.operators if tensor in map(int, row.inputs)]
    if len(readers) == 1 and tree.kind(readers[0]) == "QUANTIZE" and tensor not in tree.outputs:
        inner = int(readers[0].outputs[0])
        if tree.type_name(inner) == dtype:
            tree.operators = [row for row in tree.operators if row is not readers[0]]
            return inner
    added = integers_like(tree, tensor, dtype, span)
    operator = schema.OperatorT(
        opcodeIndex=tree.code("DEQUANTIZE", _DEQUANTIZE_VERSION[dtype]),
        inputs=[added],
        outputs=[tensor],
    )
    tree.operators = [operator, *tree.operators]
    return added


def _integer_output(tree: Tree, tensor: int, dtype: str, span: Range) -> int:
    if tree.type_name(tensor) != _FLOAT:
        return tensor
    maker = next((row for row in tree.operators if tensor in map(int, row.outputs)), None)
    read = any(tensor in map(int, row.inputs) for row in tree.operators)
    if maker is not None and tree.kind(maker) == "DEQUANTIZE" and not read:
        inner = int(maker.inputs[0])
        if tree.type_name(inner) == dtype and not tree.is_constant(inner):
            tree.operators = [row for row in tree.operators if row is not maker]
            return inner
    added = integers_like(tree, tensor, dtype, span)
    operator = schema.OperatorT(opcodeIndex=tree.code("QUANTIZE"), inputs=[tensor], outputs=[added])
    tree.operators = [*tree.operators, operator]
    return added


def integers_like(tree: Tree, tensor: int, dtype: str, span: Range) -> int:
    """Adds a tensor of the shape of another one, whose integers stand for what lies in a range.

    Args:
        tree: A file.
        tensor: The other one.
        dtype: One of :data:`TYPES`.
        span: Is made to hold 0.

    Returns:
        Its number.
    """
    limits = np.iinfo(dtype)
    low, high = min(span[0], 0.0), max(span[1], 0.0)
    scale = max(high - low, float(np.finfo(np.float32).tiny)) / (limits.max - limits.min)
    zero = int(np.clip(np.rint(limits.min - low / scale), limits.min, limits.max))
    like = tree.tensors[tensor]
    return tree.add_integers(
        f"{tree.name(tensor)}_{dtype}", like, dtype, float(np.float32(scale)), zero
    )
