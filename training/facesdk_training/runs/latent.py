"""A run's weights in a few bytes: ``latent.npz``, from which another run can start.

A checkpoint holds each latent weight and two moments of Adam as float32. What the next run needs is
the weight alone, and of that its sign and roughly its distance from 0: 8 bits. Other variables are
kept as they are. Keys are ``layer/number``, in the order of the layer's weights in the Keras
network, whatever engine trained it.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.files import read_regular, write_atomic

_STEPS = 127


def save(
    path: Path,
    weights: Mapping[str, Sequence[NDArray[Any]]],
    latent: Collection[tuple[str, int]],
) -> None:
    """Writes weights.

    Args:
        path: The file.
        weights: The arrays of each layer, by its name.
        latent: Which of them, by layer and number, are latent weights: float within -1 to 1, whose
            signs are what the network computes with.

    Raises:
        InputError: The file cannot be written.
    """
    arrays = {
        f"{layer}/{number}": _in_steps(values) if (layer, number) in latent else values
        for layer, rows in weights.items()
        for number, values in enumerate(rows)
    }
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    write_atomic(path, stream.getvalue())


def read(path: Path) -> dict[str, list[NDArray[np.float32]]]:
    """The arrays of each layer, by its name, as float32; latent weights are multiples of 1/127.

    Raises:
        InputError: The file cannot be read, or holds something else.
    """
    try:
        with np.load(io.BytesIO(read_regular(path)), allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
        numbered: dict[str, dict[int, NDArray[np.float32]]] = {}
        for key, values in arrays.items():
            layer, _, number = key.rpartition("/")
            numbered.setdefault(layer, {})[int(number)] = _from_steps(values)
    except (OSError, ValueError, MemoryError, zipfile.BadZipFile) as error:
        raise InputError(f"cannot read the weights {path}: {error}") from None
    return {layer: [rows[number] for number in sorted(rows)] for layer, rows in numbered.items()}


def _in_steps(values: NDArray[Any]) -> NDArray[np.int8]:
    steps = np.maximum(1, np.round(np.abs(values) * _STEPS))
    return np.where(values < 0, -steps, steps).astype(np.int8)


def _from_steps(values: NDArray[Any]) -> NDArray[np.float32]:
    numbers = values.astype(np.float32)
    return numbers / np.float32(_STEPS) if values.dtype == np.int8 else numbers
