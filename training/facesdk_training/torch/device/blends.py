"""Faces that nobody has: two crops in one, for which a teacher is asked on the spot.

H. Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018, and S. Yun et al.,
"CutMix", ICCV 2019, with a teacher's answer in place of the mixed label.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

_LARGEST = 2**31

_FIRST, _MOST = 4, 16
"""Chunks of a pool at the start, and later."""

_STEPS_PER_CHUNK = 16


class BlendPool:
    """Blends with their targets, made some at a time and each shown a few times.

    A teacher is asked for as many crops at once as a batch has, which takes a GPU hardly longer
    than the few of one step. Every chunk follows from a number, so a pool is saved as its numbers.
    """

    def __init__(self, crops: Tensor, size: int, asked: Callable[[Tensor], Tensor]) -> None:
        """Makes the first chunks.

        Args:
            crops: uint8 [N, 3, S, S], RGB; what is blended.
            size: Blends per chunk.
            asked: The targets of float32 [size, 3, S, S]: unit vectors [size, D].
        """
        self._crops, self._size, self._asked = crops, size, asked
        self._steps = 0
        self._seeds: list[int] = []
        self._chunks: list[tuple[Tensor, Tensor]] = []
        self._faces, self._vectors = crops[:0], crops.new_empty(0, 0)

    def draw(self, count: int) -> tuple[Tensor, Tensor]:
        """Some of the blends, uint8 [count, 3, S, S], and their targets [count, D]."""
        if len(self._seeds) < _FIRST or self._steps % _STEPS_PER_CHUNK == 0:
            for _ in range(max(1, _FIRST - len(self._seeds))):
                self._add(int(torch.randint(0, _LARGEST, ())))
        self._steps += 1
        rows = torch.randint(0, len(self._faces), (count,), device=self._faces.device)
        return self._faces[rows], self._vectors[rows]

    def state(self) -> dict[str, Any]:
        """All that :meth:`restore` needs."""
        return {"seeds": list(self._seeds), "steps": self._steps}

    def restore(self, state: dict[str, Any]) -> None:
        """Makes the blends anew that the pool had where :meth:`state` was taken."""
        self._seeds, self._chunks = [], []
        for seed in state["seeds"]:
            self._add(seed)
        self._steps = state["steps"]

    def _add(self, seed: int) -> None:
        drawn = torch.Generator(self._crops.device).manual_seed(seed)
        rows = torch.randint(
            0, len(self._crops), (2, self._size), device=self._crops.device, generator=drawn
        )
        first, second = (self._crops[chosen].float() for chosen in rows)
        mixed = blended(first, second, drawn).round()
        chunk = mixed.to(torch.uint8), self._asked(mixed).clone()
        self._seeds = [*self._seeds[-_MOST + 1 :], seed]
        self._chunks = [*self._chunks[-_MOST + 1 :], chunk]
        self._faces, self._vectors = (torch.cat(parts) for parts in zip(*self._chunks, strict=True))


def blended(first: Tensor, second: Tensor, drawn: torch.Generator | None = None) -> Tensor:
    """Half are mixed as a whole with 25 to 75 % of the first, half joined along a soft line.

    Args:
        first: float32 [N, 3, S, S], levels 0 to 255.
        second: float32 [N, 3, S, S], the partners.
        drawn: Where random numbers come from.

    Returns:
        float32 [N, 3, S, S], levels 0 to 255.
    """
    count, device = len(first), first.device

    def uniform(least: float, most: float) -> Tensor:
        return torch.empty(count, 1, 1, 1, device=device).uniform_(least, most, generator=drawn)

    down, across = (torch.linspace(-1, 1, side, device=device) for side in first.shape[2:])
    angle = uniform(0, 2 * math.pi)
    side = torch.cos(angle) * across.view(1, 1, 1, -1) + torch.sin(angle) * down.view(1, 1, -1, 1)
    joined = torch.sigmoid((side - uniform(-0.35, 0.35)) / uniform(0.03, 0.25))
    weight = torch.where(uniform(0, 1) < 0.5, joined, uniform(0.25, 0.75))
    return weight * first + (1 - weight) * second
