"""Faces that nobody has: two crops in one, for which a teacher is asked on the spot.

H. Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018, and S. Yun et al.,
"CutMix", ICCV 2019, with a teacher's answer in place of the mixed label.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def blended(first: Tensor, second: Tensor) -> Tensor:
    """Half are mixed as a whole with 25 to 75 % of the first, half joined along a soft line.

    Args:
        first: float32 [N, 3, S, S], levels 0 to 255.
        second: float32 [N, 3, S, S], the partners.

    Returns:
        float32 [N, 3, S, S], levels 0 to 255.
    """
    count, device = len(first), first.device

    def uniform(least: float, most: float) -> Tensor:
        return torch.empty(count, 1, 1, 1, device=device).uniform_(least, most)

    down, across = (torch.linspace(-1, 1, side, device=device) for side in first.shape[2:])
    angle = uniform(0, 2 * math.pi)
    side = torch.cos(angle) * across.view(1, 1, 1, -1) + torch.sin(angle) * down.view(1, 1, -1, 1)
    joined = torch.sigmoid((side - uniform(-0.35, 0.35)) / uniform(0.03, 0.25))
    weight = torch.where(uniform(0, 1) < 0.5, joined, uniform(0.25, 0.75))
    return weight * first + (1 - weight) * second
