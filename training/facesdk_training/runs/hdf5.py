"""Weights in the HDF5 layout of Keras 2, written without Keras.

``model.load_weights`` goes by order: the attribute ``layer_names`` lists groups, the attribute
``weight_names`` of each its datasets. Names say what is inside, and are not compared.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray


def weights_file(weights: Mapping[str, Sequence[NDArray[Any]]]) -> bytes:
    """The content of a file of weights.

    Args:
        weights: The arrays of each layer that has any, in the order of the Keras network's layers.
    """
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file.attrs["layer_names"] = np.array([name.encode() for name in weights])
        file.attrs["backend"] = b"tensorflow"
        file.attrs["keras_version"] = b"2"
        for layer, arrays in weights.items():
            group = file.create_group(layer)
            names = [f"{layer}/{number}" for number in range(len(arrays))]
            group.attrs["weight_names"] = np.array([name.encode() for name in names])
            for name, values in zip(names, arrays, strict=True):
                group[name] = values
    return stream.getvalue()


def read_weights(content: bytes) -> dict[str, list[NDArray[np.float32]]]:
    """The inverse of :func:`weights_file`."""
    with h5py.File(io.BytesIO(content), "r") as file:
        return {
            layer.decode(): [
                np.asarray(file[layer.decode()][name.decode()])
                for name in file[layer.decode()].attrs["weight_names"]
            ]
            for layer in file.attrs["layer_names"]
        }
