"""Which weights of a Keras network are latent, and how all go to and from ``latent.npz``."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from facesdk.errors import InputError
from facesdk_training.runs import latent


def latent_weights(model: tf.keras.Model) -> list[tf.Variable]:
    """The float variables whose quantized values are the kernels of the network."""
    return [
        layer.kernel
        for layer in model.layers
        if getattr(layer, "kernel_quantizer", None) is not None
    ]


def save_latent(path: Path, model: tf.keras.Model) -> None:
    """Writes the weights of a model whose latent weights are within -1 to 1.

    Raises:
        InputError: The file cannot be written.
    """
    found = {id(variable) for variable in latent_weights(model)}
    latent.save(
        path,
        {layer.name: layer.get_weights() for layer in model.layers},
        {
            (layer.name, number)
            for layer in model.layers
            for number, variable in enumerate(layer.weights)
            if id(variable) in found
        },
    )


def restore_latent(path: Path, model: tf.keras.Model) -> list[str]:
    """Sets the weights of the layers that the file has.

    Returns:
        Names of the layers with weights that it lacks, which keep what they had.

    Raises:
        InputError: The file cannot be read, or a layer has other shapes.
    """
    weights = latent.read(path)
    missing = []
    for layer in model.layers:
        if not layer.weights:
            continue
        found = weights.get(layer.name)
        if found is None:
            missing.append(layer.name)
            continue
        if [values.shape for values in found] != [tuple(own.shape) for own in layer.weights]:
            raise InputError(f"{path} has other shapes for layer {layer.name}")
        for variable, values in zip(layer.weights, found, strict=True):
            variable.assign(values)
    return missing
