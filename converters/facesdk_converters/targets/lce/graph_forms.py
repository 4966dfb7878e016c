"""Graphs in forms that LCE's converter does not change.

Three of its patterns match more than they should:

- Zeros before a "valid" convolution become "same" padding where they look symmetric and the output
  has the size. It does not look whether the last row of zeros is read: with PyTorch's padding (7x7,
  stride 2, three zeros on each side) it is not, "same" then means two zeros before and three after,
  and the picture shifts by a pixel. Without the rows and columns that a convolution does not read,
  it has zeros that "same" would not have, or exactly those, and the converter's test is right.
- Every constant factor and offset after a binary convolution is folded into the operator, which has
  one per channel. XNOR-Net++ scales places too, ``BatchNormalization(axis=2)`` columns: the file is
  then one that no runtime loads, or the converter itself crashes.
- The sign of a sum of a sign and anything is taken for the sign that Larq writes,
  ``sign(sign(x) + 0.1)``. A ternary quantizer is one of a sum of two signs, and 0 would become 1.

And two match less. Signs are known as ``tf.where(x >= 0, 1, -1)`` and as Larq writes them, and are
written in many other ways (:mod:`facesdk_converters.targets.lce.signs`). GELU is known as
``x / 2 * (1 + erf(...))``; TensorFlow writes it with ``erfc``, which no runtime has.

The graph is changed, not layers, so that it does not matter which layer, nested model, Lambda or
operation the nodes come from.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef

from facesdk_converters.sources.function import FunctionNetwork
from facesdk_converters.targets.lce.barriers import LEAST
from facesdk_converters.targets.lce.nodes import constant, made_by, of_floats
from facesdk_converters.targets.lce.signs import Steps, choice, is_larqs

_CONVOLUTIONS = ("Conv2D", "DepthwiseConv2dNative")
_PADS = ("Pad", "PadV2")
_SUMS = ("Add", "AddV2")
_ARITHMETIC = (*_SUMS, "Sub", "Mul", "RealDiv", "Div")


def changed(network: FunctionNetwork) -> GraphDef:
    """The graph of a function in such forms.

    Args:
        network: The function.

    Returns:
        A graph that computes the same, with barriers that
        :func:`facesdk_converters.targets.lce.barriers.take_out_barriers` takes out of the file.
    """
    graph = GraphDef()
    graph.CopyFrom(network.graph)
    operations = {one.name: one for one in network.function.graph.get_operations()}
    steps = Steps(list(operations.values()))
    added: list[NodeDef] = []
    for node in graph.node:
        operation = operations[node.name]
        if node.op in _CONVOLUTIONS:
            added += _zeros_of_its_own(node, operation)
        elif (step := steps.sign(operation)) is not None:
            added += choice(node, step)
        elif node.op == "Erfc" and (factors := _of_a_negative(operation)) is not None:
            added += _with_erf(node, factors)
        elif node.op in _ARITHMETIC and (place := _of_a_picture(operation)) is not None:
            added += _barrier(node, place)
        elif node.op == "Sign" and _has_three_levels(operation):
            added += _barrier(node, 0)
    graph.node.extend(added)
    return graph


def _zeros_of_its_own(node: NodeDef, operation: tf.Operation) -> Iterator[NodeDef]:
    """In front of a convolution the padding that it reads, if it does not read all of it."""
    pad = made_by(operation.inputs[0])
    if pad.type not in _PADS or pad.outputs[0].shape.rank != 4:
        return
    paddings = tf.get_static_value(pad.inputs[1])
    rows, columns = _unread(operation, pad.outputs[0].shape)
    if paddings is None or not (rows or columns):
        return
    cut = np.array([[0, 0], [0, rows], [0, columns], [0, 0]], paddings.dtype)
    widths = constant(f"{pad.name}/{node.name}/read", np.maximum(paddings - cut, 0))
    own = NodeDef()
    own.CopyFrom(pad.node_def)
    own.name = f"{pad.name}/{node.name}"
    own.attr.pop("_output_shapes", None)
    own.input[1] = widths.name
    node.input[0] = own.name
    yield widths
    yield own


def _unread(reader: tf.Operation, shape: tf.TensorShape) -> tuple[int, int]:
    """Rows and columns, from the end, that a convolution does not reach."""
    if reader.get_attr("padding") != b"VALID":
        return 0, 0
    if reader.get_attr("data_format") != b"NHWC" or None in tuple(shape[1:3]):
        return 0, 0
    sizes, strides = reader.inputs[1].shape[:2], reader.get_attr("strides")[1:3]
    dilations = reader.get_attr("dilations")[1:3]
    rows, columns = (
        (size - (taps - 1) * step - 1) % stride
        for size, taps, step, stride in zip(shape[1:3], sizes, dilations, strides, strict=True)
    )
    return rows, columns


def _of_a_picture(operation: tf.Operation) -> int | None:
    """Which input of an arithmetic operation is a picture that a constant treats by its places."""
    for place, other in ((0, 1), (1, 0)):
        picture, factors = operation.inputs[place], operation.inputs[other]
        if picture.shape.rank != 4 or factors.shape.rank is None or picture.dtype != tf.float32:
            continue
        places = list(factors.shape)[:-1]
        if any(size != 1 for size in places) and _is_constant(factors):
            return place
    return None


def _is_constant(tensor: tf.Tensor) -> bool:
    """Whether it is computed from constants alone."""
    waiting, seen = [tensor.op], set()
    while waiting:
        operation = waiting.pop()
        if operation.type == "Placeholder":
            return False
        seen.add(operation.name)
        waiting += [each.op for each in operation.inputs if each.op.name not in seen]
    return True


def _has_three_levels(sign: tf.Operation) -> bool:
    """Whether it is the sign of a sum of a sign and what does not decide where that is 0 only."""
    sum_ = made_by(sign.inputs[0])
    if sum_.type not in _SUMS:
        return False
    return any(made_by(one).type == "Sign" for one in sum_.inputs) and not is_larqs(sign)


def _of_a_negative(erfc: tf.Operation) -> tuple[tf.Tensor, tf.Tensor] | None:
    """The factors x and c, if it is erfc(-x * c)."""
    product = made_by(erfc.inputs[0])
    if product.type != "Mul" or erfc.inputs[0].dtype != tf.float32:
        return None
    negative = made_by(product.inputs[0])
    return (negative.inputs[0], product.inputs[1]) if negative.type == "Neg" else None


def _with_erf(node: NodeDef, factors: tuple[tf.Tensor, tf.Tensor]) -> Iterator[NodeDef]:
    """Makes an erfc of a negative number the sum of 1 and the erf of the number."""
    product = of_floats(f"{node.name}/product", "Mul", *(factor.name for factor in factors))
    erf = of_floats(f"{node.name}/erf", "Erf", product.name)
    one = constant(f"{node.name}/one", np.array(1.0, np.float32))
    node.op, node.input[:] = "AddV2", [erf.name, one.name]
    yield from (product, erf, one)


def _barrier(node: NodeDef, place: int) -> Iterator[NodeDef]:
    """A maximum with the least float, in front of one input of a node."""
    least = constant(f"{node.name}/least", np.array(LEAST, np.float32))
    barrier = of_floats(f"{node.name}/barrier", "Maximum", node.input[place], least.name)
    node.input[place] = barrier.name
    yield least
    yield barrier
