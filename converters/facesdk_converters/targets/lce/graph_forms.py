"""What :mod:`padding` and :mod:`factors` do to layers, done to the nodes of a TensorFlow graph.

A SavedModel's function has no layers that could compute in another form while LCE's converter
looks, but the converter's faults are the same: it takes zeros around a "valid" convolution with
strides for "same" padding, and folds factors of a place into an operator that has one per channel.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.core.framework.node_def_pb2 import NodeDef

from facesdk_converters.sources.function import FunctionNetwork
from facesdk_converters.targets.lce.factors import LEAST

_CONVOLUTIONS = ("Conv2D", "DepthwiseConv2dNative")
_ARITHMETIC = ("Add", "AddV2", "Sub", "Mul", "RealDiv", "Div")


def changed(network: FunctionNetwork) -> GraphDef:
    """The graph of a function, with zeros that are read alone and factors of a place apart.

    Args:
        network: The function.

    Returns:
        A graph that computes the same; the barriers before factors of a place are taken out by
        :func:`facesdk_converters.targets.lce.factors.without_barriers`.
    """
    graph = GraphDef()
    graph.CopyFrom(network.graph)
    operations = {one.name: one for one in network.function.graph.get_operations()}
    added: list[NodeDef] = []
    for node in graph.node:
        operation = operations[node.name]
        if node.op == "Pad" and (paddings := _read_alone(operation)) is not None:
            added.append(_constant(f"{node.name}/read_alone", paddings))
            node.input[1] = added[-1].name
        elif node.op in _ARITHMETIC and (place := _of_a_picture(operation)) is not None:
            added += _barrier(node, place)
    graph.node.extend(added)
    return graph


def _read_alone(operation: tf.Operation) -> np.ndarray[Any, Any] | None:
    """The zeros of a Pad without those that no convolution reads; None if all are read."""
    paddings = tf.get_static_value(operation.inputs[1])
    readers = operation.outputs[0].consumers()
    shape = operation.outputs[0].shape
    if paddings is None or shape.rank != 4 or not readers:
        return None
    unread = {_unread(reader, shape) for reader in readers}
    if len(unread) != 1:
        return None
    rows, columns = unread.pop()
    cut = np.array([[0, 0], [0, rows], [0, columns], [0, 0]], paddings.dtype)
    kept = np.maximum(paddings - cut, 0)
    return None if np.array_equal(kept, paddings) else kept


def _unread(reader: tf.Operation, shape: tf.TensorShape) -> tuple[int, int]:
    """Rows and columns, from the end, that a convolution does not reach."""
    if reader.type not in _CONVOLUTIONS or reader.get_attr("padding") != b"VALID":
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
