"""What a file computes of constants alone, computed beforehand.

TensorFlow Lite's converter computes most of it itself, but no choices: of a kernel that a layer of
one's own binarizes, ``tf.where(w >= 0, 1.0, -1.0)``, it keeps the float weights, the choice and a
TRANSPOSE, and the file computes them at each inference.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from numpy.typing import NDArray

from facesdk.models.bundle import ModelBundle
from facesdk.tflite.operators import WEIGHTED
from facesdk_converters.tflite.tree import Tree

_COMPUTED = (
    "ABS", "ADD", "BROADCAST_TO", "CAST", "CONCATENATION", "DIV", "EQUAL", "EXP", "FLOOR",
    "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL", "LOG", "LOGICAL_AND", "LOGICAL_NOT",
    "LOGICAL_OR", "MAXIMUM", "MEAN", "MINIMUM", "MUL", "NEG", "NOT_EQUAL", "POW",
    "REDUCE_MAX", "REDUCE_MIN", "RELU", "RELU_N1_TO_1", "RESHAPE", "ROUND", "RSQRT", "SELECT",
    "SELECT_V2", "SIGN", "SQRT", "SQUARE", "SUB", "SUM", "TANH", "TRANSPOSE",
)  # fmt: skip
"""Operators that give the same of the same numbers."""


def computed(bundle: ModelBundle) -> ModelBundle:
    """A file with the results of such operators in their place; the file itself without any.

    Only float32 results take a place, and those that are larger than what they are computed of
    only as weights.

    Args:
        bundle: A model with one graph.
    """
    graph = bundle.graph
    if not any(
        row.name in _COMPUTED and all(one is None or one.constant for one in row.inputs)
        for row in graph.operators
    ):
        return bundle
    tree = Tree.of(bundle)
    sizes = _constant(tree)
    wanted = _wanted(tree, sizes)
    if not wanted:
        return bundle
    for tensor, values in zip(wanted, _values(bundle, sizes, wanted), strict=True):
        constant = tree.add_constant(tree.name(tensor), values)
        for operator in tree.operators:
            operator.inputs = [constant if one == tensor else int(one) for one in operator.inputs]
    _drop_unread(tree)
    tree.compact()
    return ModelBundle.from_bytes(tree.to_bytes(), str(bundle.path))


def _constant(tree: Tree) -> dict[int, int]:
    """The tensors that are computed of constants alone, each with the bytes of these."""
    sizes: dict[int, int] = {}
    for operator in tree.operators:
        inputs = [int(tensor) for tensor in operator.inputs if tensor >= 0]
        known = all(tensor in sizes or tree.is_constant(tensor) for tensor in inputs)
        if tree.kind(operator) in _COMPUTED and known:
            size = sum(sizes.get(tensor) or len(tree.data(tensor)) for tensor in inputs)
            sizes |= dict.fromkeys(map(int, operator.outputs), size)
    return sizes


def _wanted(tree: Tree, sizes: dict[int, int]) -> list[int]:
    """Those of them that others read, and that are to take a place."""
    found = []
    for operator in tree.operators:
        if int(operator.outputs[0]) in sizes:
            continue
        for place, tensor in enumerate(map(int, operator.inputs)):
            if tensor not in sizes or tree.type_name(tensor) != "float32":
                continue
            is_weights = place == 1 and tree.kind(operator) in WEIGHTED
            if is_weights or 4 * np.prod(tree.shape(tensor)) <= sizes[tensor]:
                found.append(tensor)
    return sorted(set(found))


def _values(bundle: ModelBundle, sizes: dict[int, int], wanted: list[int]) -> list[NDArray[Any]]:
    """What TensorFlow Lite computes for tensors of constants."""
    alone = Tree.of(bundle)
    alone.operators = [row for row in alone.operators if int(row.outputs[0]) in sizes]
    alone.inputs, alone.outputs = [], wanted
    alone.drop_signatures()
    alone.drop_metadata()
    alone.compact()
    kernels = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_content=alone.to_bytes(), experimental_op_resolver_type=kernels)
    interpreter.allocate_tensors()
    interpreter.invoke()
    return [interpreter.get_tensor(row["index"]) for row in interpreter.get_output_details()]


def _drop_unread(tree: Tree) -> None:
    """Drops operators whose results nothing reads."""
    read, kept = set(tree.outputs), []
    for operator in reversed(tree.operators):
        if read & {int(tensor) for tensor in operator.outputs}:
            kept.append(operator)
            read |= {int(tensor) for tensor in operator.inputs}
    tree.operators = kept[::-1]
