"""Draws a layout: for each pixel of a scene the photo that is in front, and its colour there."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from facesdk_training.detector.scenes.layout import SLOTS, Layout
from facesdk_training.detector.scenes.photos import Photos
from facesdk_training.detector.scenes.randomness import Randomness

BEHIND = SLOTS
"""Owner of the pixels that show the background."""


class Drawn(NamedTuple):
    """A batch of scenes before colours are changed.

    Attributes:
        images: RGB from 0 to 255, float32 ``(b, 3, s, s)``.
        owner: Slot that each pixel shows, or :data:`BEHIND`, int64 ``(b, s, s)``.
        background: Row of ``photos.quiet`` behind each scene, int64 ``(b,)``.
    """

    images: Tensor
    owner: Tensor
    background: Tensor


def drawn(photos: Photos, layout: Layout, random: Randomness, weights: Tensor, side: int) -> Drawn:
    """Draws scenes of ``side`` pixels; ``weights`` say how often each quiet part is behind."""
    batch = len(layout.photo)
    line = torch.arange(side, device=random.device) + 0.5
    across, along = line[None, None, :], line[None, :, None]
    background = random.chosen(weights, batch)
    x, y, base, pitch = _behind(photos, random, background, across - side / 2, along - side / 2)
    address = photos.address(layout.photo, layout.level)
    ratio = address.ratio[..., None]
    # Photo = back @ (scene - place) + middle, in pixels of the level.
    back = inverse(layout.turn)
    shift = (layout.middle - (back @ layout.place[..., None])[..., 0]) * ratio
    back = back * ratio[..., None]
    low, high = layout.low * ratio, layout.high * ratio
    owner = torch.full((batch, side, side), BEHIND, device=random.device)
    for slot in range(SLOTS):
        turn, move = back[:, slot, :, :, None, None], shift[:, slot, :, None, None]
        least, most = low[:, slot, :, None, None], high[:, slot, :, None, None]
        px = across * turn[:, 0, 0] + along * turn[:, 0, 1] + move[:, 0]
        py = across * turn[:, 1, 0] + along * turn[:, 1, 1] + move[:, 1]
        inside = (px > least[:, 0]) & (px < most[:, 0]) & (py > least[:, 1]) & (py < most[:, 1])
        inside = inside & layout.used[:, slot, None, None]
        owner = torch.where(inside, slot, owner)
        x, y = torch.where(inside, px, x), torch.where(inside, py, y)
    flat = owner.flatten(1)
    bases = torch.cat([address.base, base[:, None]], 1).gather(1, flat).view_as(owner)
    pitches = torch.cat([address.pitch, pitch[:, None]], 1).gather(1, flat).view_as(owner)
    return Drawn(sampled(photos.pixels, x, y, bases, pitches), owner, background)


def _behind(
    photos: Photos, random: Randomness, rows: Tensor, u: Tensor, v: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Quiet parts, mirrored again and again over the scene, turned and scaled."""
    part = photos.quiet[rows]
    batch = len(rows)
    angle = random.uniform(0, 2 * math.pi, batch)
    zoom = random.exponential(0.3, 1.5, batch)
    cos, sin = (angle.cos() * zoom)[:, None, None], (angle.sin() * zoom)[:, None, None]
    left, top, width, height = (part[:, n, None, None] for n in range(1, 5))
    x = left + 0.5 + folded(u * cos - v * sin, width - 1)
    y = top + 0.5 + folded(u * sin + v * cos, height - 1)
    photo = part[:, 0].long()
    address = photos.address(photo, torch.zeros_like(photo))
    return x, y, address.base, address.pitch


def folded(t: Tensor, length: Tensor) -> Tensor:
    """Goes to and fro between 0 and ``length``, which is at least 1."""
    return length - (torch.remainder(t, 2 * length) - length).abs()


def sampled(pixels: Tensor, x: Tensor, y: Tensor, base: Tensor, pitch: Tensor) -> Tensor:
    """Bilinear colours at places of a level, whose first pixel's middle is at (0.5, 0.5).

    Args:
        pixels: The table of :class:`~facesdk_training.detector.scenes.photos.Photos`.
        x: Columns, ``(b, s, s)``.
        y: Rows.
        base: Index of the level's first pixel.
        pitch: Pixels from row to row.

    Returns:
        ``(b, 3, s, s)``, from 0 to 255.
    """
    x, y = x + 0.5, y + 0.5  # half a pixel back, one pixel of border forth
    left, top = x.floor(), y.floor()
    first = base + top.long() * pitch + left.long()
    index = torch.stack([first, first + 1, first + pitch, first + pitch + 1], dim=-1)
    index = index.clamp_(0, len(pixels) - 1)
    corners = pixels[index].view(torch.uint8).unflatten(-1, (4, 4))[..., :3].float()
    fx, fy = (x - left)[..., None], (y - top)[..., None]
    upper = torch.lerp(corners[..., 0, :], corners[..., 1, :], fx)
    lower = torch.lerp(corners[..., 2, :], corners[..., 3, :], fx)
    return torch.lerp(upper, lower, fy).permute(0, 3, 1, 2)


def inverse(matrix: Tensor) -> Tensor:
    """Inverses of 2x2 matrices ``(..., 2, 2)``."""
    a, b, c, d = matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 1, 0], matrix[..., 1, 1]
    other = torch.stack([d, -b, -c, a], -1).unflatten(-1, (2, 2))
    return other / (a * d - b * c)[..., None, None]
