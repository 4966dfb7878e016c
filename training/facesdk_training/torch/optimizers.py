"""Optimizers for networks with binary kernels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from facesdk_training.config.run import OptimizerConfig

_DECAYED_FROM = 2
"""Kernels have two axes or more; scales, offsets, slopes and biases one, and do not decay."""

_ADAM_EPSILON = 1e-7
"""Keras' value."""


def optimizers_of(
    config: OptimizerConfig, latent: Sequence[nn.Parameter], others: Sequence[nn.Parameter]
) -> list[torch.optim.Optimizer]:
    """An optimizer for the latent weights of binary kernels, and one for the rest.

    Args:
        config: Which.
        latent: Never decay: their magnitude does not reach the network's output.
        others: Kernels among them decay.
    """
    kernels = [weight for weight in others if weight.ndim >= _DECAYED_FROM]
    rest = [weight for weight in others if weight.ndim < _DECAYED_FROM]
    groups = [
        {"params": kernels, "weight_decay": config.weight_decay},
        {"params": rest, "weight_decay": 0.0},
    ]
    found = [_optimizer(config, config.float_weights, [g for g in groups if g["params"]])]
    if latent:
        groups = [{"params": list(latent), "weight_decay": 0.0}]
        found.append(_optimizer(config, config.binary_weights, groups))
    return found


def set_learning_rate(optimizers: Sequence[torch.optim.Optimizer], rate: float) -> None:
    """Sets the rate of all groups, in place where it lies on the device."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate


def _optimizer(
    config: OptimizerConfig, name: str, groups: list[dict[str, Any]]
) -> torch.optim.Optimizer:
    device = groups[0]["params"][0].device
    if name == "sgd":
        return _DecoupledSGD(groups, lr=0.0, momentum=config.momentum)
    options: dict[str, Any] = {"lr": 0.0, "eps": _ADAM_EPSILON}
    if device.type == "cuda":
        options |= {"lr": torch.zeros((), device=device), "fused": True, "capturable": True}
    return torch.optim.AdamW(groups, **options)


class _DecoupledSGD(torch.optim.SGD):
    """SGD whose decay is that of AdamW: it does not go through the momentum."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        decays = [group["weight_decay"] for group in self.param_groups]
        for group in self.param_groups:
            for weight in group["params"] if group["weight_decay"] else ():
                weight.mul_(1.0 - group["lr"] * group["weight_decay"])
            group["weight_decay"] = 0.0
        result = super().step(closure)
        for group, decay in zip(self.param_groups, decays, strict=True):
            group["weight_decay"] = decay
        return result
