"""Whether a network that was built again computes what Keras 3 computes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import tensorflow as tf

from facesdk.errors import ModelError, one_line
from facesdk_training.keras.keras3.way_out import EXPORT

_CLOSE = 3e-4
"""Largest difference between the two on noise, as a share of the largest output."""


def require_same(model: tf.keras.Model, file: Path, path: Path) -> None:
    """Raises unless Keras 3, which TensorFlow brings, computes of noise what the model does.

    Args:
        model: The network of Keras 2.
        file: What Keras 3 is to read.
        path: The user's file, for messages.
    """
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    import keras  # seconds, which other files do not take

    try:
        theirs = keras.models.load_model(file, compile=False)
    except Exception as error:  # whatever Keras raises
        raise ModelError(
            f"{path}: Keras {keras.__version__} cannot load it itself ({one_line(error, 150)}), so "
            "that what it computes is not known: save the network as .keras"
        ) from None
    rng = np.random.default_rng(3)
    inputs = [rng.normal(0, 1, (1, *map(_size, x.shape[1:]))) for x in model.inputs]
    arrays = [tf.constant(values, x.dtype) for values, x in zip(inputs, model.inputs, strict=True)]
    form = model.input if isinstance(theirs, keras.Sequential) else theirs.input
    ours, expected = (
        tf.nest.flatten(network(tf.nest.pack_sequence_as(inputs, arrays), training=False))
        for network, inputs in ((model, model.input), (theirs, form))
    )
    for one, other in zip(ours, expected, strict=True):
        first, second = np.asarray(one, np.float64), np.asarray(other, np.float64)
        gap = float(np.abs(first - second).max())
        if not gap <= _CLOSE * max(float(np.abs(second).max()), 1e-6):
            raise ModelError(
                f"{path}: built again in Keras 2 the network computes something else (a difference "
                f"of {gap:.2g}): {EXPORT}"
            )


def _size(size: int | None) -> int:
    return 32 if size is None else size
