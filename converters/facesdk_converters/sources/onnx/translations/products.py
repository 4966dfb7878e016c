"""Matrix products, also of two tensors that are both computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from facesdk.errors import ModelError
from facesdk_converters.sources.onnx.graph import Node
from facesdk_converters.sources.onnx.translations.weighted import gemm
from facesdk_converters.sources.onnx.translator import Translator, ordered, rank_of, stored


def matmul(translator: Translator, node: Node) -> Any:
    """``MatMul``: a dense layer if a matrix of weights is second."""
    weights = translator.constant(node.inputs[1])
    if weights is not None and weights.ndim == 2:
        return gemm(translator, node)
    first, second = (_factor(translator, name) for name in node.inputs)
    if min(rank_of(first), rank_of(second)) < 2:
        raise ModelError("multiplies by a vector: write it as a matrix of one column")
    return stored(tf.matmul(first, second))


def _factor(translator: Translator, name: str) -> Any:
    values = translator.constant(name)
    if values is not None:
        return tf.constant(np.asarray(values, np.float32))
    return ordered(translator.tensor(name))
