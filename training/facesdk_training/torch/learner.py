"""A network that learns from batches on the device: all of an update as one step."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from facesdk_training.config.run import OptimizerConfig
from facesdk_training.torch.device.acceleration import Recorded, compile_blocks
from facesdk_training.torch.device.batches import Batch
from facesdk_training.torch.networks.network import Network
from facesdk_training.torch.objectives import Objective
from facesdk_training.torch.optimizers import optimizers_of, set_learning_rate
from facesdk_training.torch.terms import Terms
from facesdk_training.torch.weights import latent_weights


@dataclass(frozen=True, slots=True)
class Acceleration:
    """What may be used to make a step faster.

    Attributes:
        autocast: Compute in bfloat16 where that is safe.
        compile: Compile the network's blocks.
        kernels: In place of that, train by kernels of our own where the network has them.
        record: Record the step as a CUDA graph.
    """

    autocast: bool = False
    compile: bool = False
    kernels: bool = False
    record: bool = False


class Learner:
    """Trains a network and what its objective trains beside it.

    Attributes:
        network: What is trained, on its device and in training mode.
        kept: A copy in evaluation mode that follows it: the weights themselves, or their moving
            average.
        notes: What was asked for and could not be had, one line each.
    """

    def __init__(
        self,
        network: Network,
        objective: Objective,
        terms: Terms,
        config: OptimizerConfig,
        acceleration: Acceleration,
        share: Callable[[nn.Module], nn.Module] = lambda module: module,
    ) -> None:
        """Makes the optimizers.

        Args:
            network: With the weights to begin with.
            objective: On the same device.
            terms: What is asked of the network besides, on the same device.
            config: How gradients become weights.
            acceleration: What may be used.
            share: Wraps what computes the loss, so that processes share its gradients.
        """
        self.kept = copy.deepcopy(network).eval()
        self.network = network.train()
        self.notes: list[str] = []
        self._beside = nn.ModuleDict({"objective": objective, "terms": terms})
        self._config, self._acceleration = config, acceleration
        self._latent = latent_weights(network)
        self._device = next(network.parameters()).device
        own = acceleration.kernels and network.use_kernels()
        blocks = [block for block in network.blocks() if not network.looks_into(block)]
        if acceleration.compile and not own and (why := compile_blocks(blocks)):
            self.notes.append(f"blocks are not compiled: {why}")
        self._loss = share(_Loss(network, objective, terms))
        latent = {id(weight) for weight in self._latent}
        beside = [weight for weight in self._beside.parameters() if weight.requires_grad]
        self._weights = [*network.parameters(), *beside]
        self._optimizers = optimizers_of(
            config, self._latent, [weight for weight in self._weights if id(weight) not in latent]
        )
        self._step: Callable[..., Tensor] | None = None

    def step(self, batch: Batch, rate: float) -> Tensor:
        """One update.

        Args:
            batch: What to learn from.
            rate: The learning rate.

        Returns:
            float32 scalars of the objective's ``parts`` and then the terms', on the device;
            overwritten by the next step.
        """
        arguments = (batch.images, batch.targets, batch.strangers)
        if self._step is None:
            self._step = self._prepared(*arguments)
        set_learning_rate(self._optimizers, rate)
        return self._step(*arguments)

    @torch.no_grad()
    def keep(self, step: int) -> None:
        """Lets the kept weights follow the trained ones; after few steps, more quickly."""
        decay = self._config.ema_decay
        if not decay:
            return
        share = 1.0 - min(decay, (1 + step) / (10 + step))
        for average, weight in zip(self.kept.parameters(), self.network.parameters(), strict=True):
            average.lerp_(weight, share)
        for held, now in zip(self.kept.buffers(), self.network.buffers(), strict=True):
            held.copy_(now)

    def catch_up(self) -> Network:
        """The kept network, whose weights are the trained ones unless they are averages."""
        if not self._config.ema_decay:
            self.kept.load_state_dict(self.network.state_dict())
        return self.kept

    def state(self) -> dict[str, Any]:
        """All that :meth:`restore` needs."""
        return {
            "network": self.network.state_dict(),
            "kept": self.kept.state_dict(),
            "beside": self._beside.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self._optimizers],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on where :meth:`state` was taken; before the first step."""
        self.network.load_state_dict(state["network"])
        self.kept.load_state_dict(state["kept"])
        self._beside.load_state_dict(state["beside"])
        for optimizer, saved in zip(self._optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)

    def _prepared(self, *examples: Tensor) -> Callable[..., Tensor]:
        """The step as it is, or recorded: recording takes some steps, whose effect is undone."""
        if not self._acceleration.record:
            return self._update
        if self._device.type != "cuda":
            self.notes.append("the step is not recorded as a CUDA graph: there is no GPU")
            return self._update
        before = copy.deepcopy(self.state())
        set_learning_rate(self._optimizers, 0.0)
        recorded = Recorded(self._update, *examples, record=True)
        if recorded.refused:
            self.notes.append(f"the step is not recorded as a CUDA graph: {recorded.refused}")
        self._undo(before)
        return recorded

    @torch.no_grad()
    def _undo(self, before: dict[str, Any]) -> None:
        """Sets every tensor in place, where the recorded step will look for it."""
        self.network.load_state_dict(before["network"])
        self._beside.load_state_dict(before["beside"])
        for optimizer, saved in zip(self._optimizers, before["optimizers"], strict=True):
            numbered = [weight for group in optimizer.param_groups for weight in group["params"]]
            for number, weight in enumerate(numbered):
                for name, value in optimizer.state[weight].items():
                    if isinstance(value, Tensor):
                        old = saved["state"].get(number, {}).get(name)
                        value.copy_(torch.zeros_like(value) if old is None else old)

    def _update(self, images: Tensor, targets: Tensor, strangers: Tensor) -> Tensor:
        for optimizer in self._optimizers:
            optimizer.zero_grad(set_to_none=True)
        with torch.autocast(
            self._device.type,
            torch.bfloat16,
            enabled=self._acceleration.autocast,
            cache_enabled=False,
        ):
            parts = self._loss(images, targets, strangers)
        parts[0].backward()
        if self._config.clip_norm:
            nn.utils.clip_grad_norm_(self._weights, self._config.clip_norm)
        for optimizer in self._optimizers:
            optimizer.step()
        with torch.no_grad():
            for weights in self._latent:
                weights.clamp_(-1.0, 1.0)
        return torch.stack([part.detach() for part in parts])


class _Loss(nn.Module):
    """The network and what it is trained for as one module, which is what processes share."""

    def __init__(self, network: Network, objective: Objective, terms: Terms) -> None:
        super().__init__()
        self.network, self.objective, self.terms = network, objective, terms

    def forward(self, images: Tensor, targets: Tensor, strangers: Tensor) -> list[Tensor]:
        features: list[Tensor] = []
        if self.terms.looks_at:
            embeddings, features = self.network.looked_at(images, self.terms.looks_at)
        else:
            embeddings = self.network(images)
        with torch.autocast(images.device.type, enabled=False):
            loss, *parts = self.objective(embeddings.float(), targets, strangers)
            maps = [feature.float() for feature in features]
            asked, *more = self.terms(self.network, images.float(), maps)
        return [loss + asked, *parts, *more]
