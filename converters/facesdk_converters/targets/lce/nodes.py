"""Reading and writing the nodes of a TensorFlow graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.framework.node_def_pb2 import NodeDef

_COPIES = ("Identity", "IdentityN", "PreventGradient", "Snapshot", "StopGradient")


def copied(tensor: tf.Tensor) -> tf.Tensor:
    """The tensor that one is a copy of, by whatever it was copied since."""
    while tensor.op.type in _COPIES:
        tensor = tensor.op.inputs[tensor.value_index]
    return tensor


def made_by(tensor: tf.Tensor) -> tf.Operation:
    """What computes a tensor, whatever it was copied by since."""
    return copied(tensor).op


def level(tensor: tf.Tensor) -> float | None:
    """The one value of a float32 tensor, whatever its shape is; None if it may have several."""
    made = made_by(tensor)
    if tensor.dtype != tf.float32:
        return None
    if made.type in ("OnesLike", "ZerosLike"):
        return float(made.type == "OnesLike")
    if made.type == "Fill":
        return level(made.inputs[1])
    if made.type == "Neg":
        opposite = level(made.inputs[0])
        return None if opposite is None else -opposite
    values = tf.get_static_value(made.outputs[0]) if made.type == "Const" else None
    if values is None or values.size == 0 or np.ptp(values) != 0:
        return None
    return float(values.flat[0])


def constant(name: str, values: np.ndarray[Any, Any]) -> NodeDef:
    """A node of these values."""
    node = NodeDef(name=name, op="Const")
    node.attr["dtype"].type = tf.as_dtype(values.dtype).as_datatype_enum
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(values))
    return node


def of_floats(name: str, op: str, *inputs: str) -> NodeDef:
    """A node of an operation on float32 tensors."""
    node = NodeDef(name=name, op=op, input=inputs)
    node.attr["T"].type = tf.float32.as_datatype_enum
    return node
