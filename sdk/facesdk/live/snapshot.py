"""What is to be seen at one moment: the picture, who is in it, and how it goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from facesdk.images.decode import RgbImage
from facesdk.live.capture import State
from facesdk.live.events import verdict_record
from facesdk.live.profiling import Profile
from facesdk.live.voting import Verdict
from facesdk.results import Face, Quality


@dataclass(frozen=True, slots=True)
class TrackView:
    """A person in the picture.

    Attributes:
        id: Their number, from 1.
        face: Box, landmarks and the detector's score, in pixels of the picture. The box is
            smoothed.
        found: Whether the face was found in this picture; else it is where it should be.
        seconds: For how long they have been there.
        verdict: Who it is; None while that is open, or without a gallery.
        quality: How good their last picture was that was assessed; None before the first.
    """

    id: int
    face: Face
    found: bool
    seconds: float
    verdict: Verdict | None = None
    quality: Quality | None = None

    @property
    def label(self) -> str:
        """Who it is in a few words, for a picture."""
        if self.verdict is None:
            return f"{self.id}"
        if self.verdict.person is None:
            return f"{self.id} unknown"
        return f"{self.id} {self.verdict.person.name} {self.verdict.similarity:.2f}"

    def to_dict(self) -> dict[str, Any]:
        """All of it."""
        return {
            "id": self.id,
            **self.face.to_dict(),
            "found": self.found,
            "seconds": round(self.seconds, 3),
            "verdict": None if self.verdict is None else verdict_record(self.verdict),
            "quality_score": None if self.quality is None else round(self.quality.score, 4),
            "reasons": [] if self.quality is None else list(self.quality.reasons),
        }


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """One moment.

    Attributes:
        number: The picture's number among those that the source gave.
        image: uint8 RGB ``(H, W, 3)``, read-only.
        time: Of the picture, in seconds of the source.
        at: When it was looked at, in UTC (ISO 8601 with milliseconds).
        state: What the source is doing now.
        message: Why, in a line; empty where there is nothing to say.
        tracks: Who is in the picture.
        profile: Where the time goes.
    """

    number: int
    image: RgbImage
    time: float
    at: str
    state: State
    message: str
    tracks: tuple[TrackView, ...]
    profile: Profile

    def to_dict(self) -> dict[str, Any]:
        """All but the picture, of which width and height."""
        height, width = self.image.shape[:2]
        return {
            "number": self.number,
            "time": round(self.time, 3),
            "at": self.at,
            "width": width,
            "height": height,
            "state": self.state.value,
            "message": self.message,
            "tracks": [track.to_dict() for track in self.tracks],
            "profile": self.profile.to_dict(),
        }
