"""Batches of scenes that are trained with several times, for computers without a GPU."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from facesdk_training.detector.scenes.scenes import Batch
from facesdk_training.detector.scenes.truths import Truths, mirrored_points

_MOST_KEPT, _LEAST_KEPT = 64, 4


class ReusedScenes:
    """Gives each batch ``times`` times on average, as it is or mirrored.

    Args:
        make: Makes a batch of so many scenes with so many pixels on a side.
        times: 1 keeps nothing.
        seed: Of what is given when.

    Attributes:
        made: Scenes that were made, not counting what was given again.
    """

    def __init__(self, make: Callable[[int, int], Batch], times: float, seed: int) -> None:
        self._make, self._times = make, times
        self._kept: list[Batch] = []
        self._random = np.random.default_rng(seed)
        self.made = 0

    def next(self, batch: int, side: int) -> Batch:
        """A batch; one that is given again may have another side than the asked one."""
        if self._times <= 1:
            self.made += batch
            return self._make(batch, side)
        if len(self._kept) < _LEAST_KEPT or self._random.random() < 1 / self._times:
            made = self._make(batch, side)
            self.made += batch
            if len(self._kept) == _MOST_KEPT:
                self._kept.pop(int(self._random.integers(_MOST_KEPT)))
            self._kept.append(made._replace(images=made.images.to(torch.uint8)))
            return made
        kept = self._kept[int(self._random.integers(len(self._kept)))]
        kept = kept._replace(images=kept.images.float())
        return mirrored(kept) if self._random.random() < 0.5 else kept


def mirrored(batch: Batch) -> Batch:
    """Left and right exchanged; the cells of ``behind`` too."""
    side = batch.images.shape[3]
    boxes, points, state = batch.truths
    boxes = torch.stack(
        [side - boxes[..., 2], boxes[..., 1], side - boxes[..., 0], boxes[..., 3]], -1
    )
    points = mirrored_points(torch.stack([side - points[..., 0], points[..., 1]], -1))
    levels, first = [], 0
    while first < batch.behind.shape[1]:
        stride = 8 << len(levels)
        cells = side // stride
        level = batch.behind[:, first : first + cells**2].unflatten(1, (cells, cells))
        levels.append(level.flip(2).flatten(1))
        first += cells**2
    return Batch(
        batch.images.flip(3), Truths(boxes, points, state), batch.background, torch.cat(levels, 1)
    )
