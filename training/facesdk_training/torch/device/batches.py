"""Training batches that are made on the device: which crops, blended and distorted how."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from facesdk_training.config.alike import AlikeConfig
from facesdk_training.config.distortions import DistortionConfig
from facesdk_training.config.nuisances import NuisanceConfig
from facesdk_training.data.compensation import Pools
from facesdk_training.torch.device.acceleration import Recorded, Varied
from facesdk_training.torch.device.blends import BlendPool
from facesdk_training.torch.device.distortions import Distortions
from facesdk_training.torch.device.teachers import Ensemble

_COPIES = 256


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What a step gets.

    Attributes:
        images: float32 [N, 3, height, width], normalised, channels last; the last ones are those
            that are spoilt alike.
        targets: float32 [N, D] unit vectors, or int64 [N] labels.
        strangers: float32 [M, D], targets of other crops.
    """

    images: Tensor
    targets: Tensor
    strangers: Tensor


class DeviceBatches:
    """Batches of crops that all lie on the device.

    Attributes:
        notes: What was asked for and could not be had, one line each.
    """

    def __init__(
        self,
        crops: Tensor,
        targets: Tensor,
        distortions: Distortions,
        *,
        batch_size: int,
        teachers: Ensemble | None = None,
        blends: float = 0.0,
        alike: AlikeConfig | None = None,
        strangers: int = 16384,
        record: bool = False,
        copied: Pools | None = None,
    ) -> None:
        """Holds what batches are made of.

        Args:
            crops: uint8 [N, 3, S, S], RGB, those that are trained on.
            targets: float32 [N, D] unit vectors, or int64 [N] labels.
            distortions: What is done to them.
            batch_size: Crops per step.
            teachers: Give the targets of blends.
            blends: Share of a batch that is blended with other crops.
            alike: What is done to the last part of a batch.
            strangers: How many targets of other crops come with a batch.
            record: Whether to record the teachers' forward pass and the distortions as CUDA graphs.
            copied: Which of the crops :meth:`copies` takes, by the sets of a row.
        """
        self._crops, self._targets, self._distortions = crops, targets, distortions
        self._copied = copied or {}
        self._size = batch_size
        self._blended = round(batch_size * blends) if teachers is not None else 0
        self._alike = alike or AlikeConfig()
        self._spoilt = self._alike.count(batch_size)
        self._strangers = min(strangers, len(crops)) if targets.ndim > 1 else 0
        self._order, self._position = torch.empty(0, dtype=torch.long), 0
        self.notes: list[str] = []
        shape = (batch_size - self._spoilt, *crops.shape[1:])
        example = torch.zeros(shape, device=crops.device, dtype=crops.dtype)
        self._distorted = Varied(
            lambda x, progress: distortions(x.float(), progress), example, record=record
        )
        if record and self._distorted.refused:
            self.notes.append(f"the distortions are not recorded: {self._distorted.refused}")
        self._pool: BlendPool | None = None
        if teachers is not None and self._blended:
            asked = Recorded(teachers, example.float(), record=record)
            if record and asked.refused:
                self.notes.append(f"the teachers are not recorded: {asked.refused}")
            self._pool = BlendPool(crops, batch_size, asked)

    @torch.no_grad()
    def next(self, progress: float) -> Batch:
        """The next batch.

        Args:
            progress: Done share of the run, 0 to 1.
        """
        own = self._next_rows(self._size - self._blended)
        spoilt, own = own[: self._spoilt], own[self._spoilt :]
        x, targets = self._crops[own], self._targets[own]
        if self._pool is not None:
            faces, vectors = self._pool.draw(self._blended)
            x, targets = torch.cat([faces, x]), torch.cat([vectors, targets])
        order = torch.randperm(len(x), device=x.device)
        first = int(torch.randint(0, len(self._order) - self._strangers + 1, ()))
        strangers = self._targets[self._order[first : first + self._strangers]]
        images, targets = self._distorted(x[order], progress), targets[order]
        if self._spoilt:
            images = torch.cat([images, self._spoilt_alike(self._crops[spoilt])])
            images = images.contiguous(memory_format=torch.channels_last)
            targets = torch.cat([targets, self._targets[spoilt]])
        return Batch(images, targets, strangers)

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one pass over the crops."""
        return max(1, len(self._crops) // (self._size - self._blended))

    def state(self) -> dict[str, Any]:
        """All that :meth:`restore` needs, random numbers included."""
        cuda = torch.cuda.get_rng_state() if self._crops.is_cuda else None
        return {
            "order": self._order.cpu(),
            "position": self._position,
            "blends": self._pool.state() if self._pool is not None else None,
            "random": torch.get_rng_state(),
            "random_cuda": cuda,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on where :meth:`state` was taken."""
        self._order = state["order"].to(self._crops.device)
        self._position = state["position"]
        if self._pool is not None and state["blends"] is not None:
            self._pool.restore(state["blends"])
        torch.set_rng_state(state["random"])
        if self._crops.is_cuda and state["random_cuda"] is not None:
            torch.cuda.set_rng_state(state["random_cuda"])

    @torch.no_grad()
    def undistorted(self, count: int) -> Tensor:
        """Crops as the network will meet them, half of them mirrored: float32 [count, 3, h, w]."""
        rows = torch.randint(0, len(self._crops), (count,), device=self._crops.device)
        return self._mirrored(self._crops[rows])

    @torch.no_grad()
    def copies(self, row: NuisanceConfig) -> Iterator[Tensor]:
        """Yields batches of the crops of a nuisance, distorted by it; the same crops every time.

        Args:
            row: Which sets they are of, and what is done to each; nothing leaves the window of
                undistorted crops.

        Yields:
            float32 [N, 3, height, width], normalised.
        """
        chosen = torch.from_numpy(np.random.default_rng(0).permutation(self._copied[row.sets]))
        done = Distortions(row.distortions, self._distortions.height, self._distortions.width)
        for part in self._crops[chosen.to(self._crops.device)].split(_COPIES):
            yield done(part.float(), 0.0)

    def _spoilt_alike(self, crops: Tensor) -> Tensor:
        """Crops under one row of :class:`AlikeConfig`, by one strength."""
        return self._mirrored(crops, self._alike.drawn(*torch.rand(2).tolist()))

    def _mirrored(self, crops: Tensor, *rows: DistortionConfig) -> Tensor:
        """Half of the crops, which are uint8, mirrored; then distorted by the rows."""
        x = crops.float()
        mirrored = torch.rand(len(x), 1, 1, 1, device=x.device) < 0.5
        done = Distortions(rows, self._distortions.height, self._distortions.width)
        return done(torch.where(mirrored, x.flip(3), x), 0.0)

    def _next_rows(self, count: int) -> Tensor:
        if count > len(self._crops):
            return torch.randint(0, len(self._crops), (count,), device=self._crops.device)
        if self._position + count > len(self._order):
            self._order = torch.randperm(len(self._crops), device=self._crops.device)
            self._position = 0
        self._position += count
        return self._order[self._position - count : self._position]


def embedded(network: torch.nn.Module, crops: Tensor, plain: Distortions, size: int) -> Tensor:
    """Unit embeddings of undistorted crops by a network in evaluation mode, float32 [N, D].

    Args:
        network: What embeds.
        crops: uint8 [N, 3, S, S], RGB.
        plain: Distortions without rows, of the network's input.
        size: Crops per call.
    """
    with torch.no_grad():
        parts = [network(plain(part.float(), 1.0)).float() for part in crops.split(size)]
    return functional.normalize(torch.cat(parts), dim=1)
