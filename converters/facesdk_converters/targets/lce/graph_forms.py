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

The graph is changed, not layers, so that it does not matter which layer, nested model, Lambda or
operation the nodes come from.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef

from facesdk_converters.sources.function import FunctionNetwork
from facesdk_converters.targets.lce.barriers import LEAST

_CONVOLUTIONS = ("Conv2D", "DepthwiseConv2dNative")
_PADS = ("Pad", "PadV2")
_SUMS = ("Add", "AddV2")
_ARITHMETIC = (*_SUMS, "Sub", "Mul", "RealDiv", "Div")
_COPIES = ("Identity", "IdentityN")


def changed(network: FunctionNetwork) -> GraphDef:
    """The graph of a function in such forms.

    Args:
        network: The function.

    Returns:
        A graph that computes the same, with barriers that
        :func:`facesdk_converters.targets.lce.barriers.without_barriers` takes out of the file.
    """
    graph = GraphDef()
    graph.CopyFrom(network.graph)
    operations = {one.name: one for one in network.function.graph.get_operations()}
    added: list[NodeDef] = []
    for node in graph.node:
        operation = operations[node.name]
        if node.op in _CONVOLUTIONS:
            added += _zeros_of_its_own(node, operation)
        elif node.op in _ARITHMETIC and (place := _of_a_picture(operation)) is not None:
            added += _barrier(node, place)
        elif node.op == "Sign" and _has_three_levels(operation):
            added += _barrier(node, 0)
    graph.node.extend(added)
    return graph


def _zeros_of_its_own(node: NodeDef, operation: tf.Operation) -> Iterator[NodeDef]:
    """In front of a convolution the padding that it reads, if it does not read all of it."""
    pad = _made_by(operation.inputs[0])
    if pad.type not in _PADS or pad.outputs[0].shape.rank != 4:
        return
    paddings = tf.get_static_value(pad.inputs[1])
    rows, columns = _unread(operation, pad.outputs[0].shape)
    if paddings is None or not (rows or columns):
        return
    cut = np.array([[0, 0], [0, rows], [0, columns], [0, 0]], paddings.dtype)
    widths = _constant(f"{pad.name}/{node.name}/read", np.maximum(paddings - cut, 0))
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
    sum_ = _made_by(sign.inputs[0])
    if sum_.type not in _SUMS:
        return False
    signs = [_made_by(one).type == "Sign" for one in sum_.inputs]
    offset = tf.get_static_value(sum_.inputs[0 if signs[1] else 1])
    return any(signs) and (offset is None or not ((offset > 0) & (offset < 1)).all())


def _made_by(tensor: tf.Tensor) -> tf.Operation:
    """What computes a tensor, whatever it was copied by since."""
    while tensor.op.type in _COPIES:
        tensor = tensor.op.inputs[tensor.value_index]
    return tensor.op


def _barrier(node: NodeDef, place: int) -> Iterator[NodeDef]:
    """A maximum with the least float, in front of one input of a node."""
    least = _constant(f"{node.name}/least", np.array(LEAST, np.float32))
    barrier = NodeDef(name=f"{node.name}/barrier", op="Maximum")
    barrier.input.extend([node.input[place], least.name])
    barrier.attr["T"].type = tf.float32.as_datatype_enum
    node.input[place] = barrier.name
    yield least
    yield barrier


def _constant(name: str, values: np.ndarray[Any, Any]) -> NodeDef:
    node = NodeDef(name=name, op="Const")
    node.attr["dtype"].type = tf.as_dtype(values.dtype).as_datatype_enum
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(values))
    return node
