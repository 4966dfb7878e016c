"""Backgrounds that are computed: noise, flat colours, stripes, checks, discs and rings."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from facesdk_training.detector.scenes.randomness import Randomness

_GRAINS = (2, 5, 12, 40)
"""Cells of the noise across the scene, besides that of single pixels."""
_FLAT, _PATTERN = 0.25, 0.7
"""Shares: flat below the first, a pattern below the second, noise above."""


def textures(random: Randomness, batch: int, side: int) -> Tensor:
    """Backgrounds ``(b, 3, side, side)`` from 0 to 255.

    A tenth is the grey of a detector's margin, a twentieth black.
    """
    one = (batch, 1, 1, 1)
    kind = random.uniform(0, 1, *one)
    colour = random.uniform(0, 255, batch, 3, 1, 1)
    flat = torch.where(kind < 0.1, 127.0, torch.where(kind < 0.15, 0.0, colour))
    noise = _noise(random, batch, side)
    wave = _pattern(random, batch, side)
    strength = random.uniform(0.2, 1, *one)
    other = random.uniform(0, 255, batch, 3, 1, 1)
    grain = random.uniform(0, 0.5, *one) * noise
    pattern = colour + (other - colour) * wave * strength + grain
    result = torch.where(kind < _PATTERN, pattern, colour + noise)
    return torch.where(kind < _FLAT, flat, result).clamp(0, 255)


def _noise(random: Randomness, batch: int, side: int) -> Tensor:
    """Noise of several sizes, coloured or grey, around 0."""
    one = (batch, 1, 1, 1)
    total = torch.zeros(batch, 3, side, side, device=random.device)
    for cells in (*_GRAINS, side):
        noise = random.normal(batch, 3, cells, cells)
        if cells < side:
            noise = functional.interpolate(
                noise, size=(side, side), mode="bilinear", align_corners=False
            )
        coloured = random.uniform(0, 1, *one)
        noise = noise * coloured + noise.mean(1, keepdim=True) * (1 - coloured)
        loud = 60 if cells < side else 20
        total = total + noise * random.uniform(0, 1, *one) ** 2 * loud
    return total


def _pattern(random: Randomness, batch: int, side: int) -> Tensor:
    """Stripes, checks, discs or rings, turned and bent, from 0 to 1, ``(b, 1, side, side)``."""
    one = (batch, 1, 1, 1)
    line = torch.linspace(-1, 1, side, device=random.device)
    x, y = line[None, None, None, :], line[None, None, :, None]
    angle, bend = random.uniform(0, math.pi, *one), random.normal(*one) * 0.15
    u = x * angle.cos() + y * angle.sin() + bend * torch.sin(5 * y)
    v = y * angle.cos() - x * angle.sin() + bend * torch.sin(5 * x)
    often = random.exponential(2, 40, *one)
    stripes = torch.sin(often * u)
    checks = stripes * torch.sin(often * random.exponential(0.5, 2, *one) * v)
    cell = math.pi / often
    du, dv = torch.remainder(u, 2 * cell) - cell, torch.remainder(v, 2 * cell) - cell
    distance = (du**2 + dv**2).sqrt() / cell
    discs = (random.uniform(0.3, 1.1, *one) - distance) * 3
    rings = torch.sin(distance * random.uniform(4, 14, *one))
    kind = random.uniform(0, 1, *one)
    wave = torch.where(kind < 0.25, stripes, checks)
    wave = torch.where(kind > 0.5, discs, wave)
    wave = torch.where(kind > 0.75, rings, wave)
    sharp = random.exponential(0.7, 20, *one)
    return (wave * sharp).sigmoid()
