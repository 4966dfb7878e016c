"""Binary dense layers as convolutions of size 1, which Larq Compute Engine has an operator for.

Its converter knows no binary dense operator and leaves ``QuantDense`` in float, with 32 bits per
weight. The same product as a convolution of size 1 gets one bit per weight, and the batch
normalisation and sign after it are folded.

TensorFlow computes no constant of more than 128 MiB while it converts, so the quantizer of such a
kernel (AlexNet's first dense layer has 144 MiB) would stay in the file, with the float kernel. It
is quantized beforehand, and given in parts that the converter folds, a convolution each; what
follows them is then not folded.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import larq as lq
import numpy as np
import tensorflow as tf

from facesdk_converters.targets.large_kernels import MOST_FOLDED_BYTES, bytes_of
from facesdk_converters.targets.substitution import computing_as

_PART_BYTES = 16 << 20


class _DenseAsConvolution(lq.layers.QuantDense):  # type: ignore[misc]
    """A ``QuantDense`` that computes by a convolution: of a place for each vector it is given."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        size, units = self.kernel.shape
        places = inputs.shape[1:-1]
        signs = self.input_quantizer(tf.reshape(inputs, (-1, math.prod(places), 1, size)))
        products = [
            tf.nn.conv2d(signs, kernel, strides=1, padding="VALID") for kernel in self._kernels()
        ]
        outputs = products[0] if len(products) == 1 else tf.concat(products, axis=-1)
        outputs = tf.reshape(outputs, (-1, *places, units))
        if self.use_bias:
            outputs = outputs + self.bias
        return self.activation(outputs) if self.activation is not None else outputs

    def _kernels(self) -> list[Any]:
        size, units = self.kernel.shape
        with lq.context.quantized_scope(True):
            kernel = tf.reshape(self.kernel, (1, 1, size, units))
        return [kernel]


class _LargeDenseAsConvolutions(_DenseAsConvolution):
    """A ``QuantDense`` whose kernel is given in parts, as constants."""

    def _kernels(self) -> list[Any]:
        with tf.init_scope(), lq.context.quantized_scope(True):
            kernel = tf.convert_to_tensor(self.kernel).numpy()
        units = max(1, _PART_BYTES // (kernel.shape[0] * kernel.itemsize))
        parts = np.split(kernel, range(units, kernel.shape[1], units), axis=1)
        return [tf.constant(part[np.newaxis, np.newaxis]) for part in parts]


@contextmanager
def dense_as_convolutions(layers: Iterable[Any]) -> Iterator[None]:
    """While it lasts, the quantized dense layers of a model compute by convolutions.

    Args:
        layers: All Keras layers of the model.
    """
    suited = [layer for layer in layers if _suits(layer)]
    large = [layer for layer in suited if bytes_of(layer.kernel) > MOST_FOLDED_BYTES]
    others = [layer for layer in suited if bytes_of(layer.kernel) <= MOST_FOLDED_BYTES]
    with computing_as(_LargeDenseAsConvolutions, large), computing_as(_DenseAsConvolution, others):
        yield


def _suits(layer: Any) -> bool:
    return (
        type(layer) is lq.layers.QuantDense
        and layer.input_quantizer is not None
        and layer.kernel_quantizer is not None
    )
