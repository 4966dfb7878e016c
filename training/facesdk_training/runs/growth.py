"""Weights of a larger CompactFaceNet that starts where a smaller one is.

T. Chen et al., "Net2Net: Accelerating Learning via Knowledge Transfer", ICLR 2016. An added
residual unit computes its input at first: its batch normalisation has the gain 0 and its PReLU the
slope 1. The gain has a gradient all the same, and the first steps decide what comes of the unit. A
threshold becomes two that lie to either side of it, each with half of the gain, so that an
activation has three levels where it had two.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from facesdk_training.architectures.compact_face_net import APART, CompactFaceNetConfig
from facesdk_training.architectures.registry import NetworkConfig

Weights = dict[str, list[NDArray[np.float32]]]


def grown(weights: Mapping[str, list[NDArray[np.float32]]], network: NetworkConfig) -> Weights:
    """Adds the layers that a network has more than the one the weights are of.

    Args:
        weights: The arrays of each layer, by its name, as :func:`facesdk_training.runs.latent.read`
            returns them.
        network: The network that takes them over. One that is no CompactFaceNet gets them as they
            are.

    Returns:
        The weights, with the layers of added units but their convolutions, whose kernels are drawn
        anew, and with the second thresholds.
    """
    larger = dict(weights)
    if not isinstance(network, CompactFaceNetConfig):
        return larger
    for stage, (channels, units) in enumerate(network.stages):
        for unit in range(units):
            name = f"stage{stage + 1}_unit{unit + 1}"
            if f"{name}_conv" not in weights:
                larger.update(_identity(name, channels))
            if network.thresholds_of(stage) == 2 and f"{name}_second_bn" not in weights:
                larger.update(_split(name, larger))
    return larger


def _split(name: str, weights: Weights) -> Weights:
    (shift,), (gain, offset, mean, variance) = weights[f"{name}_shift"], weights[f"{name}_bn"]
    half = [gain / 2, offset / 2, mean, variance]
    return {
        f"{name}_shift": [shift - APART / 2],
        f"{name}_bn": half,
        f"{name}_second_shift": [shift + APART / 2],
        f"{name}_second_bn": half,
    }


def _identity(name: str, channels: int) -> Weights:
    nothing, ones = np.zeros(channels, np.float32), np.ones(channels, np.float32)
    return {
        f"{name}_shift": [nothing],
        f"{name}_bn": [nothing, nothing, nothing, ones],
        f"{name}_prelu": [ones.reshape(1, 1, channels)],
    }
