"""Float weights stored as float16, which halves their bytes: TensorFlow Lite's form of it.

A constant of float16 and a DEQUANTIZE take the place of a constant of float32. XNNPACK folds the
two when it loads the file, other runtimes widen once; the network computes in float32 as before,
with weights rounded to 11 significant bits, to nearest and ties to even.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from facesdk.models.bundle import ModelBundle
from facesdk.results import FloatArray
from facesdk.tflite.graph import Graph
from facesdk.tflite.operators import (
    CONV_2D,
    DEPTHWISE_CONV_2D,
    FULLY_CONNECTED,
    QUANTIZE,
    TRANSPOSE_CONV,
    WIDEN,
)
from facesdk_converters.tflite.tree import Tree

STORABLE = (CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED, TRANSPOSE_CONV)
"""The operators whose weights, their second input, may be float16: XNNPACK folds those of all."""

SIGNS = (QUANTIZE, "SIGN")
"""The operators that take signs of activations: LCE's, and TensorFlow Lite's own."""

Part = Literal["all", "head"]
"""Whose weights are stored so: those of all layers, or of those that no sign follows."""

OPTIONS: dict[Part, str] = {"all": "--float16", "head": "--float16-head"}
"""The option of ``facesdk convert`` that asks for each."""

LEAST = 256
"""Fewest weights of a tensor that is stored so: its DEQUANTIZE takes some 100 bytes."""

LARGEST = float(np.finfo(np.float16).max)
"""The largest float16, 65504."""

MOST_MOVED = 2.0**-10
"""Most that rounding may move a filter, by its length. Numbers of full precision move by half of it
at most; those below 6e-5, float16's subnormal numbers, have fewer bits the smaller they are."""

_VERSION = 3
"""The version of DEQUANTIZE that reads float16."""


def stored(bundle: ModelBundle, part: Part = "all") -> ModelBundle:
    """The same network with float16 weights, wherever :func:`why_float32` has nothing against it.

    Args:
        bundle: A file; constants that anything but a layer's weights refers to stay as they are.
        part: Layers beside these keep their weights.
    """
    tree = Tree.of(bundle)
    kept = kept_by(bundle.graph, part)
    weights = {
        id(row): int(row.inputs[1])
        for place, row in enumerate(tree.operators)
        if tree.kind(row) in STORABLE and place not in kept
    }
    elsewhere = {tree.tensors[tensor].buffer for tensor in tree.outputs}
    for operator in tree.operators:
        others = [
            t
            for place, t in enumerate(operator.inputs)
            if place != 1 or id(operator) not in weights
        ]
        elsewhere |= {tree.tensors[int(tensor)].buffer for tensor in others if tensor >= 0}
    wide: dict[tuple[int, tuple[int, ...]], int] = {}
    widening = []
    for operator in tree.operators:
        if not tree.is_float_constant(tensor := weights.get(id(operator), -1)):
            continue
        buffer, values = tree.tensors[tensor].buffer, tree.values(tensor)
        if buffer in elsewhere or why_float32(tree.kind(operator), values):
            continue
        if (buffer, values.shape) not in wide:
            wide[buffer, values.shape], added = add_widened(tree, tree.name(tensor), values)
            widening.append(added)
        operator.inputs = [operator.inputs[0], wide[buffer, values.shape], *operator.inputs[2:]]
    tree.operators = [*widening, *tree.operators]
    tree.compact()
    return ModelBundle.from_bytes(tree.to_bytes(), bundle.path)


def kept_by(graph: Graph, part: Part) -> frozenset[int]:
    """Places of the operators that keep float32 weights because a sign follows.

    Args:
        graph: A file.
        part: Whose weights may be float16; nothing is kept for ``all``.

    Returns:
        For ``head`` the operators of which a result reaches one of :data:`SIGNS`, directly or
        through others.
    """
    found: set[int] = set()
    reaching: set[int] = set()
    for row in reversed(graph.operators if part == "head" else ()):
        followed = any(tensor.index in reaching for tensor in row.outputs)
        if followed:
            found.add(row.index)
        if followed or row.name in SIGNS:
            reaching |= {tensor.index for tensor in row.inputs if tensor is not None}
    return frozenset(found)


def widened(bundle: ModelBundle) -> ModelBundle:
    """The same network with float32 constants in place of those that are stored as float16.

    Args:
        bundle: A file; one without such constants is returned as it is.
    """
    half = {
        row.outputs[0].index
        for row in bundle.graph.operators
        if row.widens_constant and row.inputs[0] is not None and row.inputs[0].dtype == "float16"
    }
    if not half:
        return bundle
    tree = Tree.of(bundle)
    kept = []
    for operator in tree.operators:
        wide = int(operator.outputs[0])
        if wide in half:
            constant = tree.data(int(operator.inputs[0]))
            tree.set_constant(wide, np.frombuffer(constant, "<f2"))
        else:
            kept.append(operator)
    tree.operators = kept
    tree.compact()
    return ModelBundle.from_bytes(tree.to_bytes(), bundle.path)


def why_float32(kind: str, values: FloatArray) -> str:
    """Why weights are better left in float32, in words; empty if float16 suits them.

    Args:
        kind: Their operator, one of :data:`STORABLE`.
        values: float32, in the operator's order of axes.
    """
    if values.size < LEAST:
        return f"fewer than {LEAST} weights"
    largest = float(np.abs(values).max())
    if not largest <= LARGEST:
        return f"a weight of magnitude {largest:g} is beyond float16's range"
    filters = np.moveaxis(values, 3 if kind == DEPTHWISE_CONV_2D else 0, 0)
    filters = filters.reshape(len(filters), -1).astype(np.float64)
    moved = np.linalg.norm(filters.astype(np.float16) - filters, axis=1)
    lengths = np.linalg.norm(filters, axis=1)
    worst = int(np.argmax(moved - MOST_MOVED * lengths))
    if moved[worst] > MOST_MOVED * lengths[worst]:
        return (
            f"filter {worst} is of numbers so small that float16 would move it by "
            f"{moved[worst] / lengths[worst]:.2g} of its length"
        )
    return ""


def add_widened(tree: Tree, name: str, values: FloatArray) -> tuple[int, schema.OperatorT]:
    """Adds a constant of float16.

    Args:
        tree: A file.
        name: Name of the constant.
        values: float32 numbers; they are rounded to nearest, ties to even.

    Returns:
        The tensor of float32 to use, and the operator that computes it, to be put before its users.
    """
    constant = tree.add_constant(name, values.astype("<f2"))
    wide = tree.add_activation(f"{name}/wide", values.shape)
    operator = schema.OperatorT(
        opcodeIndex=tree.code(WIDEN, _VERSION), inputs=[constant], outputs=[wide]
    )
    return wide, operator
