"""What cameras and files do to a photo: colour, light, blur, noise, compression."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from facesdk_training.detector.scenes.randomness import Randomness

_BLOCK = 8


def distorted(random: Randomness, image: Tensor) -> Tensor:
    """Scenes ``(b, 3, s, s)`` from 0 to 255, changed and rounded to whole levels.

    Colour, gamma, brightness and contrast, light from one side, blur (a mixture with the mean of
    3x3 or 5x5 pixels), noise, and rounding as by JPEG, each by a random amount.
    """
    batch, _, _, side = image.shape
    one = (batch, 1, 1, 1)

    def maybe(share: float) -> Tensor:
        return random.uniform(0, 1, *one) < share

    grey = image.mean(1, keepdim=True)
    coloured = image + (image - grey) * random.normal(*one) * 0.25
    image = torch.where(maybe(0.15), grey, coloured)
    gamma = torch.exp(random.normal(*one) * 0.3)
    image = (image / 255).clamp(1e-4, 1) ** gamma * 255
    gain = torch.exp(random.normal(*one) * 0.25 + random.normal(batch, 3, 1, 1) * 0.06)
    image = image * gain + random.normal(*one) * 12
    line = torch.linspace(-1, 1, side, device=random.device)
    light = line[None, None, None] * random.normal(*one) + line[:, None] * random.normal(*one)
    image = image * torch.exp(light * 0.15)
    small = functional.avg_pool2d(image, 3, 1, 1, count_include_pad=False)
    large = functional.avg_pool2d(small, 3, 1, 1, count_include_pad=False)
    blurred = torch.where(maybe(0.5), small, large)
    softer = torch.lerp(image, blurred, random.uniform(0.2, 1, *one))
    image = torch.where(maybe(0.35), softer, image)
    image = image + random.normal(*image.shape) * (random.uniform(0, 1, *one) ** 3 * 18)
    image = torch.where(maybe(0.4), _compressed(random, image.clamp(0, 255)), image)
    return image.clamp(0, 255).round()


def _compressed(random: Randomness, image: Tensor) -> Tensor:
    """Rounded as JPEG does: blocks of 8x8, cosine transform, coarser for fine detail."""
    n = torch.arange(_BLOCK, device=random.device)
    cosines = torch.cos((2 * n[None] + 1) * n[:, None] * math.pi / 16) / 2
    first = (n == 0)[:, None]
    cosines = torch.where(first, cosines / math.sqrt(2), cosines)
    blocks = image.unflatten(3, (-1, _BLOCK)).unflatten(2, (-1, _BLOCK)).transpose(3, 4)
    values = cosines @ (blocks - 128) @ cosines.T
    step = 3 + (n[:, None] + n[None]) * 2.5
    step = step * random.exponential(0.3, 3.7, len(image), 1, 1, 1, 1, 1)
    values = (values / step).round() * step
    blocks = cosines.T @ values @ cosines + 128
    return blocks.transpose(3, 4).flatten(4).flatten(2, 3)
