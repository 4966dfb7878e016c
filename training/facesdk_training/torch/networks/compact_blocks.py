"""The units of :mod:`facesdk_training.keras.networks.compact_blocks` for PyTorch.

Its table says what each is and where it comes from; layers have the same names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor, nn

from facesdk_training.architectures.face_res_net import (
    EXPANSION,
    GROUPS,
    FaceResNetConfig,
    squeezed_channels,
)
from facesdk_training.torch.networks.layers import (
    ChannelShift,
    Convolution,
    PReLU,
    batch_normalisation,
    he_normal,
)
from facesdk_training.torch.networks.network import Network


@dataclass(frozen=True, slots=True)
class Parts:
    """What a network makes its units of.

    Attributes:
        network: Notes the layers' names.
        config: Its configuration.
        convolution: Quantized as the network is: (inputs, outputs, kernel=, same=) to a layer.
    """

    network: Network
    config: FaceResNetConfig
    convolution: Callable[..., Convolution]

    def layer(self, name: str, convolution: Convolution) -> Convolution:
        """Notes a convolution's name."""
        return self.network.named(name, convolution)

    def depthwise(self, channels: int, name: str) -> Convolution:
        """A float depthwise 3x3 convolution."""
        layer = Convolution(channels, channels, 3, depthwise=True)
        he_normal(layer.weight.transpose(0, 1))
        return self.network.named(name, layer)

    def normalised(self, channels: int, name: str) -> nn.Module:
        """Batch normalisation alone."""
        return self.network.named(f"{name}_bn", batch_normalisation(channels))

    def inner(self, channels: int, name: str) -> nn.Module:
        """What follows a convolution whose output a convolution reads."""
        normalised = self.normalised(channels, name)
        if self.config.binary_activations:
            return normalised
        return nn.Sequential(normalised, self.network.named(f"{name}_prelu", PReLU(channels)))

    def last(self, channels: int, name: str) -> nn.Module:
        """What follows a convolution whose output is added."""
        if self.config.binary_activations:
            return nn.Sequential(nn.ReLU(), self.normalised(channels, name))
        return self.inner(channels, name)


class Fire(nn.Module):
    """The branch of a Fire module."""

    def __init__(self, parts: Parts, name: str, channels: int) -> None:
        super().__init__()
        binary = parts.config.binary_activations
        squeezed, half = squeezed_channels(channels, binary=binary), channels // 2
        squeeze = f"{name}_squeeze"
        self.shift: nn.Module = nn.Identity()
        if binary:
            self.shift = parts.network.named(f"{name}_shift", ChannelShift(channels))
        self.squeeze = nn.Sequential(
            parts.layer(squeeze, parts.convolution(channels, squeezed, kernel=1)),
            parts.inner(squeezed, squeeze),
        )
        self.sides = nn.ModuleList(
            nn.Sequential(
                parts.layer(
                    f"{name}_expand{size}",
                    parts.convolution(squeezed, filters, kernel=size, same=True),
                ),
                parts.last(filters, f"{name}_expand{size}"),
            )
            for size, filters in ((1, half), (3, channels - half))
        )
        for kind in ("", "_bn", "_prelu"):  # Keras lists layers side by side kind by kind
            for size in (1, 3):
                side = f"{name}_expand{size}{kind}"
                if side in parts.network.layers:
                    parts.network.named(side, parts.network.layers.pop(side))

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W], as all of these."""
        x = self.squeeze(self.shift(x))
        return torch.cat([side(x) for side in self.sides], 1)


class Separable(nn.Sequential):
    """The branch of depthwise separable convolutions."""

    def __init__(self, parts: Parts, name: str, channels: int) -> None:
        layers: list[nn.Module] = []
        for number in range(1, parts.config.unit_convolutions + 1):
            layer = f"{name}_{number}"
            layers += [
                parts.depthwise(channels, f"{layer}_depthwise"),
                parts.inner(channels, f"{layer}_depthwise"),
                parts.layer(layer, parts.convolution(channels, channels, kernel=1)),
                parts.last(channels, layer),
            ]
        super().__init__(*layers)


class Inverted(nn.Sequential):
    """The branch of an inverted residual with a linear bottleneck."""

    def __init__(self, parts: Parts, name: str, channels: int) -> None:
        wide = EXPANSION * channels
        expand, depthwise, project = _names(name, "expand", "depthwise", "project")
        super().__init__(
            parts.layer(expand, parts.convolution(channels, wide, kernel=1)),
            parts.inner(wide, expand),
            parts.depthwise(wide, depthwise),
            parts.inner(wide, depthwise),
            parts.layer(project, parts.convolution(wide, channels, kernel=1)),
            parts.normalised(channels, project),
        )


class Shuffle(nn.Sequential):
    """The branch of a ShuffleNet unit."""

    def __init__(self, parts: Parts, name: str, channels: int) -> None:
        few = channels // GROUPS
        squeeze, depthwise, expand = _names(name, "squeeze", "depthwise", "expand")
        super().__init__(
            _Grouped(parts, squeeze, channels, few),
            parts.inner(few, squeeze),
            nn.ChannelShuffle(GROUPS),
            parts.depthwise(few, depthwise),
            parts.normalised(few, depthwise),
            _Grouped(parts, expand, few, channels),
            parts.last(channels, expand),
        )


class _Grouped(nn.Module):
    """A 1x1 convolution in groups, each a layer of its own."""

    def __init__(self, parts: Parts, name: str, inputs: int, outputs: int) -> None:
        super().__init__()
        self.groups = nn.ModuleList(
            parts.layer(
                f"{name}_group{number}",
                parts.convolution(inputs // GROUPS, outputs // GROUPS, kernel=1),
            )
            for number in range(1, GROUPS + 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        slices = x.chunk(GROUPS, 1)
        return torch.cat([group(one) for group, one in zip(self.groups, slices, strict=True)], 1)


def _names(unit: str, *parts: str) -> list[str]:
    return [f"{unit}_{part}" for part in parts]


BLOCKS: Mapping[str, Callable[[Parts, str, int], nn.Module]] = MappingProxyType(
    {"fire": Fire, "separable": Separable, "inverted": Inverted, "shuffle": Shuffle}
)
"""The branches by the name that a configuration gives them: (parts, unit's name, channels)."""
