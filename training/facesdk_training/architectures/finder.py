"""The finder's configuration: a face detector of one stage, with five points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from facesdk.errors import InputError

STRIDES = (8, 16, 32)
"""Pixels per cell of its three outputs."""
CHANNELS = 16
"""Of an output: how well the box fits (logit), whether a face is there (logit), centre and size of
the box (4), five points (10)."""
EPSILON = 1e-3
"""Of its batch-norm; who folds it needs the same."""


@dataclass(frozen=True, slots=True)
class FinderPlan:
    """What a finder is built from.

    Attributes:
        stem: Channels of the first convolution, the only one that works at half the photo's size.
        channels: Channels at 1/4, 1/8, 1/16 and 1/32; the last three must be equal, as the neck
            adds them.
        blocks: Units with a shortcut at each of these, after the unit that halves.
        binary: Whether the 1x1 convolutions from 1/8 on that keep the number of channels have 1-bit
            weights and take 1-bit values.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    stem: int = 16
    channels: tuple[int, int, int, int] = (32, 64, 64, 64)
    blocks: tuple[int, int, int, int] = (2, 2, 1, 1)
    binary: bool = False

    def __post_init__(self) -> None:
        if min(self.stem, *self.channels) < 1 or min(self.blocks) < 0:
            raise InputError("stem and channels must be at least 1, blocks at least 0")
        if len(set(self.channels[1:])) != 1:
            raise InputError("the last three channels must be equal: the neck adds them")

    def is_binary(self, stage: int, inputs: int, outputs: int) -> bool:
        """Whether a unit's 1x1 convolution is a 1-bit one; the neck is the stage after the last."""
        return self.binary and stage > 0 and inputs == outputs
