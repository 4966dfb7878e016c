"""What embeddings of bad photos have in common, and what is to be taken out: rows of a TOML file.

Two strangers whose photos are blurred, dark or covered alike come closer to each other than their
faces are. A row names a distortion and says how much of what it leaves in embeddings is removed
after training (:mod:`facesdk_training.data.compensation`). In the file, a list of tables:

    [[nuisances]]
    distortion = "blur"
    least = 5.0
    most = 6.5
    directions = 1
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from facesdk_training.config.distortions import DistortionConfig, Name

UNDISTORTED = "none"


@dataclass(frozen=True, slots=True)
class NuisanceConfig:
    """A row.

    Attributes:
        distortion: What is done to the crops, by the names of ``distortions``; "none" leaves them
            as they are.
        least: Least strength; by default the distortion's.
        most: Largest strength; by default the distortion's.
        directions: How many directions are removed: the first of those that unit embeddings of
            such crops have in common, the mean of all crops first.
        weight: Share of their second moment in what the other directions are divided by; 0 leaves
            them as they are.
        sets: Sets that the crops are from; all if there are none. The mean of a set whose people or
            cameras are alike lets its strangers pass, and only this set tells it.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid", "allow_inf_nan": False}

    distortion: Literal["none", Name]
    least: float | None = None
    most: float | None = None
    directions: int = 0
    weight: float = 0.0
    sets: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.directions < 0 or self.weight < 0 or not (self.directions or self.weight):
            raise ValueError(
                f"directions or weight of {self.distortion} must be above 0 and none below, but "
                f"they are {self.directions} and {self.weight:g}"
            )
        if self.distortion == UNDISTORTED and (self.least, self.most) != (None, None):
            raise ValueError("undistorted crops have no least and most")
        _ = self.distortions

    @property
    def distortions(self) -> tuple[DistortionConfig, ...]:
        """What every crop is distorted by."""
        if self.distortion == UNDISTORTED:
            return ()
        return (DistortionConfig(self.distortion, 1.0, self.least, self.most),)
