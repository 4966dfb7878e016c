"""The finder: one stage, three levels, five points, in PyTorch.

Units of a depthwise 3x3 and a 1x1 convolution as in MobileNet (Howard et al. 2017), with shortcuts;
a neck from coarse to fine as in feature pyramids (Lin et al. 2017); outputs laid out as YuNet's
(Wu, Peng and Yu 2023), so that one decoder reads both.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from facesdk_training.architectures.finder import CHANNELS, EPSILON, STRIDES, FinderPlan
from facesdk_training.torch.networks.quantizers import ClippedSign, PolynomialSign

_FIRST_FACE = (-0.1, 0.2, 1.1, 0.2, 0.5, 0.7, 0.0, 1.2, 1.0, 1.2)
"""Points of a face of 2.5 cells, which an untrained head says."""


class Convolution(nn.Sequential):
    """A convolution without bias, then batch-norm.

    Stride 2 pads below and on the right only, as TFLite's "same" does on even sides.
    """

    def __init__(
        self, inputs: int, outputs: int, side: int = 1, stride: int = 1, groups: int = 1
    ) -> None:
        padding = 0 if stride == 2 else side // 2
        super().__init__(
            nn.Conv2d(inputs, outputs, side, stride, padding, groups=groups, bias=False),
            nn.BatchNorm2d(outputs, momentum=0.03, eps=EPSILON),
        )
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(b, inputs, h, w)`` to ``(b, outputs, h / stride, w / stride)``."""
        return super().forward(functional.pad(x, (0, 1, 0, 1)) if self.stride == 2 else x)


class Unit(nn.Module):
    """Depthwise 3x3, then 1x1; with a shortcut where the shape stays."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.depthwise = Convolution(inputs, inputs, 3, stride, inputs)
        self.pointwise = Convolution(inputs, outputs)
        self.shortcut = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(b, inputs, h, w)`` to ``(b, outputs, h / stride, w / stride)``."""
        y = self.pointwise(functional.relu(self.depthwise(x)))
        return functional.relu(y + x if self.shortcut else y)


class BinaryConvolution(nn.Sequential):
    """A 1x1 convolution of signs with signs, then batch-norm, whose gain is the filters' scale.

    The gradient of a weight's sign is 1 up to 1 (Courbariaux et al. 2016), that of a value's sign
    the derivative of a parabola (Liu et al. 2018).
    """

    def __init__(self, channels: int) -> None:
        super().__init__(
            nn.Conv2d(channels, channels, 1, bias=False),
            nn.BatchNorm2d(channels, momentum=0.03, eps=EPSILON),
        )
        self.value_sign, self.weight_sign = PolynomialSign(), ClippedSign()

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(b, channels, h, w)`` to the same shape."""
        convolution, normalisation = self[0], self[1]
        signs = self.weight_sign(convolution.weight)
        result: Tensor = normalisation(functional.conv2d(self.value_sign(x), signs))
        return result


class BinaryUnit(nn.Module):
    """Depthwise 3x3, then a 1-bit 1x1 with a shortcut of its own, as in Bi-Real Net.

    What the 1x1 loses by taking signs alone goes round it (Liu et al. 2018). The bias of the
    depthwise convolution's batch-norm is the learned threshold of the signs (Liu et al. 2020): what
    it moves on the way round, the bias after the 1x1 moves back. So no ReLU stands between.
    """

    def __init__(self, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.depthwise = Convolution(channels, channels, 3, stride, channels)
        self.pointwise = BinaryConvolution(channels)
        self.shortcut = stride == 1

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(b, channels, h, w)`` to ``(b, channels, h / stride, w / stride)``."""
        y = self.depthwise(x)
        y = self.pointwise(y) + y
        return functional.relu(y + x if self.shortcut else y)


class Head(nn.Module):
    """From a level's features to its 16 output channels, always in float32."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = Convolution(channels, channels, 3, 1, channels)
        self.last = nn.Conv2d(channels, CHANNELS, 1)
        nn.init.normal_(self.last.weight, std=0.01)
        rarely, size = -4.6, math.log(2.5)
        with torch.no_grad():
            self.last.bias.copy_(torch.tensor([0.0, rarely, 0.5, 0.5, size, size, *_FIRST_FACE]))

    def forward(self, x: Tensor) -> Tensor:
        """Maps ``(b, channels, h, w)`` to ``(b, 16, h, w)``."""
        x = functional.relu(self.depthwise(x))
        with torch.autocast(x.device.type, enabled=False):
            return self.last(x.float())


class Finder(nn.Module):
    """From RGB of 0 to 255, ``(b, 3, h, w)`` with sides a multiple of 32, to three maps.

    The maps are ``(b, 16, h / s, w / s)`` for the strides 8, 16 and 32; see
    :func:`facesdk_training.detector.geometry.decoded` for what the channels say.
    """

    def __init__(self, plan: FinderPlan) -> None:
        super().__init__()
        self.plan = plan
        inputs = plan.stem
        self.stem = Convolution(3, inputs, 3, 2)
        stages = []
        for stage, (channels, blocks) in enumerate(zip(plan.channels, plan.blocks, strict=True)):
            units = [_unit(plan, stage, inputs, channels, 2)]
            units += [_unit(plan, stage, channels, channels) for _ in range(blocks)]
            stages.append(nn.Sequential(*units))
            inputs = channels
        self.stages = nn.ModuleList(stages)
        self.neck = nn.ModuleList(_unit(plan, len(stages), inputs, inputs) for _ in STRIDES[:-1])
        self.heads = nn.ModuleList(Head(inputs) for _ in STRIDES)

    def latent(self) -> list[nn.Parameter]:
        """The weights of which the network takes the signs alone."""
        return [m[0].weight for m in self.modules() if isinstance(m, BinaryConvolution)]

    def forward(self, image: Tensor) -> list[Tensor]:
        """The three maps, finest first."""
        x = functional.relu(self.stem(image / 255))
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        fine, middle, coarse = maps[1:]
        middle = self.neck[1](middle + functional.interpolate(coarse, scale_factor=2.0))
        fine = self.neck[0](fine + functional.interpolate(middle, scale_factor=2.0))
        return [head(x) for head, x in zip(self.heads, (fine, middle, coarse), strict=True)]


def _unit(plan: FinderPlan, stage: int, inputs: int, outputs: int, stride: int = 1) -> nn.Module:
    """A unit of a stage, or of the neck, which counts as the one after the last."""
    if plan.is_binary(stage, inputs, outputs):
        return BinaryUnit(inputs, stride)
    return Unit(inputs, outputs, stride)
