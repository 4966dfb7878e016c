"""What a network holds: weights, those that are not 0, and bytes where filters have few values."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from facesdk_training.complexity.layers import measure

_MOST_VALUES = 256
"""Most values of a filter that count as a list of their own; shorter filters count as float32."""


def counts(model: tf.keras.Model) -> dict[str, Any]:
    """Weights, those that are not 0, their bytes and bits, and multiply-adds per face."""
    counted = measure(model)
    return {
        "weights": counted.parameters,
        "nonzero_weights": sum(int(np.count_nonzero(row)) for row in _kernels(model).values()),
        "weight_bytes": weight_bytes(model),
        "weight_bits": {name: bits for name, bits in bits_of(model).items() if bits},
        "multiply_adds": sum(counted.multiply_adds.values()),
    }


def weight_bytes(model: tf.keras.Model) -> int:
    """Bytes of all kernels if each filter's values are numbers into a list of its own.

    A filter with n values takes the bits of n - 1 per weight, and 4 bytes per value; more than 256
    values count as float32. The layer's bits are those of its richest filter.
    """
    total = 0
    for kernel in _kernels(model).values():
        plain, values = 4 * kernel.size, _values(kernel)
        listed = -(-kernel.size * _bits(values) // 8) + 4 * values * kernel.shape[-1]
        total += min(plain, listed) if values <= _MOST_VALUES else plain
    return total


def bits_of(model: tf.keras.Model) -> dict[str, int]:
    """Bits of a weight by the layer's name, as :func:`weight_bytes` counts; 0 is float32."""
    values = {name: _values(kernel) for name, kernel in _kernels(model).items()}
    return {name: _bits(n) if n <= _MOST_VALUES else 0 for name, n in values.items()}


def _values(kernel: np.ndarray) -> int:
    """Most values of a filter."""
    rows = kernel.reshape(-1, kernel.shape[-1]).T
    return max(len(np.unique(row)) for row in rows) if len(rows[0]) > _MOST_VALUES else 1 << 30


def _bits(values: int) -> int:
    return max(1, (values - 1).bit_length())


def _kernels(model: tf.keras.Model) -> dict[str, np.ndarray]:
    """The first weights of convolutions and dense layers, by the layer's name."""
    return {
        layer.name: layer.get_weights()[0]
        for layer in model.layers
        if isinstance(layer, (tf.keras.layers.Conv2D, tf.keras.layers.Dense))
    }
