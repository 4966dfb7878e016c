"""Gives a network of the Keras engine the weights of a published MobileFaceNet."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.models.bundle import ModelBundle
from facesdk_training.architectures.mobile_face_net import MobileFaceNetConfig
from facesdk_training.keras.warm_start.folded import give_statistics
from facesdk_training.keras.weights import take_over
from facesdk_training.runs.published import require_same, weights_of


def restore_weights(
    model: tf.keras.Model,
    config: MobileFaceNetConfig,
    source: ModelBundle,
    images: NDArray[np.float32],
) -> None:
    """Gives a network the function of a MobileFaceNet's file.

    Args:
        model: Freshly built.
        config: Its shape.
        source: The file, in float32.
        images: float32 [N, height, width, 3], normalised training crops, by which the statistics of
            the batch normalisations are measured.

    Raises:
        InputError: The file is no MobileFaceNet of that shape.
    """
    for name, arrays in weights_of(source, config).items():
        if not take_over(model.get_layer(name), arrays):
            raise InputError(f"{source.path} has other shapes for layer {name}")
    require_same(source, images, lambda some: np.asarray(model(some, training=False)))
    give_statistics(model, images)
