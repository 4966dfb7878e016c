"""What happens in front of a camera, as records: a line of JSON each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from facesdk.live.voting import Verdict
from facesdk.results import Face


@dataclass(frozen=True, slots=True)
class Event(ABC):
    """Something that happened.

    Attributes:
        time: When, in seconds of the source, rounded to milliseconds in JSON.
        at: When it was noticed, in UTC (ISO 8601 with milliseconds).
    """

    time: float
    at: str

    @property
    @abstractmethod
    def name(self) -> str:
        """What JSON calls it."""

    def to_dict(self) -> dict[str, Any]:
        """The record."""
        return {"event": self.name, "at": self.at, "time": round(self.time, 3), **self._more()}

    @abstractmethod
    def _more(self) -> Mapping[str, Any]:
        """What else the record of an event of this kind has."""


@dataclass(frozen=True, slots=True)
class Seen(Event):
    """A person has come.

    Attributes:
        track: Their number, from 1, which later events of this visit bear too.
        face: Their face.
    """

    track: int
    face: Face

    @property
    def name(self) -> str:
        """``"seen"``."""
        return "seen"

    def _more(self) -> Mapping[str, Any]:
        return {"track": self.track, **self.face.to_dict()}


@dataclass(frozen=True, slots=True)
class Identified(Event):
    """It is known who a person is, or that nobody knows them; or that was mistaken before.

    Attributes:
        track: Their number.
        verdict: Who it is.
        quality: Of the face in the picture that decided, 0 to 1.
        face: Their face.
    """

    track: int
    verdict: Verdict
    quality: float
    face: Face

    @property
    def name(self) -> str:
        """``"identified"``."""
        return "identified"

    def _more(self) -> Mapping[str, Any]:
        return {
            "track": self.track,
            **verdict_record(self.verdict),
            "quality_score": round(self.quality, 4),
            **self.face.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class Left(Event):
    """A person has gone, or the source has ended.

    Attributes:
        track: Their number.
        seconds: How long they were there, from the first picture to the last.
        pictures: In how many pictures their face was found.
        verdict: Who it was; None where that remained open, or there is no gallery.
    """

    track: int
    seconds: float
    pictures: int
    verdict: Verdict | None = None

    @property
    def name(self) -> str:
        """``"left"``."""
        return "left"

    def _more(self) -> Mapping[str, Any]:
        return {
            "track": self.track,
            "seconds": round(self.seconds, 3),
            "pictures": self.pictures,
            **(verdict_record(self.verdict) if self.verdict else {}),
        }


@dataclass(frozen=True, slots=True)
class SourceChanged(Event):
    """The source was lost, or is back.

    Attributes:
        state: ``"reconnecting"`` or ``"live"``.
        message: Why, in a line; empty where it is back.
    """

    state: str
    message: str

    @property
    def name(self) -> str:
        """``"source"``."""
        return "source"

    def _more(self) -> Mapping[str, Any]:
        return {"state": self.state, "message": self.message}


def verdict_record(verdict: Verdict) -> dict[str, Any]:
    """A verdict as JSON has it; ``person`` is null for somebody unknown."""
    person = verdict.person
    return {
        "person": person and {"id": person.id, "name": person.name},
        "similarity": verdict.similarity,
        "threshold": verdict.threshold,
        "fpir": verdict.fpir,
        "ballots": verdict.ballots,
    }


def wall_clock() -> str:
    """The time in UTC: ISO 8601 with milliseconds."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
