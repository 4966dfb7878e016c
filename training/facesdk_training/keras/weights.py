"""Which weights of a Keras network are latent, and how all go to and from ``latent.npz``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk_training.architectures.registry import NetworkConfig
from facesdk_training.runs import latent
from facesdk_training.runs.starting import weights_for


def latent_weights(model: tf.keras.Model) -> list[tf.Variable]:
    """The float variables whose quantized values are the kernels of the network."""
    return [
        layer.kernel
        for layer in model.layers
        if getattr(layer, "kernel_quantizer", None) is not None
    ]


def take_over(layer: tf.keras.layers.Layer, values: Sequence[NDArray[Any]]) -> bool:
    """Sets the weights of a layer to those of another of the same shapes.

    Weights of the layer's quantizer (the trained scales of ``ttq``) may be missing, as in a layer
    that was trained without it; they are then fitted to the kernel.

    Returns:
        Whether the shapes were the same; if not, nothing is changed.
    """
    quantizer = getattr(layer, "kernel_quantizer", None)
    fitted = len(quantizer.weights) if hasattr(quantizer, "fit") else 0
    own, given = [tuple(w.shape) for w in layer.weights], [w.shape for w in values]
    if given != own and (not fitted or given != own[:-fitted]):
        return False
    for variable, new in zip(layer.weights, values, strict=False):
        variable.assign(new)
    if len(given) < len(own):
        quantizer.fit(layer.kernel)
    return True


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


def set_weights(
    model: tf.keras.Model, weights: Mapping[str, Sequence[NDArray[Any]]], source: str
) -> list[str]:
    """Sets the layers that are given.

    Args:
        model: Whose.
        weights: The arrays of each layer, by its name.
        source: Where they come from, for errors.

    Returns:
        Names of the layers with weights that are not given, which keep what they had.

    Raises:
        InputError: A layer has other shapes.
    """
    missing = []
    for layer in model.layers:
        if not layer.weights:
            continue
        found = weights.get(layer.name)
        if found is None:
            missing.append(layer.name)
        elif not take_over(layer, found):
            raise InputError(f"{source} has other shapes for layer {layer.name}")
    return missing


def restore_latent(path: Path, model: tf.keras.Model) -> list[str]:
    """Sets the weights of the layers that the file has; see :func:`set_weights`.

    Raises:
        InputError: The file cannot be read, or a layer has other shapes.
    """
    return set_weights(model, latent.read(path), str(path))


def start_from(path: Path, model: tf.keras.Model, shape: NetworkConfig) -> None:
    """Sets the weights that a network begins with to those of another run.

    Args:
        path: Its ``latent.npz``.
        model: The network.
        shape: Its configuration.

    Raises:
        InputError: See :func:`~facesdk_training.runs.starting.weights_for`, or a layer has other
            shapes.
    """
    layers = [layer.name for layer in model.layers if layer.weights]
    set_weights(model, weights_for(path, shape, layers), str(path))
