"""Fixed-point weights of adjustable width: levels, and a scale for each filter.

A weight of k bits is a scale times one of 2^k levels, a power of two apart,

    -1, -1 + 2^(1-k), ..., 0, ..., 1 - 2^(1-k)        (k > 1),        -1, 1        (k = 1).

A value becomes the nearest level. The scale alpha of a filter W is found by alternating the two
steps that each minimise ||W - alpha Q||^2, the other being fixed, until Q no longer changes:

    Q = quantize(W / alpha),        alpha = (W . Q) / (Q . Q).

Source: patent application CN107480770A (J. Cheng, X. He, Q. Hu, 2017), paragraphs 52 and 69. The
alternation finds a local minimum only, so it runs from several scales and the best is kept. In the
patent's printed example (paragraph 52) the value 0.31 becomes 0, although 0.5 is nearer; any scale
from 1.25 to 2 reproduces the example whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError

FloatArray = NDArray[np.floating[Any]]
Codes = NDArray[np.int32]

ScaleKind = Literal["free", "power-of-two"]

MAX_BITS = 32
"""Most bits of a weight; a float32 has no more."""

_CLIPPING_STARTS = (0.7, 0.5, 0.3)
"""Largest level to begin with, as a share of a filter's largest weight, besides those at which
nothing is clipped; for up to :data:`_CLIPPED_BITS` bits, as clipping gains little with more."""

_CLIPPED_BITS = 4

_STEP_OF_ZEROS = 2.0**-20
"""Step of a filter whose weights are all 0: of one bit, they become this or its negative."""

_LOOKED_AT = 16
"""Filters of a layer that say which width its weights were trained with."""

_EXACT = 1e-9
"""Squared error of an exact filter, as a share of its weights' squares: what float32 rounds."""

_STORED_BITS = 8

_CONVERGED = 1e-6
"""Relative change of a step below which its filter is done."""

_MAX_ITERATIONS = 200


@dataclass(frozen=True, slots=True, eq=False)
class FixedPoint:
    """Weights as whole numbers and scales.

    Attributes:
        bits: Width of a weight.
        codes: int32, in the shape of the weights: -2^(bits-1) to 2^(bits-1) - 1; of one bit -1, 1.
        steps: float32 ``(filters,)``, above 0: a weight is its code times its filter's step. In the
            terms of the module, alpha is the step times 2^(bits-1); of one bit, the step.
        axis: The axis of ``codes`` that counts the filters.
    """

    bits: int
    codes: Codes
    steps: NDArray[np.float32]
    axis: int

    @property
    def values(self) -> NDArray[np.float32]:
        """The weights that these are, float32."""
        shape = [1] * self.codes.ndim
        shape[self.axis] = -1
        return self.codes.astype(np.float32) * self.steps.reshape(shape)

    def with_steps_of(self, least: FloatArray) -> FixedPoint:
        """About the same weights, with steps of at least ``least``, float ``(filters,)``."""
        shape = [1] * self.codes.ndim
        shape[self.axis] = -1
        growth = np.maximum(1.0, least / self.steps)
        codes = np.rint(self.codes / growth.reshape(shape)).astype(np.int32)
        return FixedPoint(self.bits, codes, (self.steps * growth).astype(np.float32), self.axis)


def quantize(values: FloatArray, bits: int) -> Codes:
    """The nearest level of each value, as a whole number of the distance of two levels.

    Args:
        values: Any shape; levels lie between -1 and 1.
        bits: 1 to :data:`MAX_BITS`.

    Returns:
        int32, in the shape of ``values``. A value halfway between two levels gets the even number;
        of one bit, 0 gets 1.
    """
    if bits == 1:
        return np.where(values < 0, -1, 1).astype(np.int32)
    half = 1 << (bits - 1)
    codes: Codes = np.clip(np.rint(values * half), -half, half - 1).astype(np.int32)
    return codes


def fit(weights: FloatArray, bits: int, *, scale: ScaleKind = "free", axis: int = 0) -> FixedPoint:
    """The fixed-point weights nearest to given ones, with a scale for each filter.

    Args:
        weights: Finite, at least one filter of at least one weight.
        bits: 1 to :data:`MAX_BITS`.
        scale: ``"free"``, or ``"power-of-two"``: scales that hardware applies by shifting.
        axis: The axis that counts the filters.

    Raises:
        InputError: ``bits`` or ``scale`` is none of these.
    """
    if not 1 <= bits <= MAX_BITS:
        raise InputError(f"weights must have 1 to {MAX_BITS} bits, but got {bits}")
    if scale not in get_args(ScaleKind):
        raise InputError(f"scale must be one of {', '.join(get_args(ScaleKind))}, but got {scale}")
    filters = np.moveaxis(np.asarray(weights, np.float64), axis, 0)
    rows = filters.reshape(len(filters), -1)
    steps = np.maximum(_best_steps(rows, bits, scale), np.finfo(np.float32).tiny)  # stored so
    codes = _codes(rows, steps, bits).reshape(filters.shape)
    return FixedPoint(bits, np.moveaxis(codes, 0, axis), steps.astype(np.float32), axis)


def narrowest(weights: FloatArray, *, axis: int = 0) -> int | None:
    """The fewest bits, 1 to 8, with which weights are fixed-point numbers already.

    Weights that were trained with a width keep it, whatever factors their filters have since. Some
    filters are looked at, and most of them must be exact: one whose factor is negative is not, as
    the levels are not symmetric.

    Args:
        weights: Finite, at least one filter of at least one weight.
        axis: The axis that counts the filters.

    Returns:
        The bits; None where no width holds most filters.
    """
    filters = np.moveaxis(np.asarray(weights, np.float64), axis, 0)
    places = np.unique(np.linspace(0, len(filters) - 1, _LOOKED_AT).round().astype(int))
    widths = sorted(_exact_bits(row) for row in filters[places].reshape(len(places), -1))
    bits = widths[len(widths) // 2]
    return bits if bits <= _STORED_BITS and filters[0].size > 1 << bits else None


def _exact_bits(row: FloatArray) -> int:
    """The fewest bits that hold a filter exactly, with any scale; more than 8 if none does."""
    largest, energy = np.abs(row).max(), np.square(row).sum()
    for top in range(1, (1 << (_STORED_BITS - 1)) + 1):
        codes = np.rint(row * (top / largest)) if largest else np.zeros_like(row)
        if np.square(row - codes * (largest / top)).sum() <= _EXACT * energy:
            if (np.abs(codes) == 1).all():
                return 1
            return max(2, int(max(codes.max(), -codes.min() - 1)).bit_length() + 1)
    return _STORED_BITS + 1


def alternate(rows: FloatArray, steps: FloatArray, bits: int) -> Iterator[FloatArray]:
    """The alternation for filters that are rows, from given steps until they stand still.

    Args:
        rows: ``(filters, weights)``.
        steps: ``(filters,)``, above 0: where to begin.
        bits: 1 to :data:`MAX_BITS`.

    Yields:
        The steps ``(filters,)`` after each iteration, the first being those given. The error of no
        filter grows from one to the next.
    """
    steps = np.array(steps, np.float64)
    moving = np.arange(len(rows))
    yield steps.copy()
    for _ in range(_MAX_ITERATIONS):
        previous = steps[moving]
        part = rows[moving]
        steps[moving] = _least_squares(part, _codes(part, previous, bits), previous)
        yield steps.copy()
        moving = moving[np.abs(steps[moving] - previous) > _CONVERGED * previous]
        if not len(moving):
            return


def errors(rows: FloatArray, steps: FloatArray, bits: int) -> FloatArray:
    """Squared distance of each filter from what it becomes, float64 ``(filters,)``."""
    return np.asarray(
        np.square(rows - steps[:, np.newaxis] * _codes(rows, steps, bits)).sum(axis=1)
    )


def _best_steps(rows: FloatArray, bits: int, scale: ScaleKind) -> FloatArray:
    largest = np.abs(rows).max(axis=1)
    largest[largest == 0] = 1.0
    best = np.full(len(rows), _STEP_OF_ZEROS)
    least = np.where(rows.any(axis=1), np.inf, 0.0)
    for start in _starts(bits):
        *_, steps = alternate(rows, largest * start, bits)
        candidates = [steps]
        if scale == "power-of-two":
            exponents = np.floor(np.log2(steps))
            candidates = [np.exp2(exponents), np.exp2(exponents + 1)]
        for candidate in candidates:
            found = errors(rows, candidate, bits)
            best = np.where(found < least, candidate, best)
            least = np.minimum(found, least)
    return best


def _starts(bits: int) -> list[float]:
    """Steps to begin with, for a filter whose largest weight is 1.

    At the first ones that weight is one of the lowest or highest levels, so that weights which are
    fixed-point numbers already stay what they are.
    """
    half = 1 << (bits - 1)
    tops = range(half, max(0, half - (4 if bits <= _CLIPPED_BITS else 2)), -1)
    clipping = _CLIPPING_STARTS if bits <= _CLIPPED_BITS else ()
    return [1 / top for top in tops] + [share / max(1, half - 1) for share in clipping]


def _codes(rows: FloatArray, steps: FloatArray, bits: int) -> Codes:
    span = 1 if bits == 1 else 1 << (bits - 1)
    return quantize(rows / (steps[:, np.newaxis] * span), bits)


def _least_squares(rows: FloatArray, codes: Codes, previous: FloatArray) -> FloatArray:
    """The best steps for given codes; a filter whose codes are all 0 keeps its step."""
    squares = np.square(codes, dtype=np.float64).sum(axis=1)
    products = (rows * codes).sum(axis=1)
    usable = (squares > 0) & (products > 0)
    return np.where(usable, products / np.where(usable, squares, 1.0), previous)
