"""The table of ONNX operators that have a counterpart in Keras."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from facesdk_converters.sources.onnx.file import (
    SIGNS,
    Node,
    OnnxModel,
)
from facesdk_converters.sources.onnx.pointwise import (
    add,
    binary,
    cast,
    clip,
    elu,
    hard_sigmoid,
    leaky,
    relu,
    sign,
    unary,
    where,
)
from facesdk_converters.sources.onnx.shapes import (
    concat,
    depth_to_space,
    flatten,
    pad,
    reduced,
    reshape,
    sliced,
    softmax,
    split,
    squeeze,
    transpose,
    unsqueeze,
)
from facesdk_converters.sources.onnx.translator import Translator
from facesdk_converters.sources.onnx.weighted import batch_norm, conv, gemm, prelu
from facesdk_converters.sources.onnx.windows import global_pool, pool


def translate(model: OnnxModel, path: Path) -> tf.keras.Model:
    """A Keras model that computes what an ONNX file computes, with channels last.

    Raises:
        ModelError: An operator, or an option of one, has no counterpart; or signs are taken of
            values that often are exactly 0, where ONNX gives 0 and a bit cannot.
    """
    return Translator(model, path, _OPERATORS).model()


_OPERATORS: dict[str, Callable[[Translator, Node], Any]] = {
    **dict.fromkeys(SIGNS, sign),
    "Abs": unary(tf.abs),
    "Add": add,
    "AveragePool": pool,
    "BatchNormalization": batch_norm,
    "Cast": cast,
    "Clip": clip,
    "Concat": concat,
    "Conv": conv,
    "DepthToSpace": depth_to_space,
    "Div": binary(tf.divide),
    "Elu": elu,
    "Exp": unary(tf.exp),
    "Flatten": flatten,
    "Gemm": gemm,
    "GlobalAveragePool": global_pool,
    "GlobalMaxPool": global_pool,
    "Greater": binary(tf.greater),
    "GreaterOrEqual": binary(tf.greater_equal),
    "HardSigmoid": hard_sigmoid,
    "HardSwish": unary(lambda x: x * tf.nn.relu6(x + 3.0) * (1.0 / 6.0)),
    "LeakyRelu": leaky,
    "Less": binary(tf.less),
    "LessOrEqual": binary(tf.less_equal),
    "Log": unary(tf.math.log),
    "MatMul": gemm,
    "Max": binary(tf.maximum),
    "MaxPool": pool,
    "Min": binary(tf.minimum),
    "Mul": binary(tf.multiply),
    "Neg": unary(tf.negative),
    "PRelu": prelu,
    "Pad": pad,
    "Pow": binary(tf.pow),
    "Reciprocal": unary(lambda x: 1.0 / x),
    "ReduceL2": reduced(lambda x, axes, keepdims: tf.sqrt(tf.reduce_sum(x * x, axes, keepdims))),
    "ReduceMax": reduced(tf.reduce_max),
    "ReduceMean": reduced(tf.reduce_mean),
    "ReduceSum": reduced(tf.reduce_sum),
    "Relu": relu,
    "Reshape": reshape,
    "Sigmoid": unary(tf.sigmoid),
    "Slice": sliced,
    "Softmax": softmax,
    "Softplus": unary(tf.nn.softplus),
    "Split": split,
    "Sqrt": unary(tf.sqrt),
    "Squeeze": squeeze,
    "Sub": binary(tf.subtract),
    "Tanh": unary(tf.tanh),
    "Transpose": transpose,
    "Unsqueeze": unsqueeze,
    "Where": where,
}
