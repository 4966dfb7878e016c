"""Folds into a trained network what compensates for nuisances of photos."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from facesdk_training.config.nuisances import NuisanceConfig
from facesdk_training.data.compensation import LAST_LAYERS, Matrix, compensation, folded

Copies = Callable[[NuisanceConfig], Iterable[NDArray[np.float32]]]
"""Batches of training crops that are distorted by a row, see
:meth:`facesdk_training.data.batches.CropBatches.copies`."""


Embed = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Embeddings [N, D] of crops [N, H, W, 3] in [-1, 1]."""


def compensate(
    model: tf.keras.Model,
    nuisances: Sequence[NuisanceConfig],
    copies: Copies,
    embed: Embed | None = None,
) -> Matrix:
    """Changes the last layers, see :mod:`facesdk_training.data.compensation`.

    Args:
        model: Whose last layers are dense, see
            :data:`facesdk_training.data.compensation.LAST_LAYERS`.
        nuisances: What is taken out.
        copies: Gives the crops.
        embed: What embeds them; by default the network. A file made of it, where rounding adds to
            what bad photos have in common.

    Returns:
        The map that was folded in.

    Raises:
        InputError: A crop cannot be decoded, or the nuisances leave nothing.
    """
    own = tf.function(lambda images: model(images, training=False), autograph=False)
    embed = embed or (lambda images: np.asarray(own(images)))
    embeddings = [np.concatenate([embed(images) for images in copies(row)]) for row in nuisances]
    change = compensation(nuisances, embeddings)
    fold(model, change)
    return change


def fold(model: tf.keras.Model, change: Matrix) -> None:
    """Lets a map [D, D] follow the embedding."""
    for layer in model.layers:
        if layer.name in LAST_LAYERS:
            layer.set_weights(folded(layer.get_weights(), change))
