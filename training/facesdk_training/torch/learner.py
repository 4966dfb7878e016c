"""A network that learns from batches on the device: all of an update as one step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from facesdk_training.torch import losses
from facesdk_training.torch.acceleration import Recorded, compile_blocks
from facesdk_training.torch.networks.network import Network
from facesdk_training.torch.weights import latent_weights

PARTS = ("loss", "cosine", "relation", "strangers", "pairs")
"""What a step reports, in this order: the loss and its parts without their weights."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Weights of distillation's losses; a part with weight 0 is not computed.

    Attributes:
        cosine: Of 1 - cosine to the target.
        relation: Of the relational loss.
        strangers: Of the excess of likeness to stored targets.
        pairs: Of the same excess within the batch.
    """

    cosine: float = 1.0
    relation: float = 2.0
    strangers: float = 0.5
    pairs: float = 0.5


@dataclass(frozen=True, slots=True)
class Acceleration:
    """What may be used to make a step faster.

    Attributes:
        autocast: Compute in bfloat16 where that is safe.
        compile: Compile the network's blocks.
        record: Record the step as a CUDA graph.
    """

    autocast: bool = False
    compile: bool = False
    record: bool = False


class Learner:
    """Distils targets into a network.

    Attributes:
        network: What is trained, on its device and in training mode.
        notes: What was asked for and could not be had, one line each.
    """

    def __init__(
        self,
        network: Network,
        weights: Weights,
        acceleration: Acceleration,
        *,
        learning_rate: float,
        clip_norm: float = 0.0,
    ) -> None:
        self.network = network.train()
        self.notes: list[str] = []
        self._weights, self._acceleration, self._clip = weights, acceleration, clip_norm
        self._latent = latent_weights(network)
        self._device = next(network.parameters()).device
        on_gpu = self._device.type == "cuda"
        rate = torch.tensor(learning_rate, device=self._device) if on_gpu else learning_rate
        self.optimizer = torch.optim.Adam(
            network.parameters(), lr=rate, **({"fused": True, "capturable": True} if on_gpu else {})
        )
        if acceleration.compile and (why := compile_blocks(network.blocks())):
            self.notes.append(f"blocks are not compiled: {why}")
        self._step: Callable[..., Tensor] | None = None

    def step(self, images: Tensor, targets: Tensor, strangers: Tensor, rate: float) -> Tensor:
        """One update.

        Args:
            images: float32 [N, 3, height, width], normalised, channels last.
            targets: float32 [N, D], unit vectors.
            strangers: float32 [M, D], unit vectors of other crops.
            rate: The learning rate.

        Returns:
            float32 [len(PARTS)], on the device; overwritten by the next step.
        """
        if self._step is None:
            self._step = self._prepared(images, targets, strangers)
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate
        return self._step(images, targets, strangers)

    def _prepared(self, *examples: Tensor) -> Callable[..., Tensor]:
        """The step as it is, or recorded: recording takes some steps, whose effect is undone."""
        if not self._acceleration.record:
            return self._update
        if self._device.type != "cuda":
            self.notes.append("the step is not recorded as a CUDA graph: there is no GPU")
            return self._update
        kept = [value.clone() for value in self.network.state_dict().values()]
        rates = [group["lr"].clone() for group in self.optimizer.param_groups]
        for group in self.optimizer.param_groups:
            group["lr"].zero_()
        recorded = Recorded(self._update, *examples, record=True)
        if recorded.refused:
            self.notes.append(f"the step is not recorded as a CUDA graph: {recorded.refused}")
        with torch.no_grad():
            for value, before in zip(self.network.state_dict().values(), kept, strict=True):
                value.copy_(before)
            for state in self.optimizer.state.values():
                for moment in state.values():
                    moment.zero_()
            for group, before in zip(self.optimizer.param_groups, rates, strict=True):
                group["lr"].copy_(before)
        return recorded

    def _update(self, images: Tensor, targets: Tensor, strangers: Tensor) -> Tensor:
        self.optimizer.zero_grad(set_to_none=True)
        with torch.autocast(
            self._device.type,
            torch.bfloat16,
            enabled=self._acceleration.autocast,
            cache_enabled=False,
        ):
            output = self.network(images)
        parts = self._parts(functional.normalize(output.float(), dim=1), targets, strangers)
        parts[0].backward()
        if self._clip:
            nn.utils.clip_grad_norm_(self.network.parameters(), self._clip)
        self.optimizer.step()
        with torch.no_grad():
            for weights in self._latent:
                weights.clamp_(-1.0, 1.0)
        return torch.stack([part.detach() for part in parts])

    def _parts(self, student: Tensor, targets: Tensor, strangers: Tensor) -> list[Tensor]:
        weights, nothing = self._weights, student.new_zeros(())
        cosine = losses.cosine_loss(student, targets) if weights.cosine else nothing
        relation = losses.similarity_matrix_loss(student, targets) if weights.relation else nothing
        far = nothing
        if weights.strangers:
            far = losses.stranger_loss(student, targets, strangers, worst=32, least=0.2)
        near = losses.pair_loss(student, targets, worst=8, least=0.2) if weights.pairs else nothing
        total = (
            weights.cosine * cosine
            + weights.relation * relation
            + weights.strangers * far
            + weights.pairs * near
        )
        return [total, cosine, relation, far, near]
