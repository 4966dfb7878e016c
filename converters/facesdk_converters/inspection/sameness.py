"""Where a network begins to give the same for every input, so that its outputs tell nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from facesdk.results import FloatArray

_SAME = 1e-6
"""Of a layer's largest value: values of different inputs no further apart are the same."""

_SATURATING = ("softmax", "sigmoid", "tanh")


def first_the_same(model: Any, inputs: Sequence[FloatArray]) -> Any:
    """The first layer of a Keras model that gives the same for all inputs; None where none does.

    Args:
        model: The model.
        inputs: For each input float32 ``(N, ...)``, N from 2 and a multiple of the model's batch.
    """
    outputs = [
        (layer, one)
        for layer in model.layers
        if len(layer.inbound_nodes) == 1 and type(layer).__name__ != "InputLayer"
        for one in tf.nest.flatten(layer.get_output_at(0))
        if hasattr(one, "_keras_history")
    ]
    every = tf.keras.Model(model.inputs, [one for _, one in outputs])
    size = model.inputs[0].shape[0] or 1
    runs = [
        tf.nest.flatten(every([one[start : start + size] for one in inputs], training=False))
        for start in range(0, len(inputs[0]), size)
    ]
    together = np.stack if size == 1 else np.concatenate
    for (layer, _), reached in zip(outputs, zip(*runs, strict=True), strict=True):
        rows = together([np.asarray(one, np.float64) for one in reached])
        if np.ptp(rows, axis=0).max(initial=0) <= _SAME * np.abs(rows).max(initial=0):
            return layer
    return None


def is_saturated(layer: Any) -> bool:
    """Whether a layer gives the same because its activation does for large numbers."""
    activation = getattr(getattr(layer, "activation", None), "__name__", type(layer).__name__)
    return activation.lower() in _SATURATING
