"""What generated scenes look like: the table ``scenes`` of the TOML file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from facesdk.errors import InputError


@dataclass(frozen=True, slots=True)
class SceneConfig:
    """What the generated photos look like. Shares are of all scenes, sizes are of boxes.

    Attributes:
        canvases: Sides of the scenes in pixels, multiples of 32; batches take them in turn.
        alone: Share of scenes that show one photo.
        empty: Share of scenes without any photo.
        faceless: Share of photos in a scene that come from those without faces.
        smallest: Smallest height of a face among several, in pixels.
        largest: Largest height of a face that is alone, in sides of the canvas.
        limit: The same in pixels.
        turn: Standard deviation of the angle in degrees; at most three times as much is turned.
        mined: How much more often the hardest background is shown than an easy one.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid", "allow_inf_nan": False}

    canvases: tuple[int, ...] = (256, 320, 384)
    alone: float = 0.3
    empty: float = 0.08
    faceless: float = 0.1
    smallest: float = 11.0
    largest: float = 1.7
    limit: float = 600.0
    turn: float = 11.0
    mined: float = 20.0

    def __post_init__(self) -> None:
        if not self.canvases or any(side < 64 or side % 32 for side in self.canvases):
            raise InputError("scenes.canvases: give multiples of 32 from 64")
        shares = {"alone": self.alone, "empty": self.empty, "faceless": self.faceless}
        for name, share in shares.items():
            if not 0 <= share <= 1:
                raise InputError(f"scenes.{name}: must be from 0 to 1, but is {share}")
        if self.alone + self.empty > 1:
            raise InputError("scenes: alone and empty together are more than 1")
        if not 4 <= self.smallest < 0.45 * min(self.canvases):
            raise InputError("scenes.smallest: must be from 4 to 0.45 of the smallest canvas")
        if min(self.largest * min(self.canvases), self.limit) <= 30:
            raise InputError("scenes.largest and scenes.limit must leave faces above 30 px")
        if self.turn < 0 or self.mined < 0:
            raise InputError("scenes.turn and scenes.mined: must be at least 0")
