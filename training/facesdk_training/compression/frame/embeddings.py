"""How near embeddings are."""

from __future__ import annotations

import numpy as np

from facesdk.results import FloatArray


def cosines(one: FloatArray, other: FloatArray) -> FloatArray:
    """The cosine of each row of one array to that of another; 0 to a row of zeros."""
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return np.asarray(np.sum(one * other, axis=1) / np.maximum(lengths, 1e-12))
