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

And two match less: ``tf.where(x >= 0, tf.ones_like(x), -tf.ones_like(x))`` and
``2 * tf.cast(x >= 0, tf.float32) - 1`` are signs, but only ``tf.where(x >= 0, 1, -1)`` is known.
GELU is known as ``x / 2 * (1 + erf(...))``; TensorFlow writes it with ``erfc``, which no runtime
has.

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
_CHOICES = ("Select", "SelectV2")
_COPIES = ("Identity", "IdentityN")


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
    added: list[NodeDef] = []
    for node in graph.node:
        operation = operations[node.name]
        if node.op in _CONVOLUTIONS:
            added += _zeros_of_its_own(node, operation)
        elif (condition := _chooses_signs(operation)) is not None:
            added += _choice_of_signs(node, condition)
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


def _chooses_signs(operation: tf.Operation) -> tf.Tensor | None:
    """The condition under which it is 1, where it else is -1."""
    if operation.type in _CHOICES:
        condition, *values = operation.inputs
        return condition if [_level(one) for one in values] == [1.0, -1.0] else None
    offset = {"Sub": 1.0, **dict.fromkeys(_SUMS, -1.0)}.get(operation.type)
    if offset is None or _level(operation.inputs[1]) != offset:
        return None
    product = _made_by(operation.inputs[0])
    if product.type != "Mul" or 2.0 not in [_level(one) for one in product.inputs]:
        return None
    steps = [_made_by(one) for one in product.inputs]
    return next((one.inputs[0] for one in steps if _is_step(one)), None)


def _is_step(operation: tf.Operation) -> bool:
    return bool(operation.type == "Cast" and operation.inputs[0].dtype == tf.bool)


def _choice_of_signs(node: NodeDef, condition: tf.Tensor) -> Iterator[NodeDef]:
    """Makes a node the choice of 1 and -1 that LCE's converter knows."""
    one, other = (
        _constant(f"{node.name}/{name}", np.array(level, np.float32))
        for name, level in (("positive", 1.0), ("negative", -1.0))
    )
    node.op = "SelectV2"
    node.input[:] = [condition.op.name, one.name, other.name]
    yield one
    yield other


def _of_a_negative(erfc: tf.Operation) -> tuple[tf.Tensor, tf.Tensor] | None:
    """The factors x and c, if it is erfc(-x * c)."""
    product = _made_by(erfc.inputs[0])
    if product.type != "Mul" or erfc.inputs[0].dtype != tf.float32:
        return None
    negative = _made_by(product.inputs[0])
    return (negative.inputs[0], product.inputs[1]) if negative.type == "Neg" else None


def _with_erf(node: NodeDef, factors: tuple[tf.Tensor, tf.Tensor]) -> Iterator[NodeDef]:
    """Makes an erfc of a negative number the sum of 1 and the erf of the number."""
    names = [f"{node.name}/{name}" for name in ("product", "erf")]
    product, erf = NodeDef(name=names[0], op="Mul"), NodeDef(name=names[1], op="Erf")
    product.input.extend(factor.name for factor in factors)
    erf.input.append(product.name)
    for added in (product, erf):
        added.attr["T"].type = tf.float32.as_datatype_enum
    one = _constant(f"{node.name}/one", np.array(1.0, np.float32))
    node.op, node.input[:] = "AddV2", [erf.name, one.name]
    yield from (product, erf, one)


def _level(tensor: tf.Tensor) -> float | None:
    """The one value of a float32 tensor, whatever its shape is; None if it may have several."""
    made = _made_by(tensor)
    if tensor.dtype != tf.float32:
        return None
    if made.type in ("OnesLike", "ZerosLike"):
        return float(made.type == "OnesLike")
    if made.type == "Fill":
        return _level(made.inputs[1])
    if made.type == "Neg":
        level = _level(made.inputs[0])
        return None if level is None else -level
    values = tf.get_static_value(made.outputs[0]) if made.type == "Const" else None
    return float(values.flat[0]) if values is not None and np.ptp(values) == 0 else None


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
