"""Which cell must say which face (SimOTA), and what it costs when it does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from facesdk_training.detector import geometry
from facesdk_training.detector.config import LossConfig
from facesdk_training.detector.geometry import Cells
from facesdk_training.detector.scenes.truths import FACE, UNCLEAR, Truths

PARTS = ("object", "fit", "box", "points")
"""The parts of the loss, in the order of :func:`loss`."""
_MOST_CELLS = 10
"""Cells that may say one face."""
_NEAR = 2.5
"""Cells from the middle of a face within which one may say it."""


class Assignment(NamedTuple):
    """What each cell must say.

    Attributes:
        owner: The truth that the cell has most to do with, int64 ``(b, a)``.
        positive: Whether it must say it, bool ``(b, a)``.
        unclear: Whether it may say what it likes, bool ``(b, a)``.
    """

    owner: Tensor
    positive: Tensor
    unclear: Tensor


@torch.no_grad()
def assigned(score: Tensor, boxes: Tensor, cells: Cells, truths: Truths) -> Assignment:
    """SimOTA (Ge et al., YOLOX, 2021) without loops: as many cells per face as their boxes fit.

    A cell may say a face if it lies within its box or near its middle, better both. Each face
    takes the cheapest ones, as many as the ten best overlaps add up to; a cell that two faces want
    goes to the one for which it is cheaper.

    Args:
        score: ``(b, a)``, from 0 to 1.
        boxes: ``(b, a, 4)`` in pixels.
        cells: Of the same outputs.
        truths: ``n`` per scene.
    """
    middle = ((cells.places + 0.5) * cells.strides)[None, None]
    box = truths.boxes[:, :, None]
    within = ((middle > box[..., :2]) & (middle < box[..., 2:])).all(-1)
    apart = (middle - (box[..., :2] + box[..., 2:]) / 2).abs().amax(-1)
    near = apart < _NEAR * cells.strides[:, 0]
    possible = (truths.state == FACE)[..., None] & (within | near)
    common = geometry.overlaps(boxes[:, None], box) * possible
    cost = -score.clamp(min=1e-6).log()[:, None] - 3 * common.clamp(min=1e-6).log()
    cost = cost + 1e3 * ~(within & near) + 1e6 * ~possible
    most = min(_MOST_CELLS, cost.shape[2])
    number = common.topk(most, dim=2).values.sum(2).int().clamp(min=1)
    least, index = cost.topk(most, dim=2, largest=False)
    taken = (torch.arange(most, device=cost.device) < number[..., None]) & (least < 1e5)
    match = torch.zeros_like(possible).scatter(2, index, taken)
    owner = torch.where(match, cost, torch.full_like(cost, 1e9)).argmin(1)
    positive = match.any(1)
    unclear = ((truths.state == UNCLEAR)[..., None] & within).any(1) & ~positive
    return Assignment(owner, positive, unclear)


def loss(
    maps: Sequence[Tensor], truths: Truths, config: LossConfig, points_weight: Tensor
) -> tuple[Tensor, Tensor]:
    """The loss of a batch, and its parts.

    Cross entropy of whether a face is there (all cells) and of how well the box fits (cells that
    must say a face; the target is the overlap), EIoU of boxes (Zhang et al. 2022), smooth L1 of
    points in units of the face's size.

    Args:
        maps: Of the network.
        truths: What is in the scenes.
        config: Weights.
        points_weight: Weight of the points in this step; a tensor, so that a compiled loss need not
            be compiled for each value.

    Returns:
        The loss, and :data:`PARTS` without a gradient, ``(4,)``.
    """
    cells = geometry.joined(maps)
    values = cells.values
    boxes, points = geometry.decoded(cells)
    score = geometry.scores(values.detach())
    owner, positive, unclear = assigned(score, boxes.detach(), cells, truths)
    weight = positive.float()
    number = weight.sum().clamp(min=len(values))
    wanted = truths.boxes.gather(1, owner[..., None].expand(-1, -1, 4))
    places = truths.points.gather(1, owner[..., None, None].expand(-1, -1, 5, 2))
    # Cells without a face get harmless targets; they weigh nothing.
    wanted = torch.where(positive[..., None], wanted, boxes.detach())
    places = torch.where(positive[..., None, None], places, points.detach())
    size = (wanted[..., 2:] - wanted[..., :2]).clamp(min=1)
    common = geometry.overlaps(boxes, wanted)
    eiou = 1 - common + _offsets(boxes, wanted)
    scale = (size[..., 0] * size[..., 1]).sqrt()[..., None, None]
    away = (points - places) / scale
    point = functional.smooth_l1_loss(away, torch.zeros_like(away), beta=0.03, reduction="none")
    seen = functional.binary_cross_entropy_with_logits(values[..., 1], weight, reduction="none")
    sure = values[..., 1].detach().sigmoid()
    seen = seen * torch.where(positive, torch.ones_like(sure), 1 + config.hard * sure) * ~unclear
    fits = functional.binary_cross_entropy_with_logits(
        values[..., 0], common.detach(), reduction="none"
    )
    sums = [
        seen.sum(),
        (fits * weight).sum(),
        config.box * (eiou * weight).sum(),
        points_weight * (point.mean((-1, -2)) * weight).sum(),
    ]
    parts = torch.stack(sums) / number
    return parts.sum(), parts.detach()


def _offsets(boxes: Tensor, wanted: Tensor) -> Tensor:
    """EIoU's distances of the middles and of the sides, in units of the common hull."""
    high = torch.maximum(boxes[..., 2:], wanted[..., 2:])
    low = torch.minimum(boxes[..., :2], wanted[..., :2])
    hull = (high - low).clamp(min=1)
    middles = (boxes[..., :2] + boxes[..., 2:] - wanted[..., :2] - wanted[..., 2:]) / 2
    sides = (boxes[..., 2:] - boxes[..., :2]) - (wanted[..., 2:] - wanted[..., :2])
    diagonal = (hull**2).sum(-1)
    return (middles**2).sum(-1) / diagonal + ((sides / hull) ** 2).sum(-1)
