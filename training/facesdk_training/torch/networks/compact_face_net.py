"""CompactFaceNet, see :mod:`facesdk_training.keras.networks.compact_face_net`, for PyTorch."""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn import functional

from facesdk_training.architectures.compact_face_net import CompactFaceNetConfig, Variant, planes_of
from facesdk_training.torch.networks.layers import (
    ChannelShift,
    Convolution,
    PReLU,
    batch_normalisation,
    glorot_uniform,
    truncated_normal,
)
from facesdk_training.torch.networks.network import EmbeddingHead, Network
from facesdk_training.torch.networks.quantizers import ClippedSign, PolynomialSign


class CompactFaceNet(Network):
    """float [N, 3, height, width], RGB scaled to about [-1, 1], to [N, embedding length]."""

    def __init__(self, config: CompactFaceNetConfig) -> None:
        super().__init__()
        self.stem = nn.ModuleList()
        size, channels = (config.input_height, config.input_width), 3
        for number, filters in enumerate(config.stem_channels, start=1):
            self.stem.append(_Normalised(self, f"stem{number}", channels, filters, 3, 2))
            size, channels = (-(-size[0] // 2), -(-size[1] // 2)), filters
        self.body = nn.ModuleList()
        for stage, (filters, units) in enumerate(config.stages, start=1):
            if stage > 1:
                self.body.append(_Transition(self, f"transition{stage}", channels, filters))
                size, channels = (size[0] // 2, size[1] // 2), filters
            thresholds = config.thresholds_of(stage - 1)
            self.body.extend(
                _Unit(self, f"stage{stage}_unit{unit}", channels, config.variant, thresholds)
                for unit in range(1, units + 1)
            )
        self.head = EmbeddingHead(self, channels, size, config.embedding_length, config.head_units)

    def forward(self, x: Tensor) -> Tensor:
        """The embeddings, not normalised."""
        first, second = self.stem
        x = second(functional.relu(first(x)))
        for block in self.body:
            x = block(x)
        embedding: Tensor = self.head(x)
        return embedding

    def blocks(self) -> list[nn.Module]:
        """Units and transitions."""
        return list(self.body)


class _Normalised(nn.Module):
    def __init__(
        self, network: Network, name: str, inputs: int, outputs: int, kernel: int, stride: int
    ) -> None:
        super().__init__()
        convolution = Convolution(inputs, outputs, kernel, stride=stride)
        glorot_uniform(convolution.weight)
        self.convolution = network.named(f"{name}_conv", convolution)
        self.normalisation = network.named(f"{name}_bn", batch_normalisation(outputs))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.normalisation(self.convolution(x))
        return y


class _Transition(_Normalised):
    def __init__(self, network: Network, name: str, inputs: int, outputs: int) -> None:
        super().__init__(network, name, inputs, outputs, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(functional.avg_pool2d(x, 2))


class _Unit(nn.Module):
    def __init__(
        self, network: Network, name: str, channels: int, variant: Variant, thresholds: int
    ) -> None:
        super().__init__()
        convolution = Convolution(
            channels,
            channels,
            3,
            pad_value=0.0 if variant == "float" else 1.0,
            input_quantizer=None if variant == "float" else PolynomialSign(),
            kernel_quantizer=ClippedSign() if variant == "QB" else None,
        )
        if variant == "float":
            glorot_uniform(convolution.weight)
        else:
            truncated_normal(convolution.weight, math.sqrt(1.0 / (9 * channels)))
        planes = planes_of(name, thresholds)
        self.shifts = nn.ModuleList(
            network.named(f"{plane}_shift", ChannelShift(channels, begin))
            for plane, begin in planes.items()
        )
        self.convolution = network.named(f"{name}_conv", convolution)
        self.normalisations = nn.ModuleList(
            network.named(f"{plane}_bn", batch_normalisation(channels)) for plane in planes
        )
        self.prelu = network.named(f"{name}_prelu", PReLU(channels))

    def forward(self, x: Tensor) -> Tensor:
        total = x
        for shift, normalisation in zip(self.shifts, self.normalisations, strict=True):
            total = total + normalisation(self.convolution(shift(x)))
        y: Tensor = self.prelu(total)
        return y
