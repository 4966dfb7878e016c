"""A network that knows its layers by the names of the Keras network's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TypeVar

from torch import Tensor, nn

from facesdk.errors import InputError
from facesdk_training.torch.networks.layers import (
    Convolution,
    batch_normalisation,
    glorot_uniform,
)

Layer = TypeVar("Layer", bound=nn.Module)


class Network(nn.Module, ABC):
    """Base of the architectures: float [N, 3, height, width] to [N, embedding length].

    Attributes:
        layers: The layers with weights, by the names that they have in the Keras network.
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers: dict[str, nn.Module] = {}

    def named(self, name: str, layer: Layer) -> Layer:
        """Notes the name of a layer, which the caller makes a part of the network."""
        self.layers[name] = layer
        return layer

    def looked_at(self, x: Tensor, names: Sequence[str]) -> tuple[Tensor, list[Tensor]]:
        """The embeddings, and the outputs of some layers, [N, C, H, W] where they are maps.

        Args:
            x: Crops.
            names: Of the layers.

        Raises:
            InputError: There is no such layer.
        """
        raise InputError(
            'the training engine "torch" looks at layers in `facesdk compress` only: set '
            "loss.hint_weight and loss.attention_weight to 0, or use --engine keras"
        )

    def use_kernels(self) -> bool:
        """Trains by the kernels of :mod:`.kernels` from now on; whether the network has any."""
        return False

    @abstractmethod
    def blocks(self) -> list[nn.Module]:
        """The repeated parts, which are compiled one by one: few kinds, however deep it is."""


class EmbeddingHead(nn.Module):
    """MobileFaceNet's head: a depthwise convolution over the whole map, then a linear layer."""

    def __init__(
        self, network: Network, channels: int, size: tuple[int, int], embedding_length: int
    ) -> None:
        super().__init__()
        depthwise = Convolution(channels, channels, size, same=False, depthwise=True)
        glorot_uniform(depthwise.weight.transpose(0, 1))
        dense = nn.Linear(channels, embedding_length)
        glorot_uniform(dense.weight.view(embedding_length, channels, 1, 1))
        nn.init.zeros_(dense.bias)
        self.depthwise = network.named("head_depthwise", depthwise)
        self.normalisation = network.named("head_bn", batch_normalisation(channels))
        self.dense = network.named("embedding", dense)

    def forward(self, x: Tensor) -> Tensor:
        """[N, channels, height, width] to [N, embedding length]."""
        embedding: Tensor = self.dense(self.normalisation(self.depthwise(x)).flatten(1))
        return embedding
