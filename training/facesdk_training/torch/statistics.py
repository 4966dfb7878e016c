"""Running statistics of undistorted faces, for a network that was trained on distorted ones.

Distortions shift what batch normalisation sees; what it should normalise by afterwards are the
faces that the network will meet.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from facesdk_training.torch.networks.network import Network


@torch.no_grad()
def measure_statistics(network: Network, batches: Iterable[Tensor]) -> None:
    """Replaces the running statistics by the plain means over some batches.

    Args:
        network: Whose; left in evaluation mode.
        batches: Each float32 [N, 3, height, width], normalised.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    momentums = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # PyTorch's word for the plain mean
    network.train()
    for images in batches:
        network(images)
    for layer, momentum in zip(layers, momentums, strict=True):
        layer.momentum = momentum
    network.eval()
