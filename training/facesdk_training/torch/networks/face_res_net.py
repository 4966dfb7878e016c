"""FaceResNet, see :mod:`facesdk_training.keras.networks.face_res_net`, for PyTorch."""

from __future__ import annotations

from functools import partial

from torch import Tensor, nn
from torch.nn import functional

from facesdk_training.architectures.face_res_net import FaceResNetConfig
from facesdk_training.architectures.quantizer_names import FLOAT
from facesdk_training.torch.networks.compact_blocks import BLOCKS, Parts
from facesdk_training.torch.networks.layers import (
    ChannelShift,
    Convolution,
    PReLU,
    batch_normalisation,
    he_normal,
)
from facesdk_training.torch.networks.network import Network
from facesdk_training.torch.networks.quantizers import activation_quantizer, weight_quantizer

_STEM_CHANNELS = (32, 64)
_STAGE_CHANNELS = (64, 128, 256, 512)
_KERNEL = 3


class FaceResNet(Network):
    """float [N, 3, height, width], RGB scaled to about [-1, 1], to [N, embedding length]."""

    def __init__(self, config: FaceResNetConfig) -> None:
        super().__init__()
        binary = config.binary_activations
        first, channels = (config.channels(count) for count in _STEM_CHANNELS)
        size = (config.input_height, config.input_width)
        self.stem = _Layer(
            self, "conv1a", _convolution(config, 3, first, quantized=False), activated=not binary
        )
        self.body = nn.ModuleList([_Transition(self, config, 1, first, channels, False)])
        size = _halved(_valid(_valid(size)))
        for stage, (count, units) in enumerate(
            zip(_STAGE_CHANNELS, config.units, strict=True), start=2
        ):
            if stage > 2:
                filters = config.channels(count)
                self.body.append(_Transition(self, config, stage - 1, channels, filters, binary))
                size, channels = _halved(_valid(size)), filters
            self.body.extend(
                _Unit(self, config, f"conv{stage}_{unit}", channels) for unit in range(1, units + 1)
            )
        self.shift = self.named("fc5_shift", ChannelShift(channels)) if binary else None
        fc5 = _convolution(config, channels, config.embedding_length, kernel=size, bias=not binary)
        self.fc5 = self.named("fc5", fc5)
        self.fc5_bn = None
        if binary:
            self.fc5_bn = self.named("fc5_bn", batch_normalisation(config.embedding_length))

    def forward(self, x: Tensor) -> Tensor:
        """The embeddings, not normalised."""
        x = self.stem(x)
        for block in self.body:
            x = block(x)
        if self.shift is not None:
            x = self.shift(x)
        x = self.fc5(x)
        if self.fc5_bn is not None:
            x = self.fc5_bn(x)
        return x.flatten(1)

    def blocks(self) -> list[nn.Module]:
        """The stem, units and transitions."""
        return [self.stem, *self.body]


def _valid(size: tuple[int, int]) -> tuple[int, int]:
    return size[0] - _KERNEL + 1, size[1] - _KERNEL + 1


def _halved(size: tuple[int, int]) -> tuple[int, int]:
    return size[0] // 2, size[1] // 2


def _convolution(
    config: FaceResNetConfig,
    inputs: int,
    outputs: int,
    *,
    kernel: int | tuple[int, int] = _KERNEL,
    same: bool = False,
    bias: bool = False,
    quantized: bool = True,
) -> Convolution:
    convolution = Convolution(
        inputs,
        outputs,
        kernel,
        same=same,
        bias=bias,
        pad_value=1.0 if same and config.binary_activations else 0.0,
        kernel_quantizer=_weight_quantizer(config, inputs, kernel) if quantized else None,
        input_quantizer=activation_quantizer(config.activations) if quantized else None,
    )
    he_normal(convolution.weight)
    if convolution.bias is not None:
        nn.init.zeros_(convolution.bias)
    return convolution


def _weight_quantizer(
    config: FaceResNetConfig, channels: int, kernel: int | tuple[int, int]
) -> nn.Module | None:
    height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
    return weight_quantizer(config.weights, height * width * channels)


class _Layer(nn.Module):
    """Convolution, ReLU or not, batch normalisation, PReLU or not."""

    def __init__(
        self,
        network: Network,
        name: str,
        convolution: Convolution,
        *,
        rectified: bool = False,
        activated: bool,
    ) -> None:
        super().__init__()
        channels = convolution.out_channels
        self.convolution = network.named(name, convolution)
        self.rectified = rectified
        self.normalisation = network.named(f"{name}_bn", batch_normalisation(channels))
        self.prelu = network.named(f"{name}_prelu", PReLU(channels)) if activated else None

    def forward(self, x: Tensor) -> Tensor:
        x = self.convolution(x)
        x = self.normalisation(functional.relu(x) if self.rectified else x)
        return x if self.prelu is None else self.prelu(x)


class _Transition(nn.Module):
    """A "valid" convolution and a pool; with quantized weights the activation comes last."""

    def __init__(
        self,
        network: Network,
        config: FaceResNetConfig,
        number: int,
        inputs: int,
        outputs: int,
        shifted: bool,
    ) -> None:
        super().__init__()
        binary, name = config.binary_activations, "conv1b" if number == 1 else f"conv{number}"
        self.shift = network.named(f"{name}_shift", ChannelShift(inputs)) if shifted else None
        convolution = _convolution(config, inputs, outputs)
        self.layer = _Layer(
            network,
            name,
            convolution,
            rectified=binary,
            activated=config.weights == FLOAT and not binary,
        )
        self.prelu = None
        if not binary and config.weights != FLOAT:
            self.prelu = network.named(f"{name}_prelu", PReLU(outputs))
        else:
            network.ends_with(f"pool{number}", self)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer(x if self.shift is None else self.shift(x))
        x = functional.max_pool2d(x, 2)
        return x if self.prelu is None else self.prelu(x)


class _Unit(nn.Module):
    def __init__(
        self, network: Network, config: FaceResNetConfig, name: str, channels: int
    ) -> None:
        super().__init__()
        binary, last = config.binary_activations, config.unit_convolutions
        network.ends_with(f"{name}_add", self)
        self.shift, self.branch = None, nn.Sequential()
        if config.block != "plain":
            parts = Parts(network, config, partial(_convolution, config))
            self.branch = BLOCKS[config.block](parts, name, channels)
            return
        self.shift = network.named(f"{name}_shift", ChannelShift(channels)) if binary else None
        self.branch = nn.Sequential(
            *(
                _Layer(
                    network,
                    f"{name}_{number}",
                    _convolution(config, channels, channels, same=True),
                    rectified=binary and number == last,
                    activated=not binary,
                )
                for number in range(1, last + 1)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.branch(x if self.shift is None else self.shift(x))
        return x + y
