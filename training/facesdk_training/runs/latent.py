"""A run's weights in a few bytes: ``latent.npz``, from which another run can start.

A checkpoint holds each latent weight and two moments of Adam as float32. What the next run needs is
the weight alone, and of that its sign and roughly its distance from 0: 8 bits. Other variables are
kept as they are. Keys are ``layer/number``, in the order of the layer's weights.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from facesdk.errors import InputError
from facesdk.files import read_regular, write_atomic
from facesdk_training.keras.optimizers import latent_weights

_STEPS = 127


def save(path: Path, model: tf.keras.Model) -> None:
    """Writes the weights of a model whose latent weights are within -1 to 1.

    Raises:
        InputError: The file cannot be written.
    """
    latent = {id(variable) for variable in latent_weights(model)}
    arrays = {}
    for layer in model.layers:
        for number, variable in enumerate(layer.weights):
            values = variable.numpy()
            if id(variable) in latent:
                steps = np.maximum(1, np.round(np.abs(values) * _STEPS))
                arrays[f"{layer.name}/{number}"] = np.where(values < 0, -steps, steps).astype(
                    np.int8
                )
            else:
                arrays[f"{layer.name}/{number}"] = values
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    write_atomic(path, stream.getvalue())


def restore(path: Path, model: tf.keras.Model) -> list[str]:
    """Sets the weights of the layers that the file has.

    Returns:
        Names of the layers with weights that it lacks, which keep what they had.

    Raises:
        InputError: The file cannot be read, or a layer has other shapes.
    """
    try:
        with np.load(io.BytesIO(read_regular(path)), allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"cannot read the weights {path}: {error}") from None
    missing = []
    for layer in model.layers:
        if not layer.weights:
            continue
        found = [arrays.get(f"{layer.name}/{number}") for number in range(len(layer.weights))]
        if found[0] is None:
            missing.append(layer.name)
            continue
        for variable, values in zip(layer.weights, found, strict=True):
            if values is None or values.shape != tuple(variable.shape):
                raise InputError(f"{path} has other shapes for layer {layer.name}")
            number = values.astype(np.float32)
            variable.assign(number / _STEPS if values.dtype == np.int8 else number)
    return missing
