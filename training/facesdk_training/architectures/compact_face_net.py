"""The shape of a CompactFaceNet, our small network of residual units with one binary convolution.

What it computes is described where it is built, in
:mod:`facesdk_training.keras.networks.compact_face_net`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from facesdk.errors import InputError

Variant = Literal["QB", "binary-activations", "float"]

APART = 0.7
"""How far apart two thresholds of a channel begin, so that they learn different things; activations
deviate by 1 to 1.7 from their mean."""

_STEM_STRIDE = 4


@dataclass(frozen=True, slots=True)
class CompactFaceNetConfig:
    """Shape of a CompactFaceNet.

    Attributes:
        architecture: Its name in :mod:`~facesdk_training.architectures.registry`.
        variant: "QB" has 1-bit weights and 1-bit activations, "float" is its full-precision twin,
            and "binary-activations", with float weights, a step between them for training.
        input_height: Height of the aligned crop, in pixels.
        input_width: Width of the aligned crop, in pixels.
        stem_channels: Output channels of the two stride-2 stem convolutions; the second must equal
            the channels of the first stage.
        stages: (channels, residual units) of each stage; height and width halve between stages.
        thresholds: Thresholds per channel in the units of each stage, 1 or 2; empty is 1 in all.
            With two, an activation is two signs, and the binary work is twice as much.
        embedding_length: Length of the embedding.
        head_units: Units of a hidden layer with ReLU beside the last linear layer, whose output is
            added to its; 0 leaves it out.

    Raises:
        InputError: A value has no network; the message says what is allowed.
    """

    family: ClassVar[str] = "CompactFaceNet"

    architecture: Literal["CompactFaceNet"] = "CompactFaceNet"
    variant: Variant = "QB"
    input_height: int = 112
    input_width: int = 96
    stem_channels: tuple[int, int] = (32, 64)
    stages: tuple[tuple[int, int], ...] = ((64, 3), (128, 6), (256, 6))
    thresholds: tuple[int, ...] = ()
    embedding_length: int = 192
    head_units: int = 0

    def __post_init__(self) -> None:
        if self.variant not in get_args(Variant):
            raise InputError(
                f"variant must be one of {', '.join(get_args(Variant))}, but got {self.variant!r}"
            )
        if not self.stages or any(units < 1 for _, units in self.stages):
            raise InputError(
                f"stages must be one or more, each of a unit or more, but got {self.stages}"
            )
        if any(channels < 32 or channels % 32 for channels, _ in self.stages):
            raise InputError(f"stage channels must be multiples of 32, but got {self.stages}")
        if self.thresholds and (
            len(self.thresholds) != len(self.stages)
            or any(number not in (1, 2) for number in self.thresholds)
            or self.variant == "float"
        ):
            raise InputError(
                "thresholds must be 1 or 2 for each stage, or none, and none for variant float, "
                f"but got {self.thresholds} for {len(self.stages)} stages, variant {self.variant}"
            )
        if self.stem_channels[0] < 1 or self.stem_channels[1] != self.stages[0][0]:
            raise InputError(
                "the second stem convolution must have as many channels as the first stage, and "
                f"the first one or more, but got {self.stem_channels} and {self.stages[0][0]}"
            )
        side = min(self.input_height, self.input_width)
        if -(-side // _STEM_STRIDE) >> (len(self.stages) - 1) < 1:
            raise InputError(
                f"the input of {self.input_height}x{self.input_width} pixels is too small for "
                f"{len(self.stages)} stages: each halves what the stem leaves, a quarter"
            )
        if self.embedding_length < 1:
            raise InputError(f"embedding_length must be above 0, but got {self.embedding_length}")
        if self.head_units < 0:
            raise InputError(f"head_units must be 0 or above, but got {self.head_units}")

    def thresholds_of(self, stage: int) -> int:
        """Thresholds per channel in the units of a stage, counted from 0."""
        return self.thresholds[stage] if self.thresholds else 1


def planes_of(unit: str, thresholds: int) -> dict[str, float]:
    """The name of each sign of a unit, and the shift that a new network begins with."""
    if thresholds == 1:
        return {unit: 0.0}
    return {unit: -APART / 2, f"{unit}_second": APART / 2}
