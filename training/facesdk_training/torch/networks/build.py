"""From a network's configuration to its PyTorch module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from facesdk.errors import InputError
from facesdk_training.architectures.compact_face_net import CompactFaceNetConfig
from facesdk_training.architectures.face_res_net import FaceResNetConfig
from facesdk_training.architectures.mobile_face_net import MobileFaceNetConfig
from facesdk_training.architectures.registry import NetworkConfig
from facesdk_training.torch.networks.compact_face_net import CompactFaceNet
from facesdk_training.torch.networks.face_res_net import FaceResNet
from facesdk_training.torch.networks.mobile_face_net import MobileFaceNet
from facesdk_training.torch.networks.network import Network

_BUILDERS: Mapping[type[NetworkConfig], Callable[[Any], Network]] = MappingProxyType(
    {
        CompactFaceNetConfig: CompactFaceNet,
        FaceResNetConfig: FaceResNet,
        MobileFaceNetConfig: MobileFaceNet,
    }
)


def build_embedder(config: NetworkConfig) -> Network:
    """Builds the network of a configuration up to its embedding, with fresh weights.

    Args:
        config: From :func:`facesdk_training.architectures.registry.configure`, or a run's.

    Returns:
        A module float32 [N, 3, height, width], RGB scaled to about [-1, 1], to float32
        [N, embedding length], not normalised.

    Raises:
        InputError: Only a Keras file describes the network.
    """
    if type(config) not in _BUILDERS:
        raise InputError(f"{config.family} came as a Keras file: PyTorch cannot build it")
    return _BUILDERS[type(config)](config)
