"""Running statistics of undistorted faces, for a network that was trained on distorted ones.

Distortions shift what batch normalisation sees; what it should normalise by afterwards are the
faces that the network will meet.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray


def measure_statistics(model: tf.keras.Model, batches: Iterable[NDArray[np.float32]]) -> None:
    """Replaces the running statistics by the plain means over some batches.

    Args:
        model: Whose.
        batches: Each float32 [N, height, width, 3], normalised.
    """
    layers = [
        layer for layer in model.layers if isinstance(layer, tf.keras.layers.BatchNormalization)
    ]
    momentums = [layer.momentum for layer in layers]
    for number, images in enumerate(batches):
        for layer in layers:
            layer.momentum = number / (number + 1)
        model(images, training=True)
    for layer, momentum in zip(layers, momentums, strict=True):
        layer.momentum = momentum
