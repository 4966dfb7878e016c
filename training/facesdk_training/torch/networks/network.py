"""A network that knows its layers by the names of the Keras network's."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import Any, TypeVar

from torch import Tensor, nn
from torch.nn import functional

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
        self._without_weights: dict[str, nn.Module] = {}
        self._looked_at: dict[str, nn.Module] = {}
        self._seen: dict[str, Tensor] = {}

    def named(self, name: str, layer: Layer) -> Layer:
        """Notes the name of a layer, which the caller makes a part of the network."""
        self.layers[name] = layer
        return layer

    def ends_with(self, name: str, part: nn.Module) -> None:
        """Notes a Keras layer without weights, a sum or a pool, by the part that it is the end of.

        Args:
            name: Of the layer.
            part: Its output is the layer's.
        """
        self._without_weights[name] = part

    def look_at(self, names: Sequence[str]) -> None:
        """Notes the outputs of some layers in every forward pass from now on.

        Do it before the parts around these layers are compiled: see :meth:`looks_into`.

        Raises:
            InputError: There is no such layer.
        """
        known = {**self.layers, **self._without_weights}
        for name in names:
            if name not in known:
                raise InputError(
                    f"loss.layers: there is no layer {name!r} that the training engine "
                    f'"torch" can look at; there are {", ".join(known)}'
                )
            if name not in self._looked_at:
                self._looked_at[name] = known[name]
                known[name].register_forward_hook(partial(_note, self._seen, name))

    def looked_at(self, x: Tensor, names: Sequence[str]) -> tuple[Tensor, list[Tensor]]:
        """The embeddings, and the outputs of some layers, [N, C, H, W] where they are maps.

        Args:
            x: Crops.
            names: Of the layers.

        Raises:
            InputError: There is no such layer.
        """
        self.look_at(names)
        embeddings: Tensor = self(x)
        found = [self._seen[name] for name in names]
        self._seen.clear()
        return embeddings, found

    def maps(self, x: Tensor, names: Sequence[str]) -> list[Tensor]:
        """The outputs alone of :meth:`looked_at`."""
        return self.looked_at(x, names)[1]

    def looks_into(self, part: nn.Module) -> bool:
        """Whether a layer within a part is looked at, so that the part must run as it is."""
        inside = {id(module) for module in part.modules()}
        return any(id(layer) in inside for layer in self._looked_at.values())

    def use_kernels(self) -> bool:
        """Trains by the kernels of :mod:`.kernels` from now on; whether the network has any."""
        return False

    @abstractmethod
    def blocks(self) -> list[nn.Module]:
        """The repeated parts, which are compiled one by one: few kinds, however deep it is."""


def _note(seen: dict[str, Tensor], name: str, layer: nn.Module, _: Any, output: Tensor) -> None:
    seen[name] = output


class EmbeddingHead(nn.Module):
    """MobileFaceNet's head: a depthwise convolution over the whole map, then a linear layer.

    With hidden units, what they add to the embedding is 0 at first.
    """

    def __init__(
        self,
        network: Network,
        channels: int,
        size: tuple[int, int],
        embedding_length: int,
        hidden_units: int = 0,
    ) -> None:
        super().__init__()
        depthwise = Convolution(channels, channels, size, same=False, depthwise=True)
        glorot_uniform(depthwise.weight.transpose(0, 1))
        self.depthwise = network.named("head_depthwise", depthwise)
        self.normalisation = network.named("head_bn", batch_normalisation(channels))
        self.hidden: nn.Linear | None = None
        self.correction: nn.Linear | None = None
        if hidden_units:
            self.hidden = network.named("head_hidden", _dense(channels, hidden_units))
        self.dense = network.named("embedding", _dense(channels, embedding_length))
        if hidden_units:
            correction = nn.Linear(hidden_units, embedding_length, bias=False)
            nn.init.zeros_(correction.weight)
            self.correction = network.named("head_correction", correction)

    def forward(self, x: Tensor) -> Tensor:
        """[N, channels, height, width] to [N, embedding length]."""
        features = self.normalisation(self.depthwise(x)).flatten(1)
        embedding: Tensor = self.dense(features)
        if self.hidden is not None and self.correction is not None:
            embedding = embedding + self.correction(functional.relu(self.hidden(features)))
        return embedding


def _dense(inputs: int, outputs: int) -> nn.Linear:
    """A dense layer with Keras' initial weights."""
    layer = nn.Linear(inputs, outputs)
    glorot_uniform(layer.weight.view(outputs, inputs, 1, 1))
    nn.init.zeros_(layer.bias)
    return layer
