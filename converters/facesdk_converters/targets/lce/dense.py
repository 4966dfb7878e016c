"""Binary dense layers as convolutions of size 1, which Larq Compute Engine has an operator for.

Its converter knows no binary dense operator and leaves ``QuantDense`` in float, with 32 bits per
weight. The same product as a convolution of a 1x1 image gets one bit per weight, and the batch
normalisation and sign after it are folded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import larq as lq
import tensorflow as tf


class _DenseAsConvolution(lq.layers.QuantDense):  # type: ignore[misc]
    """A ``QuantDense`` on vectors that computes by a convolution."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        size, units = self.kernel.shape
        signs = self.input_quantizer(tf.reshape(inputs, (-1, 1, 1, size)))
        with lq.context.quantized_scope(True):
            kernel = tf.reshape(self.kernel, (1, 1, size, units))
        products = tf.nn.conv2d(signs, kernel, strides=1, padding="VALID")
        outputs = tf.reshape(products, (-1, units))
        if self.use_bias:
            outputs = outputs + self.bias
        return self.activation(outputs) if self.activation is not None else outputs


@contextmanager
def dense_as_convolutions(layers: Iterable[Any]) -> Iterator[None]:
    """While it lasts, the quantized dense layers of a model on vectors compute by convolutions.

    Layers change their class, so that any kind of model will do, also nested and subclassed ones.

    Args:
        layers: All Keras layers of the model; its weights and outputs stay as they are.
    """
    changed = [layer for layer in layers if _suits(layer)]
    for layer in changed:
        layer.__class__ = _DenseAsConvolution
    try:
        yield
    finally:
        for layer in changed:
            layer.__class__ = lq.layers.QuantDense


def _suits(layer: Any) -> bool:
    return (
        type(layer) is lq.layers.QuantDense
        and layer.input_quantizer is not None
        and layer.kernel_quantizer is not None
        and len(layer.input_shape) == 2
    )
