"""Weights that are powers of two or 0, and the order in which INQ settles them.

A. Zhou, A. Yao, Y. Guo, L. Xu and Y. Chen, "Incremental Network Quantization: Towards Lossless CNNs
with Low-Precision Weights", ICLR 2017. With b bits a layer has 0 and the powers 2^n2 to 2^n1 with
both signs,

    n1 = floor(log2(4 max|W| / 3)),        n2 = n1 + 1 - 2^(b-2)        (equations 2 to 4),

of which a weight takes the nearest: with neighbours a < b, b from (a + b) / 2 to 3 b / 2 (equation
5). Multiplying by a power of two is a shift.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError

LEAST_BITS, MOST_BITS = 3, 5
"""Widths: 2 bits leave a single power, and beyond 5 the powers exceed 8-bit whole numbers."""


def powers(largest: float, bits: int) -> NDArray[np.float64]:
    """The positive levels of a layer, rising, float64 ``(2^(bits-2),)``.

    Args:
        largest: Its largest magnitude, above 0.
        bits: :data:`LEAST_BITS` to :data:`MOST_BITS`.

    Raises:
        InputError: ``bits`` is none of these.
    """
    if not LEAST_BITS <= bits <= MOST_BITS:
        raise InputError(f"powers of two take {LEAST_BITS} to {MOST_BITS} bits, but got {bits}")
    top = int(np.floor(np.log2(4 * largest / 3)))
    return np.exp2(np.arange(top + 1 - 2 ** (bits - 2), top + 1, dtype=np.float64))


def nearest(weights: NDArray[np.floating], levels: NDArray[np.float64]) -> NDArray[np.float32]:
    """Each weight as 0 or a level with its sign, float32 in the shape of ``weights``.

    Args:
        weights: Any shape.
        levels: From :func:`powers`; larger weights become the largest level.
    """
    magnitudes = np.abs(np.asarray(weights, np.float64))
    lower = np.concatenate([[0.0], levels[:-1]])
    places = np.searchsorted((lower + levels) / 2, magnitudes, side="right")
    values = np.concatenate([[0.0], levels])[places]
    return (np.sign(weights) * values).astype(np.float32)


def settled_first(weights: NDArray[np.floating], share: float) -> NDArray[np.bool_]:
    """Which weights are settled when a share of them is: the largest, bool in the same shape.

    "Pruning-inspired" in the paper: large weights matter most, so the small ones are left to make
    up for their rounding.

    Args:
        weights: Any shape.
        share: 0 to 1; the number of weights is rounded.
    """
    count = round(share * weights.size)
    chosen = np.zeros(weights.size, bool)
    chosen[np.argsort(-np.abs(weights).ravel(), kind="stable")[:count]] = True
    return chosen.reshape(weights.shape)
