"""What networks are fed while they are timed, or where no photo suits them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import ModelError
from facesdk.results import FloatArray
from facesdk.runtime.interpreter import Interpreter

_SEED = 0


def noise(shape: tuple[int, ...]) -> FloatArray:
    """Standard normal numbers, always the same ones.

    Args:
        shape: Of the array.

    Returns:
        float32 in this shape.
    """
    return np.random.default_rng(_SEED).standard_normal(shape).astype(np.float32)


def random_inputs(interpreter: Interpreter, *, packed: bool = False) -> list[NDArray[Any]]:
    """An array for each input of a network, always the same ones.

    Floats are standard normal, bytes take every value. Wider integers are 0, which is an index that
    every table has, unless they are ``packed`` bits.

    Raises:
        ModelError: They do not fit into memory.
    """
    random = np.random.default_rng(_SEED)
    try:
        return [
            _filled(random, shape, dtype, packed)
            for shape, dtype in zip(interpreter.input_shapes, interpreter.input_dtypes, strict=True)
        ]
    except (ValueError, MemoryError):
        shapes = ", ".join(map(str, interpreter.input_shapes))
        raise ModelError(f"inputs of shape {shapes} do not fit into memory") from None


def _filled(
    random: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype[Any], packed: bool
) -> NDArray[Any]:
    if dtype.kind == "f":
        return random.standard_normal(shape).astype(dtype)
    if dtype.kind == "b" or dtype.itemsize == 1 or packed:
        raw = random.integers(0, 256, (*shape, dtype.itemsize), np.uint8)
        values = raw % 2 if dtype.kind == "b" else raw
        filled: NDArray[Any] = np.ascontiguousarray(values).view(dtype)[..., 0]
        return filled
    return np.zeros(shape, dtype)
