"""Several teachers as one: their unit vectors joined, and projected to the student's length."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError

PROJECTION = "projection.npz"
"""Name of the file in a run folder that holds the projection of several teachers."""

_KEY = "projection"


def principal_projection(joined: NDArray[np.float32], length: int) -> NDArray[np.float32]:
    """The directions of most energy: float32 [D, length], orthonormal columns.

    Cosines after it are those before it, but for the energy that is left out. Nothing is
    subtracted, so that vectors without likeness stay without. A direction and its opposite have the
    same energy; here the largest number of each is positive, whatever the library of linear algebra
    prefers, so that runs on the same crops have the same targets.

    Args:
        joined: float32 [N, D].
        length: Columns to keep, at most D.
    """
    moments = joined.T.astype(np.float64) @ joined.astype(np.float64) / len(joined)
    _, vectors = np.linalg.eigh(moments)
    directions = vectors[:, ::-1][:, :length]
    largest = np.take_along_axis(directions, np.abs(directions).argmax(axis=0)[np.newaxis], axis=0)
    return np.ascontiguousarray((directions * np.sign(largest)).astype(np.float32))


def joined_units(units: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Unit vectors [N, sum of D] whose cosines are the means of the teachers' cosines."""
    return np.concatenate(units, axis=1) / np.float32(len(units) ** 0.5)


def projected(joined: NDArray[np.float32], projection: NDArray[np.float32]) -> NDArray[np.float32]:
    """The unit vectors [N, length] of joined ones."""
    shortened = joined @ projection
    lengths = np.linalg.norm(shortened, axis=1, keepdims=True)
    return np.asarray(shortened / np.maximum(lengths, 1e-12), np.float32)


def read_projection(path: Path, inputs: int, length: int) -> NDArray[np.float32]:
    """Reads ``projection.npz`` of another run, whose student learned in the same space.

    Raises:
        InputError: It cannot be read, or is for other teachers or another length.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            projection = np.asarray(file[_KEY], np.float32)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"cannot read the projection {path}: {error}") from None
    if projection.shape != (inputs, length):
        raise InputError(
            f"{path} is for {projection.shape[0]} numbers to {projection.shape[-1]}, but the "
            f"teachers give {inputs} and the student learns {length}"
        )
    return projection
