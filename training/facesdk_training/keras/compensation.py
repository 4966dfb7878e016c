"""Folds into a trained network what compensates for nuisances of photos."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from facesdk_training.config.distortions import DistortionConfig
from facesdk_training.config.nuisances import NuisanceConfig
from facesdk_training.data.compensation import COPIES, LAST_LAYER, compensation, folded

Copies = Callable[[Sequence[DistortionConfig], int], Iterable[NDArray[np.float32]]]
"""Batches of so many training crops that are distorted by all rows, see
:meth:`facesdk_training.data.batches.CropBatches.copies`."""


def compensate(model: tf.keras.Model, nuisances: Sequence[NuisanceConfig], copies: Copies) -> None:
    """Changes the last layer, see :mod:`facesdk_training.data.compensation`.

    Args:
        model: Whose last layer is dense and named "embedding".
        nuisances: What is taken out.
        copies: Gives the crops.

    Raises:
        InputError: A crop cannot be decoded, or the nuisances leave nothing.
    """
    embed = tf.function(lambda images: model(images, training=False), autograph=False)
    embeddings = [
        np.concatenate([np.asarray(embed(images)) for images in copies(row.distortions, COPIES)])
        for row in nuisances
    ]
    last = model.get_layer(LAST_LAYER)
    last.set_weights(folded(last.get_weights(), compensation(nuisances, embeddings)))
