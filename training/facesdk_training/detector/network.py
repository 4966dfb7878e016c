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
        for channels, blocks in zip(plan.channels, plan.blocks, strict=True):
            units = [Unit(inputs, channels, 2)]
            units += [Unit(channels, channels) for _ in range(blocks)]
            stages.append(nn.Sequential(*units))
            inputs = channels
        self.stages = nn.ModuleList(stages)
        self.neck = nn.ModuleList(Unit(inputs, inputs) for _ in STRIDES[:-1])
        self.heads = nn.ModuleList(Head(inputs) for _ in STRIDES)

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
