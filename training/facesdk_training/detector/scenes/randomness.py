"""Random numbers on the device, the same for the same seed."""

from __future__ import annotations

import math

import torch
from torch import Tensor


class Randomness:
    """Numbers of one generator; ``shape`` is that of the result.

    Attributes:
        device: Where the numbers are.
    """

    def __init__(self, device: torch.device, seed: int) -> None:
        self.device = device
        self._generator = torch.Generator(device).manual_seed(seed)

    @property
    def state(self) -> Tensor:
        """Where the generator is, uint8 on the CPU."""
        return self._generator.get_state()

    @state.setter
    def state(self, state: Tensor) -> None:
        self._generator.set_state(state.cpu())

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Evenly between two bounds."""
        drawn = torch.rand(*shape, generator=self._generator, device=self.device)
        return drawn * (high - low) + low

    def exponential(self, low: float, high: float, *shape: int) -> Tensor:
        """Between two positive bounds, its logarithm evenly."""
        return torch.exp(self.uniform(math.log(low), math.log(high), *shape))

    def normal(self, *shape: int) -> Tensor:
        """With mean 0 and variance 1."""
        return torch.randn(*shape, generator=self._generator, device=self.device)

    def integers(self, high: int, *shape: int) -> Tensor:
        """From 0 to ``high - 1``, int64."""
        return torch.randint(high, shape, generator=self._generator, device=self.device)

    def chosen(self, weights: Tensor, count: int) -> Tensor:
        """Indices of weights, each as often as it weighs, ``(count,)``; never waits for a GPU."""
        sums = weights.cumsum(0)
        drawn = self.uniform(0, 1, count) * sums[-1]
        return torch.searchsorted(sums, drawn, right=True).clamp(max=len(weights) - 1)

    def order(self, rows: int, columns: int) -> Tensor:
        """A random order of columns for each row, int64 ``(rows, columns)``."""
        return self.uniform(0, 1, rows, columns).argsort(dim=1)
