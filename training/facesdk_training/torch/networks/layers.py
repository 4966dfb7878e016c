"""Layers that several architectures are made of, with the names and defaults of the Keras ones."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

PRELU_INITIAL_SLOPE = 0.25
"""See :data:`facesdk_training.keras.networks.layers.PRELU_INITIAL_SLOPE`."""

Quantizer = Callable[[Tensor], Tensor]


class Convolution(nn.Conv2d):
    """A convolution as Keras and Larq have it: padding "same" or "valid", quantized or not.

    Padding "same" leaves ceil(side / stride) positions and puts an odd pixel at the far border.

    Attributes:
        kernel_quantizer: Makes the kernel from the latent weights; None in a float layer.
        input_quantizer: Applied to the input; None for none.
        pad_value: What stands at the borders.
        latent: Whether the weights are latent ones, kept within -1 to 1 for a quantizer.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int | tuple[int, int] = 1,
        *,
        stride: int | tuple[int, int] = 1,
        same: bool = True,
        depthwise: bool = False,
        bias: bool = False,
        pad_value: float = 0.0,
        kernel_quantizer: nn.Module | None = None,
        input_quantizer: nn.Module | None = None,
        latent: bool = True,
    ) -> None:
        super().__init__(
            inputs, outputs, kernel, stride, groups=inputs if depthwise else 1, bias=bias
        )
        self.same = same
        self.pad_value = pad_value
        self.kernel_quantizer = kernel_quantizer
        self.input_quantizer = input_quantizer
        self.latent = latent and kernel_quantizer is not None

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] to [N, outputs, ceil(H / stride), ceil(W / stride)] for "same"."""
        if self.input_quantizer is not None:
            x = self.input_quantizer(x)
        kernel = self.weight
        if self.kernel_quantizer is not None:
            kernel = self.kernel_quantizer(kernel)
        padding: int | tuple[int, int] = 0
        if self.same:
            (top, bottom), (left, right) = (
                _borders(side, extent, stride)
                for side, extent, stride in zip(
                    x.shape[2:], self.kernel_size, self.stride, strict=True
                )
            )
            if self.pad_value or top != bottom or left != right:
                x = functional.pad(x, (left, right, top, bottom), value=self.pad_value)
            else:
                padding = (top, left)
        return functional.conv2d(
            x, kernel.to(x.dtype), self.bias, self.stride, padding, groups=self.groups
        )

    def with_kernels(self, x: Tensor) -> Tensor:
        """:meth:`forward` of a float depthwise layer of 3x3 on a GPU, see :mod:`.kernels`."""
        from facesdk_training.torch.networks.kernels.depthwise import depthwise

        (top, _), (left, _) = (_borders(side, 3, self.stride[0]) for side in x.shape[2:])
        height, width = (-(-side // self.stride[0]) for side in x.shape[2:])
        return depthwise(x, self.weight, self.stride[0], (top, left), (height, width))


def _borders(side: int, extent: int, stride: int) -> tuple[int, int]:
    total = max((-(-side // stride) - 1) * stride + extent - side, 0)
    return total // 2, total - total // 2


class Dense(nn.Linear):
    """A dense layer, quantized or not.

    Attributes:
        kernel_quantizer: Makes the matrix from the weights; None in a float layer.
    """

    def __init__(
        self, inputs: int, outputs: int, *, bias: bool, kernel_quantizer: nn.Module | None
    ) -> None:
        super().__init__(inputs, outputs, bias=bias)
        self.kernel_quantizer = kernel_quantizer

    def forward(self, x: Tensor) -> Tensor:
        """[N, inputs] to [N, outputs]."""
        matrix = self.weight
        if self.kernel_quantizer is not None:
            matrix = self.kernel_quantizer(matrix)
        return functional.linear(x, matrix.to(x.dtype), self.bias)


class ChannelShift(nn.Module):
    """Adds one learned value per channel, at first ``begin``: the movable threshold of RSign."""

    def __init__(self, channels: int, begin: float = 0.0) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.full((channels,), begin))

    def forward(self, x: Tensor) -> Tensor:
        """The shifted input, [N, C, H, W]."""
        return x + self.shift.to(x.dtype).view(1, -1, 1, 1)


class PReLU(nn.Module):
    """PReLU with a slope per channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.full((channels,), PRELU_INITIAL_SLOPE))

    def forward(self, x: Tensor) -> Tensor:
        """max(x, 0) + slope min(x, 0), [N, C, H, W]."""
        return functional.prelu(x, self.slope.to(x.dtype))


def batch_normalisation(channels: int) -> nn.BatchNorm2d:
    """Batch normalisation with Keras' momentum of 0.98, which PyTorch counts from the other end."""
    return nn.BatchNorm2d(channels, eps=1e-5, momentum=0.02)


def glorot_uniform(weight: Tensor) -> None:
    """Keras' default for the kernels of a convolution [O, I, h, w] or dense layer [O, I]."""
    outputs, inputs = (side * weight[0, 0].numel() for side in weight.shape[:2])
    bound = math.sqrt(6.0 / (inputs + outputs))
    nn.init.uniform_(weight, -bound, bound)


def truncated_normal(weight: Tensor, deviation: float) -> None:
    """A normal distribution cut at two deviations, widened so that its deviation is the one asked.

    Keras' "glorot_normal" and "he_normal" are such.
    """
    spread = deviation / 0.87962566103423978
    nn.init.trunc_normal_(weight, std=spread, a=-2 * spread, b=2 * spread)


def he_normal(weight: Tensor) -> None:
    """Keras' "he_normal" of a convolution's kernel [O, I, h, w]."""
    truncated_normal(weight, math.sqrt(2.0 / weight[0].numel()))
