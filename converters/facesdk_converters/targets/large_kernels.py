"""Quantized kernels that are too large for a converter to compute.

TensorFlow computes no constant of more than 128 MiB while it converts, so that the quantizer of
such a kernel (AlexNet's first dense layer has 144 MiB) stays in the file and runs at each
inference. Its values are put in before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import larq as lq
import tensorflow as tf
from larq.quantized_variable import QuantizedVariable

MOST_FOLDED_BYTES = 128 << 20
"""The largest constant that TensorFlow computes while it converts."""

_KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")


def bytes_of(kernel: Any) -> int:
    """Size of a kernel."""
    return int(kernel.shape.num_elements() * kernel.dtype.size)


@contextmanager
def quantized_before(layers: Iterable[Any]) -> Iterator[None]:
    """While it lasts, large kernels are what their quantizers make of them.

    Args:
        layers: Layers of a network; those without a large quantized kernel are left alone.
    """
    found = [getattr(layer, name, None) for layer in layers for name in _KERNELS]
    large = [
        kernel
        for kernel in found
        if isinstance(kernel, QuantizedVariable) and bytes_of(kernel) > MOST_FOLDED_BYTES
    ]
    before = [(kernel, kernel.quantizer, kernel.latent_variable.numpy()) for kernel in large]
    try:
        for kernel in large:
            with lq.context.quantized_scope(True):
                values = tf.convert_to_tensor(kernel)
            kernel.latent_variable.assign(values)
            kernel.quantizer = tf.identity
        yield
    finally:
        for kernel, quantizer, values in before:
            kernel.quantizer = quantizer
            kernel.latent_variable.assign(values)
