"""Cosines between the outputs of two networks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facesdk.results import FloatArray

_SHORTEST_VECTOR = 8
"""Outputs of fewer numbers have no direction worth comparing."""


def cosines_between(first: FloatArray, second: FloatArray) -> NDArray[np.float64]:
    """Cosines between two outputs, one per input.

    Args:
        first: float32 ``(N, ...)``.
        second: As many numbers.

    Returns:
        float64 ``(N,)``; ``(1,)``, of all inputs together, where outputs are too short for a
        cosine.
    """
    return row_cosines(as_rows(first), as_rows(second))


def row_cosines(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cosines between the rows of two results of :func:`as_rows`, float64 ``(N,)``."""
    return np.asarray(np.sum(unit_rows(first) * unit_rows(second), axis=1))


def as_rows(outputs: FloatArray) -> NDArray[np.float64]:
    """One vector per input; a single one of all inputs where outputs are too short for a cosine."""
    rows = outputs.reshape(len(outputs), -1).astype(np.float64)
    return rows if rows.shape[1] >= _SHORTEST_VECTOR else rows.reshape(1, -1)


def unit_rows(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows of length 1; a zero row becomes the first axis, so that two of them agree."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    axis = np.eye(1, rows.shape[1])
    return np.where(lengths > 0, rows / np.where(lengths > 0, lengths, 1), axis)
