"""Weights of a deeper CompactFaceNet: the units it has more begin as identities.

A residual unit whose batch normalisation has the gain 0 and whose PReLU has the slope 1 computes
its input, so the deeper network starts by computing what the other one does (T. Chen et al.,
"Net2Net: Accelerating Learning via Knowledge Transfer", ICLR 2016).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk_training.architectures.compact_face_net import CompactFaceNetConfig
from facesdk_training.architectures.registry import NetworkConfig


def deepened(
    weights: Mapping[str, list[NDArray[np.float32]]], network: NetworkConfig
) -> dict[str, list[NDArray[np.float32]]]:
    """Adds the layers of the units that a network has more than the one the weights are of.

    Args:
        weights: The arrays of each layer, by its name, as :func:`facesdk_training.runs.latent.read`
            returns them.
        network: The network that takes them over. One that is no CompactFaceNet gets them as they
            are.

    Returns:
        The weights, with all layers of the added units but their convolutions, whose kernels are
        drawn anew: the first steps decide what comes of them.
    """
    deeper = dict(weights)
    if not isinstance(network, CompactFaceNetConfig):
        return deeper
    for stage, (channels, units) in enumerate(network.stages, start=1):
        for unit in range(1, units + 1):
            name = f"stage{stage}_unit{unit}"
            if f"{name}_conv" not in weights:
                deeper.update(_identity(name, channels))
    return deeper


def _identity(name: str, channels: int) -> dict[str, list[NDArray[np.float32]]]:
    nothing, ones = np.zeros(channels, np.float32), np.ones(channels, np.float32)
    normalisation: list[NDArray[Any]] = [nothing, nothing, nothing, ones]
    return {
        f"{name}_shift": [nothing],
        f"{name}_bn": normalisation,
        f"{name}_prelu": [ones.reshape(1, 1, channels)],
    }
