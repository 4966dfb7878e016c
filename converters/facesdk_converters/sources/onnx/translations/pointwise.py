"""What is computed number by number: signs, sums, activations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from onnx import TensorProto

from facesdk.errors import ModelError
from facesdk_converters.sources.onnx.graph import Node, clip_bounds
from facesdk_converters.sources.onnx.signs import (
    SIGN_OF_ZERO_IS_MINUS_ONE,
    SIGN_OF_ZERO_IS_ZERO,
    gives_zeros,
    is_sum_of_signs,
)
from facesdk_converters.sources.onnx.translator import LAYERS, Signs, Translator, rank_of


def sign(translator: Translator, node: Node) -> Any:
    """Signs that the layer reading them takes; refused where 0 would be a third value."""
    source = node.inputs[0]
    written: Any = node.attributes.get("written")
    x = translator.tensor(source)
    if node.kind == SIGN_OF_ZERO_IS_ZERO:
        culprit = gives_zeros(translator.onnx, source)
        if culprit and written is None:
            raise ModelError(
                f"takes signs of what {culprit} gives, which often is exactly 0: there ONNX gives "
                "0, so that there are three values, and a bit has two. Write "
                "torch.where(x >= 0, 1.0, -1.0) or (x > 0), and train with it"
            )
        if culprit or is_sum_of_signs(translator.onnx, source):
            return tf.sign(x) if written is None else translator.translated(written)
    low, high = (node.attributes.get(name, level) for name, level in (("low", -1.0), ("high", 1.0)))
    scale, offset = (high - low) / 2, (high + low) / 2
    tensor = None if (low, high) == (-1.0, 1.0) else translator.translated(written)
    if node.kind == SIGN_OF_ZERO_IS_MINUS_ONE:
        return Signs(0.0 - x, -scale, offset, tensor)  # -x would make -0.0 of 0
    return Signs(x, scale, offset, tensor)


def binary(function: Callable[..., Any]) -> Callable[[Translator, Node], Any]:
    """Of two tensors or more, from left to right; constants broadcast."""

    def combine(translator: Translator, node: Node) -> Any:
        tensors = _tensors(translator, node)
        rank = max(rank_of(value) for value in _operands(translator, node))
        parts = [translator.operand(name, rank, tensors[0].dtype) for name in node.inputs]
        result = parts[0]
        for part in parts[1:]:
            result = function(result, part)
        return result

    return combine


def _tensors(translator: Translator, node: Node) -> list[Any]:
    """The tensors that a node reads, without the constants."""
    return [translator.tensor(n) for n in node.inputs if translator.constant(n) is None]


def _operands(translator: Translator, node: Node) -> list[Any]:
    """The tensors and constants that a node reads."""
    constants = [translator.constant(name) for name in node.inputs]
    return [
        translator.tensor(name) if values is None else values
        for name, values in zip(node.inputs, constants, strict=True)
    ]


def add(translator: Translator, node: Node) -> Any:
    """A sum; of two tensors of one shape a layer."""
    shapes = [tensor.shape for tensor in _tensors(translator, node)]
    if len(shapes) == 2 and tuple(shapes[0]) == tuple(shapes[1]):
        parts = [translator.tensor(name) for name in node.inputs]
        return LAYERS.Add(name=translator.layer_name(node))(parts)
    return binary(tf.add)(translator, node)


def unary(function: Callable[..., Any]) -> Callable[[Translator, Node], Any]:
    """Of one tensor."""
    return lambda translator, node: function(translator.tensor(node.inputs[0]))


def relu(translator: Translator, node: Node) -> Any:
    """``Relu``."""
    return LAYERS.ReLU(name=translator.layer_name(node))(translator.tensor(node.inputs[0]))


def clip(translator: Translator, node: Node) -> Any:
    """``Clip``; from 0 on it is a ReLU."""
    x, (low, high) = translator.tensor(node.inputs[0]), clip_bounds(translator.onnx, node)
    if low == 0:
        return LAYERS.ReLU(None if high == np.inf else high, name=translator.layer_name(node))(x)
    return tf.minimum(tf.maximum(x, low), high)


def cast(translator: Translator, node: Node) -> Any:
    """To float32; integers and truth values stay what they are, and floats become neither."""
    x, wanted = translator.tensor(node.inputs[0]), int(node.attributes["to"])
    if wanted in (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE):
        return tf.cast(x, tf.float32)
    if wanted in (TensorProto.INT32, TensorProto.INT64) and x.dtype.is_integer:
        return x
    if wanted == TensorProto.BOOL and x.dtype == tf.bool:
        return x
    raise ModelError("casts to integers")


def divide(translator: Translator, node: Node) -> Any:
    """``Div`` of floats."""
    if any(value.dtype.is_integer for value in _tensors(translator, node)):
        raise ModelError("divides integers: cast them to float before it")
    return binary(tf.divide)(translator, node)


def where(translator: Translator, node: Node) -> Any:
    """``Where``."""
    rank = max(rank_of(value) for value in _operands(translator, node))
    condition = translator.operand(node.inputs[0], rank, tf.bool)
    return tf.where(condition, *(translator.operand(name, rank) for name in node.inputs[1:]))


def hard_sigmoid(translator: Translator, node: Node) -> Any:
    """``HardSigmoid``."""
    alpha, beta = node.attributes.get("alpha", 0.2), node.attributes.get("beta", 0.5)
    return tf.minimum(tf.maximum(alpha * translator.tensor(node.inputs[0]) + beta, 0.0), 1.0)


def leaky(translator: Translator, node: Node) -> Any:
    """``LeakyRelu``."""
    return tf.nn.leaky_relu(
        translator.tensor(node.inputs[0]), float(node.attributes.get("alpha", 0.01))
    )


def elu(translator: Translator, node: Node) -> Any:
    """``Elu``."""
    layer = LAYERS.ELU(node.attributes.get("alpha", 1.0), name=translator.layer_name(node))
    return layer(translator.tensor(node.inputs[0]))


def celu(translator: Translator, node: Node) -> Any:
    """``Celu``."""
    x, alpha = translator.tensor(node.inputs[0]), float(node.attributes.get("alpha", 1.0))
    return tf.maximum(x, 0.0) + alpha * tf.nn.elu(tf.minimum(x, 0.0) / alpha)


def selu(translator: Translator, node: Node) -> Any:
    """``Selu``."""
    x = translator.tensor(node.inputs[0])
    alpha = float(node.attributes.get("alpha", 1.67326319217681884765625))
    gamma = float(node.attributes.get("gamma", 1.05070102214813232421875))
    return gamma * (tf.maximum(x, 0.0) + alpha * tf.nn.elu(tf.minimum(x, 0.0)))


def gelu(translator: Translator, node: Node) -> Any:
    """``Gelu``."""
    approximate = node.attributes.get("approximate", b"none") == b"tanh"
    return tf.nn.gelu(translator.tensor(node.inputs[0]), approximate)
