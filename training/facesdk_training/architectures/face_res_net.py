"""The shape and quantization of a FaceResNet: the paper's A, B and C, and its quantized Q and QB.

What it computes is described where it is built, in
:mod:`facesdk_training.keras.networks.face_res_net`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from facesdk.errors import InputError
from facesdk_training.architectures.quantizer_names import (
    BINARY_ACTIVATIONS,
    FLOAT,
    check_activations,
    check_weights,
)

Letter = Literal["A", "B", "C", "Q", "QB"]

Block = Literal["plain", "fire", "separable", "inverted", "shuffle"]

GROUPS = 4
"""Groups of the block "shuffle"."""
EXPANSION = 2
"""Channels between the 1x1 convolutions of the block "inverted", per channel of the unit."""

_FLOAT_BLOCKS = ("inverted", "shuffle")
"""Blocks that binary activations do not suit: a bottleneck without activation, and groups of fewer
channels than the 32 that are packed into a word."""
_SMALLEST_SIDE = 48
"""Smallest input side of which the last stage has anything left."""


@dataclass(frozen=True, slots=True)
class FaceResNetConfig:
    """Shape and quantization of a FaceResNet.

    Attributes:
        architecture: The paper's letter, its name in
            :mod:`~facesdk_training.architectures.registry`, where each has its values.
        units: Residual units of each of the four stages.
        unit_convolutions: Convolutions of a unit.
        weights: Weight quantizer of all layers but Conv1a, by its name in
            :mod:`~facesdk_training.architectures.quantizer_names`.
        activations: Quantizer of the inputs of these layers.
        width: Factor of all channel counts. They are rounded up to a multiple of 8, of 16 with the
            block "shuffle", and of 32 with binary activations, which Larq Compute Engine packs by
            32.
        input_height: Height of the aligned crop, in pixels.
        input_width: Width of the aligned crop, in pixels.
        embedding_length: Length of Fc5's output; not scaled by ``width``.
        block: What residual units are made of: "plain", the paper's 3x3 convolutions, or a compact
            one of :mod:`facesdk_training.keras.networks.compact_blocks`. ``unit_convolutions``
            counts for "plain" and "separable".

    Raises:
        InputError: A value has no network; the message says what is allowed.
    """

    family: ClassVar[str] = "FaceResNet"

    architecture: Letter
    units: tuple[int, ...]
    unit_convolutions: int
    weights: str = FLOAT
    activations: str = FLOAT
    width: float = 1.0
    input_height: int = 112
    input_width: int = 96
    embedding_length: int = 1024
    block: Block = "plain"

    def __post_init__(self) -> None:
        check_weights(self.weights)
        check_activations(self.activations)
        if len(self.units) != 4 or min(self.units) < 0 or self.unit_convolutions < 1:
            raise InputError(
                "a FaceResNet has four stages of units with one convolution or more, but got "
                f"units {self.units} of {self.unit_convolutions}"
            )
        if not 0 < self.width <= 4:
            raise InputError(f"width must be above 0 and at most 4, but got {self.width:g}")
        if min(self.input_height, self.input_width) < _SMALLEST_SIDE:
            raise InputError(
                f"the input must be at least {_SMALLEST_SIDE} pixels high and wide, but got "
                f"{self.input_height}x{self.input_width}"
            )
        if self.embedding_length < 1:
            raise InputError(f"embedding_length must be above 0, but got {self.embedding_length}")
        if self.block not in get_args(Block):
            raise InputError(
                f"block must be one of {', '.join(get_args(Block))}, but got {self.block!r}"
            )
        if self.binary_activations and self.block in _FLOAT_BLOCKS:
            raise InputError(
                f"the block {self.block} does not suit binary activations: choose plain, fire or "
                "separable, or float activations"
            )

    @property
    def variant(self) -> str:
        """The paper's letter: A to C, Q and QB are variants of one family."""
        return self.architecture

    @property
    def binary_activations(self) -> bool:
        """Whether the inputs of the quantized layers have two values."""
        return self.activations in BINARY_ACTIVATIONS

    def channels(self, count: int) -> int:
        """The paper's channel count scaled by the width."""
        multiple = 32 if self.binary_activations else 16 if self.block == "shuffle" else 8
        return multiple * max(1, math.ceil(count * self.width / multiple - 1e-9))


def squeezed_channels(channels: int, *, binary: bool) -> int:
    """Channels of a Fire module's first layer: a quarter, with binary activations 32 or more."""
    multiple = 32 if binary else 2
    return max(multiple, channels // 4 // multiple * multiple)
