"""A file for any number of inputs, of two that a converter made for two numbers of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from facesdk.models.bundle import ModelBundle
from facesdk_converters.tflite.tree import Tree

TWO, THREE = 2, 3
"""The numbers of inputs; for one, a converter leaves out what only several need."""

_RESHAPE = "RESHAPE"
_ANY = -1


def of_any_batch(two: ModelBundle, three: ModelBundle) -> ModelBundle | None:
    """The file that both are but for the batch, allocated for one input.

    A size that is twice and three times a number comes from the batch. Where a network reshapes to
    such a size, the runtime is left to work it out.

    Args:
        two: A file of one subgraph, made for :data:`TWO` inputs.
        three: Made of the same network for :data:`THREE`.

    Returns:
        None where they differ in more, or need such a size elsewhere.
    """
    tree, other = Tree.of(two), Tree.of(three)
    if len(tree.tensors) != len(other.tensors) or len(tree.operators) != len(other.operators):
        return None
    for first, second in zip(tree.operators, other.operators, strict=True):
        if tree.kind(first) != other.kind(second) or _told(first) != _told(second):
            return None
        if _reshapes(tree, first) and not _leave_size_open(tree, other, first):
            return None
    constants = {int(tensor) for operator in tree.operators for tensor in operator.inputs}
    for tensor in range(len(other.tensors)):
        shape = _for_one(tree.shape(tensor), other.shape(tensor))
        if shape is None or (tensor in constants and tree.data(tensor) != other.data(tensor)):
            return None
        tree.tensors[tensor].shape = shape
        tree.tensors[tensor].shapeSignature = None
    tree.compact()
    return ModelBundle.from_bytes(tree.to_bytes(), two.path)


def _reshapes(tree: Tree, operator: schema.OperatorT) -> bool:
    """Whether an operator reshapes to a size that the file says."""
    known = len(operator.inputs) == 2 and tree.is_constant(int(operator.inputs[1]))
    return tree.kind(operator) == _RESHAPE and known


def _leave_size_open(tree: Tree, other: Tree, operator: schema.OperatorT) -> bool:
    """Makes a reshape one for any batch; whether it can be."""
    sizes = (graph.shape(int(operator.outputs[0])) for graph in (tree, other))
    shape = [one if one == two else _ANY for one, two in zip(*sizes, strict=True)]
    if shape.count(_ANY) > 1:
        return False
    read, told = (int(tensor) for tensor in operator.inputs)
    operator.inputs = [read, tree.add_constant(tree.name(told), np.array(shape, "<i4"))]
    if operator.builtinOptions is not None:
        operator.builtinOptions.newShape = shape
    return True


def _for_one(two: Sequence[int], three: Sequence[int]) -> list[int] | None:
    """A shape for one input; None if two shapes differ by more than the batch."""
    if len(two) != len(three):
        return None
    if any(a != b and a * THREE != b * TWO for a, b in zip(two, three, strict=True)):
        return None
    return [a if a == b else a // TWO for a, b in zip(two, three, strict=True)]


def _told(operator: schema.OperatorT) -> list[Any]:
    """What an operator reads, writes and is told, but for the size that it reshapes to."""
    options = vars(operator.builtinOptions) if operator.builtinOptions is not None else {}
    kept = {name: value for name, value in options.items() if name != "newShape"}
    return [
        np.asarray(value).tolist()
        for value in (operator.inputs, operator.outputs, operator.customOptions, *kept.values())
    ]
