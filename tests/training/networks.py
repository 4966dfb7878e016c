"""What tests of networks share."""

from __future__ import annotations

from typing import Any

import numpy as np

_ANY_SIGN = ("beta", "mean", "shift", "alpha", "bias", "head_correction")


def randomise(model: Any) -> None:
    """Makes a Keras model look trained: statistics, offsets, slopes and shifts that matter."""
    rng = np.random.default_rng(9)
    for variable in model.weights:
        if any(part in variable.name for part in ("gamma", "variance")):
            variable.assign(rng.uniform(0.5, 2, variable.shape))
        elif any(part in variable.name for part in _ANY_SIGN):
            variable.assign(rng.normal(0, 0.5, variable.shape))


def faces(count: int = 2) -> np.ndarray:
    """Noise of the size of an aligned crop, float32 [count, 112, 96, 3] in [-1, 1]."""
    return np.random.default_rng(1).uniform(-1, 1, (count, 112, 96, 3)).astype(np.float32)


def sign(x: np.ndarray) -> np.ndarray:
    """-1 where x is negative, else +1."""
    return np.where(x < 0, -1.0, 1.0)
