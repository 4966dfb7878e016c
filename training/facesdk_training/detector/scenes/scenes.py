"""Generated scenes with known faces, made in batches on the device that trains."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from facesdk_training.architectures.finder import STRIDES
from facesdk_training.detector.scenes import canvas
from facesdk_training.detector.scenes.config import SceneConfig
from facesdk_training.detector.scenes.distortion import distorted
from facesdk_training.detector.scenes.layout import SLOTS, Layout, laid_out
from facesdk_training.detector.scenes.photos import Photos
from facesdk_training.detector.scenes.randomness import Randomness
from facesdk_training.detector.scenes.textures import textures
from facesdk_training.detector.scenes.truths import (
    FACE,
    LEAST_HEIGHT,
    NOTHING,
    UNCLEAR,
    Truths,
    mirrored_points,
)

MOST_TRUTHS = 16
"""Faces of a scene that are known; those beyond are left out, unclear ones first."""
_SEEN, _HINTED = 0.4, 0.08
"""Shares of a face that must be seen for it to count, and to be unclear."""
_SURE = 0.95
"""Score of the teacher from which a face counts."""
_MEMORY = 0.7


class Batch(NamedTuple):
    """Scenes and what is in them.

    Attributes:
        images: RGB from 0 to 255, float32 ``(b, 3, s, s)``.
        truths: The faces.
        background: Row of the quiet part behind each scene, int64 ``(b,)``, or -1 for a texture.
        behind: Whether the middle of each cell of the finder shows the background, bool ``(b, a)``.
    """

    images: Tensor
    truths: Truths
    background: Tensor
    behind: Tensor


class Scenes:
    """Makes batches of scenes; the same ones for the same seed, device and photos.

    Backgrounds that were taken for faces (:meth:`mistaken`) come more often.
    """

    def __init__(self, photos: Photos, config: SceneConfig, seed: int) -> None:
        self.photos, self.config = photos, config
        self._random = Randomness(photos.pixels.device, seed)
        quiet = len(photos.quiet)
        self._mistakes = torch.zeros(quiet, device=photos.pixels.device)

    @torch.no_grad()
    def make(self, batch: int, side: int) -> Batch:
        """``batch`` scenes of ``side`` pixels.

        One half has computed backgrounds, the other parts of photos; all have one where no photo
        leaves room for the other.
        """
        random, photos = self._random, self.photos
        layout = laid_out(photos, random, self.config, batch, side)
        weights = 1 + self.config.mined * self._mistakes
        drawn = canvas.drawn(photos, layout, random, weights, side)
        half = batch // 2
        behind = (drawn.owner == canvas.BEHIND)[:, None]
        computed = torch.where(behind[:half], textures(random, half, side), drawn.images[:half])
        images = torch.cat([computed, drawn.images[half:]])
        none = torch.full_like(drawn.background[:half], -1)
        return Batch(
            distorted(random, images),
            truths_of(photos, layout, drawn.owner, side),
            torch.cat([none, drawn.background[half:]]),
            torch.cat([behind[:, 0, s // 2 :: s, s // 2 :: s].flatten(1) for s in STRIDES], 1),
        )

    @torch.no_grad()
    def mistaken(self, batch: Batch, scores: Tensor) -> None:
        """Takes note of how sure the finder was of faces in the backgrounds.

        Args:
            batch: What it looked at; as :meth:`make` gave it.
            scores: Of all cells, ``(b, a)``, from 0 to 1.
        """
        half = len(batch.images) // 2
        rows = batch.background[half:]
        worst = (scores[half:] * batch.behind[half:]).amax(1)
        self._mistakes[rows] = _MEMORY * self._mistakes[rows] + (1 - _MEMORY) * worst

    def state(self) -> dict[str, Tensor]:
        """All that is needed to make the next batch again."""
        return {"random": self._random.state, "mistakes": self._mistakes}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Goes on from what :meth:`state` gave, with the same photos.

        Raises:
            ValueError: It is that of other photos.
        """
        if state["mistakes"].shape != self._mistakes.shape:
            raise ValueError("it was made with other photos")
        self._random.state = state["random"]
        self._mistakes = state["mistakes"]


def truths_of(photos: Photos, layout: Layout, owner: Tensor, side: int) -> Truths:
    """Where the faces of a layout are, and which of them can be seen.

    A face counts when at least 40 % of the inner 80 % of its box are seen, on a grid of 7x7.
    """
    photo = layout.photo
    boxes, points, scores = photos.boxes[photo], photos.points[photo], photos.scores[photo]
    middle = (boxes[..., :2] + boxes[..., 2:]) / 2
    size = boxes[..., 2:] - boxes[..., :2]
    steps = torch.linspace(-0.4, 0.4, 7, device=owner.device)
    grid = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), -1).reshape(-1, 2)
    asked = layout.moved(middle[..., None, :] + grid * size[..., None, :]).floor().long()
    inside = ((asked >= 0) & (asked < side)).all(-1)
    asked = asked.clamp(0, side - 1)
    index = asked[..., 0] + asked[..., 1] * side
    shown = owner.flatten(1).gather(1, index.flatten(1)).view_as(index)
    mine = shown == torch.arange(SLOTS, device=owner.device)[:, None, None]
    seen = (inside & mine).float().mean(-1)
    scaled = size * layout.scale[:, :, None]
    centre = layout.moved(middle[..., None, :])[..., 0, :]
    placed = torch.cat([centre - scaled / 2, centre + scaled / 2], -1)
    marks = layout.moved(points)
    marks = torch.where(layout.mirrored[:, :, None, None, None], mirrored_points(marks), marks)
    known = (scores > 0) & layout.used[..., None]
    face = known & (seen >= _SEEN) & (scores >= _SURE) & (scaled[..., 1] >= LEAST_HEIGHT)
    other = torch.where(known & (seen > _HINTED), UNCLEAR, NOTHING)
    state = torch.where(face, FACE, other).flatten(1)
    rank = torch.where(state == NOTHING, UNCLEAR + 1, state)
    order = rank.argsort(dim=1, stable=True)[:, :MOST_TRUTHS]
    return Truths(
        placed.flatten(1, 2).gather(1, order[..., None].expand(-1, -1, 4)),
        marks.flatten(1, 2).gather(1, order[..., None, None].expand(-1, -1, 5, 2)),
        state.gather(1, order),
    )
