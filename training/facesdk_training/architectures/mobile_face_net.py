"""The shape of a MobileFaceNet, our float network of depthwise-separable residual units.

What it computes is described where it is built, in
:mod:`facesdk_training.keras.networks.mobile_face_net`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from facesdk.errors import InputError

_STEM_STRIDE = 2


@dataclass(frozen=True, slots=True)
class MobileFaceNetConfig:
    """Shape of a MobileFaceNet.

    Attributes:
        architecture: Its name in :mod:`~facesdk_training.architectures.registry`.
        variant: "float", the only one; its weights are made fixed-point after training.
        input_height: Height of the aligned crop, in pixels.
        input_width: Width of the aligned crop, in pixels.
        stem_channels: Output channels of the stride-2 convolution.
        stages: (channels, residual units) of each stage; its first unit halves height and width.
        expansion: Channels inside a unit, as a multiple of those that leave it.
        first_units: Channels inside the first unit of each stage, in place of that; empty for none.
        head_channels: Channels before the global depthwise convolution.
        embedding_length: Length of the embedding.
        head_units: Units of a hidden layer with ReLU beside the last linear layer, whose output is
            added to its; 0 leaves it out.

    Raises:
        InputError: A value has no network; the message says what is allowed.
    """

    family: ClassVar[str] = "MobileFaceNet"

    architecture: Literal["MobileFaceNet"] = "MobileFaceNet"
    variant: Literal["float"] = "float"
    input_height: int = 112
    input_width: int = 96
    stem_channels: int = 64
    stages: tuple[tuple[int, int], ...] = ((64, 5), (128, 8), (192, 3))
    expansion: int = 2
    first_units: tuple[int, ...] = ()
    head_channels: int = 512
    embedding_length: int = 192
    head_units: int = 0

    def __post_init__(self) -> None:
        if not self.stages or any(least < 1 for stage in self.stages for least in stage):
            raise InputError(
                "stages must be one or more, each of a channel and a unit or more, but got "
                f"{self.stages}"
            )
        if self.first_units and len(self.first_units) != len(self.stages):
            raise InputError(
                f"first_units must be empty or have a number for each of the {len(self.stages)} "
                f"stages, but got {self.first_units}"
            )
        counts = {
            "stem_channels": self.stem_channels,
            "expansion": self.expansion,
            "head_channels": self.head_channels,
            "embedding_length": self.embedding_length,
            "first_units": min(self.first_units, default=1),
        }
        for name, value in counts.items():
            if value < 1:
                raise InputError(f"{name} must be above 0, but got {value}")
        if self.head_units < 0:
            raise InputError(f"head_units must be 0 or above, but got {self.head_units}")
        height, width = self.map_size(-1)
        if min(height, width) < 1 or min(self.input_height, self.input_width) < 1:
            raise InputError(
                f"the input must be a pixel high and wide or more, but got "
                f"{self.input_height}x{self.input_width}"
            )

    def hidden(self, stage: int, unit: int) -> int:
        """Channels inside a unit; stages and units count from 0."""
        if self.first_units and unit == 0:
            return self.first_units[stage]
        return self.expansion * self.stages[stage][0]

    def map_size(self, stage: int) -> tuple[int, int]:
        """Height and width that a stage leaves; each halving rounds up. -1 is the last stage."""
        halvings = 1 + (len(self.stages) if stage < 0 else stage + 1)
        sides = self.input_height, self.input_width
        height, width = (-(-side // _STEM_STRIDE**halvings) for side in sides)
        return height, width
