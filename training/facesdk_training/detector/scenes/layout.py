"""Which part of which photo stands where in a scene, how large and how turned."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from facesdk_training.detector.scenes.config import SceneConfig
from facesdk_training.detector.scenes.photos import LEVELS, Photos
from facesdk_training.detector.scenes.randomness import Randomness

SLOTS = 8
"""Most photos in a scene; a later one is in front of an earlier one."""
_CELLS = 3
"""Photos are strewn over 3x3 cells."""
_MOST_TURN = 3.0
_LEAST_ALONE = 30.0


class Layout(NamedTuple):
    """Photos of a batch of scenes: ``scene = turn @ (photo - middle) + place``, in pixels.

    Attributes:
        photo: Which, int64 ``(b, 8)``.
        used: Whether the slot shows one, bool ``(b, 8)``.
        turn: Turns, scales and mirrors, ``(b, 8, 2, 2)``.
        middle: Middle of the first box in the photo, ``(b, 8, 2)``.
        place: Where that stands in the scene.
        low: Left and top of the part of the photo that is shown.
        high: Right and bottom of it.
        scale: Pixels of the scene per pixel of the photo, across and down, ``(b, 8, 2)``.
        mirrored: Bool ``(b, 8)``.
        level: Halved copy of the photo to take pixels from, int64 ``(b, 8)``.
    """

    photo: Tensor
    used: Tensor
    turn: Tensor
    middle: Tensor
    place: Tensor
    low: Tensor
    high: Tensor
    scale: Tensor
    mirrored: Tensor
    level: Tensor

    def moved(self, points: Tensor) -> Tensor:
        """Points of the photos ``(b, 8, m, k, 2)`` in the scenes."""
        turn, middle = self.turn[:, :, None], self.middle[:, :, None, None]
        turned = (turn @ (points - middle).transpose(-1, -2)).transpose(-1, -2)
        return turned + self.place[:, :, None, None]


def laid_out(
    photos: Photos, random: Randomness, config: SceneConfig, batch: int, side: int
) -> Layout:
    """Draws a layout for ``batch`` scenes of ``side`` pixels."""
    shape = (batch, SLOTS)
    photo = _photos(photos, random, config, shape)
    box = photos.boxes[photo][:, :, 0]
    kind = random.uniform(0, 1, batch, 1)
    alone = kind < config.alone
    number = torch.where(alone, 1, 2 + random.integers(SLOTS - 1, batch, 1))
    number = torch.where(kind > 1 - config.empty, 0, number)
    height = box[..., 3] - box[..., 1]
    size = _heights(random, config, alone, shape, side) / height
    place = _places(random, alone, shape) * (side / _CELLS)
    limit = math.radians(_MOST_TURN * config.turn)
    angle = (random.normal(*shape) * math.radians(config.turn)).clamp(-limit, limit)
    stretch = torch.exp(random.normal(*shape) * 0.04)
    mirror = (random.integers(2, *shape) * 2 - 1).float()
    across, down = mirror * size * stretch, size / stretch
    cos, sin = angle.cos(), angle.sin()
    turn = torch.stack([cos * across, -sin * down, sin * across, cos * down], -1)
    middle = (box[..., :2] + box[..., 2:]) / 2
    reach = torch.where(
        alone, random.exponential(1.0, 8.0, *shape), random.exponential(0.62, 3.0, *shape)
    )
    reach = (reach * height)[..., None]
    return Layout(
        photo=photo,
        used=torch.arange(SLOTS, device=photo.device) < number,
        turn=turn.unflatten(-1, (2, 2)),
        middle=middle,
        place=place,
        low=(middle - reach * random.uniform(0.8, 1.2, *shape, 2)).clamp(min=0),
        high=torch.minimum(
            middle + reach * random.uniform(0.8, 1.2, *shape, 2), photos.sizes[photo]
        ),
        scale=torch.stack([size * stretch, down], -1),
        mirrored=mirror < 0,
        level=torch.floor(-torch.log2(size)).clamp(0, LEVELS - 1).long(),
    )


def _photos(
    photos: Photos, random: Randomness, config: SceneConfig, shape: tuple[int, int]
) -> Tensor:
    face = random.integers(photos.faces, *shape)
    without = photos.count - photos.faces
    if not without:
        return face
    other = photos.faces + random.integers(without, *shape)
    return torch.where(random.uniform(0, 1, *shape) < config.faceless, other, face)


def _heights(
    random: Randomness, config: SceneConfig, alone: Tensor, shape: tuple[int, int], side: int
) -> Tensor:
    """Heights of the first box of each photo in the scene; large ones first, so behind."""
    single = random.exponential(_LEAST_ALONE, min(config.largest * side, config.limit), *shape)
    several = random.exponential(config.smallest, 0.45 * side, *shape)
    return torch.where(alone, single, several.sort(dim=1, descending=True).values)


def _places(random: Randomness, alone: Tensor, shape: tuple[int, int]) -> Tensor:
    """Where the middles stand, in cells of a third of the scene."""
    cells = random.order(shape[0], _CELLS**2)[:, : shape[1]]
    strewn = torch.stack([cells % _CELLS, cells // _CELLS], dim=2)
    strewn = strewn + random.uniform(-0.2, 1.2, *shape, 2)
    return torch.where(alone[..., None], random.uniform(0.75, 2.25, *shape, 2), strewn)
