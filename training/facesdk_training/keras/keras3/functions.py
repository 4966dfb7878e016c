"""Activations and operations of Keras 3 that Keras 2 lacks or computes otherwise, in TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def _hard_sigmoid(x: tf.Tensor) -> tf.Tensor:
    return tf.nn.relu6(x + 3.0) * (1.0 / 6.0)


def _hard_silu(x: tf.Tensor) -> tf.Tensor:
    return x * _hard_sigmoid(x)


def _hard_tanh(x: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(x, -1.0, 1.0)


def _leaky_relu(x: tf.Tensor) -> tf.Tensor:
    return tf.nn.leaky_relu(x, 0.2)


def _log_sigmoid(x: tf.Tensor) -> tf.Tensor:
    return tf.math.log_sigmoid(x)


def _log_softmax(x: tf.Tensor) -> tf.Tensor:
    return tf.nn.log_softmax(x)


def _relu6(x: tf.Tensor) -> tf.Tensor:
    return tf.nn.relu6(x)


def _extreme(reduce: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
    def of(x: tf.Tensor, axis: Any = None, keepdims: bool = False, initial: Any = None) -> Any:
        if initial is not None:
            raise ValueError(f"initial={initial!r}, a bound of the result, is not translated")
        return reduce(x, axis, keepdims)

    return of


def _registered(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, so that a network which has it can be rebuilt from its configuration."""
    return tf.keras.utils.register_keras_serializable("facesdk_keras3")(function)


ACTIVATIONS: dict[str, Callable[..., Any]] = {
    "hard_sigmoid": _registered(_hard_sigmoid),
    "hard_silu": _registered(_hard_silu),
    "hard_swish": _hard_silu,
    "hard_tanh": _registered(_hard_tanh),
    "leaky_relu": _registered(_leaky_relu),
    "log_sigmoid": _registered(_log_sigmoid),
    "log_softmax": _registered(_log_softmax),
    "relu6": _registered(_relu6),
}
"""Activations that Keras 2 lacks, or computes otherwise (its hard_sigmoid has another slope)."""

OPERATIONS: dict[str, Callable[..., Any]] = {
    "Abs": tf.abs,
    "Absolute": tf.abs,
    "Add": tf.add,
    "Clip": lambda x, x_min, x_max: tf.clip_by_value(x, x_min, x_max),
    "Concatenate": lambda xs, axis=0: tf.concat(xs, axis),
    "Divide": tf.divide,
    "Elu": lambda x, alpha=1.0: tf.where(x > 0, x, alpha * (tf.exp(x) - 1)),
    "Exp": tf.exp,
    "ExpandDims": tf.expand_dims,
    "GetItem": lambda x, key: x[key],
    "HardSigmoid": _hard_sigmoid,
    "HardSilu": _hard_silu,
    "HardSwish": _hard_silu,
    "LeakyRelu": lambda x, negative_slope=0.2: tf.nn.leaky_relu(x, negative_slope),
    "Log": tf.math.log,
    "Matmul": tf.matmul,
    "Max": _extreme(tf.reduce_max),
    "Maximum": tf.maximum,
    "Mean": lambda x, axis=None, keepdims=False: tf.reduce_mean(x, axis, keepdims),
    "Min": _extreme(tf.reduce_min),
    "Minimum": tf.minimum,
    "Multiply": tf.multiply,
    "Negative": tf.negative,
    "Power": tf.pow,
    "Relu": tf.nn.relu,
    "Relu6": tf.nn.relu6,
    "Reshape": lambda x, newshape: tf.reshape(x, [-1 if n is None else n for n in newshape]),
    "Rsqrt": tf.math.rsqrt,
    "Sigmoid": tf.sigmoid,
    "Sign": tf.sign,
    "Silu": tf.nn.silu,
    "Softmax": lambda x, axis=-1: tf.nn.softmax(x, axis),
    "Softplus": tf.nn.softplus,
    "Split": lambda x, indices_or_sections, axis=0: tf.split(x, indices_or_sections, axis),
    "Sqrt": tf.sqrt,
    "Square": tf.square,
    "Squeeze": tf.squeeze,
    "Subtract": tf.subtract,
    "Sum": lambda x, axis=None, keepdims=False: tf.reduce_sum(x, axis, keepdims),
    "Tanh": tf.tanh,
    "Transpose": lambda x, axes=None: tf.transpose(x, axes),
    "TrueDivide": tf.divide,
}
"""What ``keras.ops`` computes, by the names of its classes, in TensorFlow."""
