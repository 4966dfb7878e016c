"""Crops of a batch that are spoilt in one way: a table of a TOML file.

Strangers meet where both photos are spoilt alike. Of crops that are each distorted on their own
hardly two are, so a part of every batch has one distortion, of one strength, and whoever is too
alike among them adds to the loss:

    [alike]
    share = 0.34
    weight = 4.0

    [[alike.rows]]
    name = "blur"
    share = 0.2
    least = 4.0
    most = 6.5
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, ClassVar

from facesdk_training.config.distortions import DistortionConfig


@dataclass(frozen=True, slots=True)
class AlikeConfig:
    """What is done to the last part of a batch, whose crops are else as they are, or mirrored.

    Attributes:
        share: Its share of the batch, 0 to 1; 0 leaves it out.
        weight: Distillation: weight of the excess of likeness among its crops.
        above: Cosine up to which two are not too alike; more if the teacher finds the undistorted
            crops more alike.
        rows: One of them is drawn per step, and one strength of it. The ``share`` of a row is how
            often it is drawn, compared with the others.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid", "allow_inf_nan": False}

    share: float = 0.0
    weight: float = 0.0
    above: float = 0.3
    rows: tuple[DistortionConfig, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.share < 1:
            raise ValueError(f"alike.share must be at least 0 and below 1, but is {self.share:g}")
        if self.weight < 0:
            raise ValueError(f"alike.weight must not be negative, but is {self.weight:g}")
        if not 0 <= self.above <= 1:
            raise ValueError(f"alike.above must be between 0 and 1, but is {self.above:g}")
        if self.share and not sum(row.share for row in self.rows):
            raise ValueError("alike.share needs alike.rows: there is nothing to spoil crops with")

    def count(self, batch: int) -> int:
        """How many crops of a batch of so many are spoilt alike."""
        return round(batch * self.share)

    def drawn(self, place: float, strength: float) -> DistortionConfig:
        """What is done to all crops of a batch.

        Args:
            place: Where among the rows, each as long as its share, 0 to 1; drawn evenly.
            strength: Where between the row's least and largest, 0 to 1; drawn evenly.
        """
        ends = list(accumulate(row.share for row in self.rows))
        row = self.rows[bisect_right(ends, place * ends[-1], hi=len(ends) - 1)]
        least, most = row.strength
        value = min(most, least + strength * (most - least))  # rounding may go beyond
        return replace(row, share=1.0, least=value, most=value, late=1.0)
