"""What a batch of scenes shows."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

NOTHING, FACE, UNCLEAR = range(3)
"""States of a truth: there is none, a face, or something that is neither face nor not (too little
of it is seen, it is too small, or the teacher was not sure)."""
_MIRRORED = (1, 0, 2, 4, 3)
"""The order of the five points in a mirrored photo."""
LEAST_HEIGHT = 10.0
"""Pixels below which a face is unclear."""


class Truths(NamedTuple):
    """Faces of a batch, in pixels of the scenes.

    Attributes:
        boxes: Left, top, right, bottom, ``(b, n, 4)``; may reach beyond the scene.
        points: Eye on the left of the photo, other eye, nose, corners of the mouth,
            ``(b, n, 5, 2)``.
        state: :data:`NOTHING`, :data:`FACE` or :data:`UNCLEAR`, int64 ``(b, n)``.
    """

    boxes: Tensor
    points: Tensor
    state: Tensor


def mirrored_points(points: Tensor) -> Tensor:
    """Five points ``(..., 5, 2)`` in the order that they have in a mirrored photo.

    Stacked rather than indexed with a list, which would make a GPU wait for the processor.
    """
    return torch.stack([points[..., number, :] for number in _MIRRORED], -2)
