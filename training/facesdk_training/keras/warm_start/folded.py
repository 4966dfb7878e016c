"""What a model file keeps of batch normalisation, and how to get back to one that trains.

A converter folds batch normalisation into the layer before it. A network that is to be trained
needs one again, whose statistics are those of its inputs: without them the first step would
normalise by others than the function was made with.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

_BATCH = 64


def set_folded_normalisation(
    layer: tf.keras.layers.BatchNormalization, gain: NDArray[Any], offset: NDArray[Any]
) -> None:
    """Makes a batch normalisation compute gain * x + offset in inference."""
    layer.set_weights([gain, offset, np.zeros_like(gain), np.full_like(gain, 1.0 - layer.epsilon)])


def give_statistics(model: tf.keras.Model, images: NDArray[np.float32]) -> None:
    """Gives batch normalisations the statistics of their inputs without changing the function.

    Args:
        model: Whose.
        images: float32 [N, height, width, 3], normalised training crops.
    """
    layers = [
        layer for layer in model.layers if isinstance(layer, tf.keras.layers.BatchNormalization)
    ]
    probe = tf.keras.Model(model.input, [layer.input for layer in layers])
    sums = [0.0] * len(layers)
    squares = [0.0] * len(layers)
    counts = [0] * len(layers)
    for start in range(0, len(images), _BATCH):
        for index, values in enumerate(probe.predict_on_batch(images[start : start + _BATCH])):
            flat = values.reshape(-1, values.shape[-1]).astype(np.float64)
            sums[index] = sums[index] + flat.sum(axis=0)
            squares[index] = squares[index] + np.square(flat).sum(axis=0)
            counts[index] += len(flat)
    for layer, total, square, count in zip(layers, sums, squares, counts, strict=True):
        gain, offset, old_mean, old_variance = (
            weight.numpy().astype(np.float64) for weight in layer.weights
        )
        gain = gain / np.sqrt(old_variance + layer.epsilon)
        mean = total / count
        variance = square / count - np.square(mean)
        layer.set_weights(
            [
                gain * np.sqrt(variance + layer.epsilon),
                offset + gain * (mean - old_mean),
                mean,
                variance,
            ]
        )
