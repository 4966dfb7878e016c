"""The table of ONNX operators that have a counterpart in Keras."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

from facesdk_converters.sources.onnx.graph import Node, OnnxModel
from facesdk_converters.sources.onnx.signs import SIGNS
from facesdk_converters.sources.onnx.translations.normalizations import (
    group_norm,
    instance_norm,
    layer_norm,
)
from facesdk_converters.sources.onnx.translations.padding import pad
from facesdk_converters.sources.onnx.translations.pointwise import (
    add,
    binary,
    cast,
    celu,
    clip,
    divide,
    elu,
    gelu,
    hard_sigmoid,
    leaky,
    relu,
    selu,
    sign,
    unary,
    where,
)
from facesdk_converters.sources.onnx.translations.products import matmul
from facesdk_converters.sources.onnx.translations.resize import resize
from facesdk_converters.sources.onnx.translations.shapes import (
    arg_max,
    concat,
    depth_to_space,
    expand,
    flatten,
    gather,
    reduced,
    reshape,
    sliced,
    softmax,
    space_to_depth,
    split,
    squeeze,
    transpose,
    unsqueeze,
)
from facesdk_converters.sources.onnx.translations.transposed import conv_transpose
from facesdk_converters.sources.onnx.translations.weighted import batch_norm, conv, gemm, prelu
from facesdk_converters.sources.onnx.translations.windows import global_pool, pool
from facesdk_converters.sources.onnx.translator import Translator


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
    "And": binary(tf.logical_and),
    "ArgMax": arg_max,
    "AveragePool": pool,
    "BatchNormalization": batch_norm,
    "Cast": cast,
    "Ceil": unary(tf.math.ceil),
    "Celu": celu,
    "Clip": clip,
    "Concat": concat,
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "Cos": unary(tf.cos),
    "DepthToSpace": depth_to_space,
    "Div": divide,
    "Elu": elu,
    "Equal": binary(tf.equal),
    "Exp": unary(tf.exp),
    "Expand": expand,
    "Flatten": flatten,
    "Floor": unary(tf.floor),
    "Gather": gather,
    "Gelu": gelu,
    "Gemm": gemm,
    "GlobalAveragePool": global_pool,
    "GlobalMaxPool": global_pool,
    "Greater": binary(tf.greater),
    "GreaterOrEqual": binary(tf.greater_equal),
    "GroupNormalization": group_norm,
    "HardSigmoid": hard_sigmoid,
    "HardSwish": unary(lambda x: x * tf.nn.relu6(x + 3.0) * (1.0 / 6.0)),
    "InstanceNormalization": instance_norm,
    "LayerNormalization": layer_norm,
    "LeakyRelu": leaky,
    "Less": binary(tf.less),
    "LessOrEqual": binary(tf.less_equal),
    "Log": unary(tf.math.log),
    "LogSoftmax": softmax(tf.nn.log_softmax),
    "MatMul": matmul,
    "Max": binary(tf.maximum),
    "MaxPool": pool,
    "Min": binary(tf.minimum),
    "Mish": unary(lambda x: x * tf.tanh(tf.nn.softplus(x))),
    "Mul": binary(tf.multiply),
    "Neg": unary(tf.negative),
    "Not": unary(tf.logical_not),
    "Or": binary(tf.logical_or),
    "PRelu": prelu,
    "Pad": pad,
    "Pow": binary(tf.pow),
    "Reciprocal": unary(lambda x: 1.0 / x),
    "ReduceL1": reduced(lambda x, axes, keepdims: tf.reduce_sum(tf.abs(x), axes, keepdims)),
    "ReduceL2": reduced(lambda x, axes, keepdims: tf.sqrt(tf.reduce_sum(x * x, axes, keepdims))),
    "ReduceMax": reduced(tf.reduce_max),
    "ReduceMean": reduced(tf.reduce_mean),
    "ReduceMin": reduced(tf.reduce_min),
    "ReduceProd": reduced(tf.reduce_prod),
    "ReduceSum": reduced(tf.reduce_sum),
    "ReduceSumSquare": reduced(lambda x, axes, keepdims: tf.reduce_sum(x * x, axes, keepdims)),
    "Relu": relu,
    "Reshape": reshape,
    "Resize": resize,
    "Round": unary(tf.round),
    "Selu": selu,
    "Sigmoid": unary(tf.sigmoid),
    "Sin": unary(tf.sin),
    "Slice": sliced,
    "Softmax": softmax(tf.nn.softmax),
    "Softplus": unary(tf.nn.softplus),
    "Softsign": unary(lambda x: x / (1.0 + tf.abs(x))),
    "SpaceToDepth": space_to_depth,
    "Split": split,
    "Sqrt": unary(tf.sqrt),
    "Squeeze": squeeze,
    "Sub": binary(tf.subtract),
    "Sum": add,
    "Tanh": unary(tf.tanh),
    "Transpose": transpose,
    "Unsqueeze": unsqueeze,
    "Where": where,
}
