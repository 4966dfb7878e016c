"""A network of two hidden dense layers in NumPy, with its gradients and Adam.

For a batch x of shape (N, I):  h = relu(x A + a),  g = relu(h B + b),  y = g C + c.  Adam is
D. Kingma and J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015, algorithm 1.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_FIRST, _SECOND, _TINY = 0.9, 0.999, 1e-8


class Dense:
    """Maps (N, inputs) to (N, 1)."""

    def __init__(self, inputs: int, hidden: int, rng: np.random.Generator) -> None:
        """Draws weights evenly within 1 / sqrt(inputs of the layer), the last within 0.003.

        As T. Lillicrap et al., "Continuous control with deep reinforcement learning", ICLR 2016,
        section 7, so that first outputs are near 0.
        """
        sizes = (inputs, hidden, hidden, 1)
        self.weights: list[Array] = []
        for place, (rows, columns) in enumerate(itertools.pairwise(sizes)):
            bound = 0.003 if place == 2 else rows**-0.5
            self.weights += [rng.uniform(-bound, bound, (rows, columns)), np.zeros(columns)]
        self._means = [np.zeros_like(one) for one in self.weights]
        self._squares = [np.zeros_like(one) for one in self.weights]
        self._steps = 0

    def __call__(self, x: Array) -> Array:
        """(N, inputs) to (N, 1)."""
        return self._layers(x)[-1]

    def gradients(self, x: Array, upstream: Array) -> tuple[list[Array], Array]:
        """Of sum(upstream * self(x)): by the weights in their order, and by x.

        Args:
            x: (N, inputs).
            upstream: (N, 1).
        """
        values = [x, *self._layers(x)]
        by_weights: list[Array] = []
        back = upstream
        for place in (2, 1, 0):
            if place < 2:
                back = back * (values[place + 1] > 0)
            by_weights[:0] = [values[place].T @ back, back.sum(axis=0)]
            back = back @ self.weights[2 * place].T
        return by_weights, back

    def descend(self, gradients: Sequence[Array], rate: float) -> None:
        """One step of Adam against some gradients."""
        self._steps += 1
        scale = rate * np.sqrt(1 - _SECOND**self._steps) / (1 - _FIRST**self._steps)
        for weight, mean, square, by in zip(
            self.weights, self._means, self._squares, gradients, strict=True
        ):
            mean += (1 - _FIRST) * (by - mean)
            square += (1 - _SECOND) * (by**2 - square)
            weight -= scale * mean / (np.sqrt(square) + _TINY)

    def follow(self, other: Dense, share: float) -> None:
        """Moves each weight by a share of the way to another network's."""
        for weight, target in zip(self.weights, other.weights, strict=True):
            weight += share * (target - weight)

    def _layers(self, x: Array) -> list[Array]:
        first, a, second, b, third, c = self.weights
        h = np.maximum(x @ first + a, 0)
        g = np.maximum(h @ second + b, 0)
        return [h, g, g @ third + c]
