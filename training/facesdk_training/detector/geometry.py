"""What the finder's outputs say, in pixels, and how boxes overlap."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from facesdk_training.architectures.finder import STRIDES

_MOST_LOG_SIZE = 4.0
"""A box is at most exp(4) cells wide while it is trained, so that no exponential overflows."""


class Cells(NamedTuple):
    """All cells of all levels, finest level first, row by row.

    Attributes:
        values: Outputs, float32 ``(b, a, 16)``.
        places: Column and row of each cell, ``(a, 2)``.
        strides: Pixels per cell, ``(a, 1)``.
    """

    values: Tensor
    places: Tensor
    strides: Tensor


@lru_cache(maxsize=32)
def _grid(shapes: tuple[tuple[int, int], ...], device: torch.device) -> tuple[Tensor, Tensor]:
    places, strides = [], []
    for (rows, columns), stride in zip(shapes, STRIDES, strict=True):
        y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        places.append(torch.stack([x, y], -1).reshape(-1, 2))
        strides.append(torch.full((rows * columns, 1), float(stride)))
    return torch.cat(places).float().to(device), torch.cat(strides).to(device)


def joined(maps: Sequence[Tensor]) -> Cells:
    """The maps of :class:`~facesdk_training.detector.network.Finder` as one table of cells."""
    values = [level.float().permute(0, 2, 3, 1).flatten(1, 2) for level in maps]
    shapes = tuple((level.shape[2], level.shape[3]) for level in maps)
    return Cells(torch.cat(values, 1), *_grid(shapes, maps[0].device))


def scores(values: Tensor) -> Tensor:
    """Scores of outputs ``(..., 16)``: the root of the product of both probabilities."""
    return (values[..., 0].sigmoid() * values[..., 1].sigmoid()).sqrt()


def decoded(cells: Cells) -> tuple[Tensor, Tensor]:
    """Boxes ``(b, a, 4)`` (left, top, right, bottom) and points ``(b, a, 5, 2)``, in pixels.

    Centre = (cell + value) * stride, size = exp(value) * stride, point = (cell + value) * stride.
    """
    values, places, strides = cells
    centre = (values[..., 2:4] + places) * strides
    half = values[..., 4:6].clamp(max=_MOST_LOG_SIZE).exp() * strides / 2
    points = (values[..., 6:].unflatten(-1, (5, 2)) + places[:, None]) * strides[:, None]
    return torch.cat([centre - half, centre + half], -1), points


def overlaps(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of boxes ``(..., 4)``; shapes broadcast."""
    low, high = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    width, height = (high - low).clamp(min=0).unbind(-1)
    common = width * height
    return common / (areas(a) + areas(b) - common).clamp(min=1e-6)


def areas(boxes: Tensor) -> Tensor:
    """Areas of boxes ``(..., 4)``; 0 for one that is turned inside out."""
    width, height = (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).unbind(-1)
    return width * height
