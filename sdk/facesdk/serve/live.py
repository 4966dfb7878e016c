"""``/v1/live`` and ``/v1/visits``: what the service's own camera sees."""

from __future__ import annotations

import asyncio
from datetime import datetime, timezone
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from facesdk.live.snapshot import TrackView
from facesdk.live.voting import Verdict
from facesdk.serve.faces import FaceRecord
from facesdk.serve.people import Who
from facesdk.serve.problems import Problem, answers
from facesdk.serve.service import Served, Service, require_token
from facesdk.serve.watching import MOST_VIEWERS, Visit, Watcher

router = APIRouter(prefix="/v1", tags=["camera"], dependencies=[Depends(require_token)])

_MOST_WAIT = 20.0


class VerdictRecord(BaseModel):
    """Who a person in front of the camera is, by a vote over pictures."""

    person: Who | None = Field(description="null for somebody who is not enrolled")
    similarity: float | None = Field(description="Of the best candidate.", examples=[0.71])
    threshold: float = Field(examples=[0.3847])


class TrackedFace(FaceRecord):
    """A face that is followed from picture to picture."""

    id: int = Field(description="Number of the person, as in visits.", examples=[3])
    found: bool = Field(
        description="Whether the face was found in this picture; else it is where it should be."
    )
    seconds: float = Field(description="For how long they have been there.")
    verdict: VerdictRecord | None = Field(description="null while it is open")


class LivePicture(BaseModel):
    """One picture, and who is in it."""

    state: str = Field(description="connecting, live, reconnecting or ended", examples=["live"])
    message: str = Field(description="Why, in a line; empty for nothing.")
    number: int = Field(description="Ask for pictures after this one next.", examples=[371])
    width: int = Field(examples=[640])
    height: int = Field(examples=[480])
    faces: list[TrackedFace] = Field(description="In pixels of width and height.")
    fps: float = Field(description="Pictures that are looked at per second.")
    picture: str | None = Field(
        description="A JPEG as base64, perhaps reduced; null where none came in time."
    )


@router.get(
    "/live",
    summary="The newest picture",
    response_model=LivePicture,
    responses=answers(["unauthorized", "no-source", "invalid-request", "busy"]),
)
async def live(
    service: Served,
    after: Annotated[
        int, Query(ge=-1, description="Number of the picture that you have; -1 for none.")
    ] = -1,
    wait: Annotated[
        float, Query(ge=0, le=_MOST_WAIT, description="Seconds to wait for a newer one.")
    ] = 10,
) -> dict[str, Any]:
    """Answers as soon as there is a newer picture, so that a slow client gets fewer of them."""
    watcher = _required(service)
    async with service.viewing.admitted(MOST_VIEWERS):
        picture = await asyncio.get_running_loop().run_in_executor(
            watcher.viewers, watcher.picture, after, wait
        )
    record: dict[str, Any] = {
        "state": watcher.state.value,
        "message": watcher.message,
        "number": after,
        "width": 0,
        "height": 0,
        "faces": [],
        "fps": 0.0,
        "picture": None,
    }
    if picture is not None:
        snapshot = picture.snapshot
        height, width = snapshot.image.shape[:2]
        record |= {
            "number": snapshot.number,
            "width": width,
            "height": height,
            "faces": [_tracked(track) for track in snapshot.tracks],
            "fps": round(snapshot.profile.fps, 2),
            "picture": picture.jpeg,
        }
    return record


def _tracked(track: TrackView) -> dict[str, Any]:
    return {
        **track.face.to_dict(),
        "id": track.id,
        "found": track.found,
        "seconds": round(track.seconds, 3),
        "verdict": _verdict(track.verdict),
    }


def _verdict(verdict: Verdict | None) -> dict[str, Any] | None:
    if verdict is None:
        return None
    person = verdict.person
    return {
        "person": person and {"id": person.id, "name": person.name},
        "similarity": verdict.similarity,
        "threshold": verdict.threshold,
    }


class VisitRecord(BaseModel):
    """Somebody in front of the camera."""

    id: int = Field(examples=[3])
    at: datetime = Field(description="When they came.")
    seconds: float = Field(description="How long they were, or have been, there.", examples=[12.5])
    present: bool
    verdict: VerdictRecord | None


class Visits(BaseModel):
    """The newest visits, those who came last first; since the service began, 500 at most."""

    visits: list[VisitRecord]


@router.get(
    "/visits",
    summary="Who was there",
    response_model=Visits,
    responses=answers(["unauthorized", "no-source"]),
)
async def visits(service: Served) -> dict[str, Any]:
    """Visits are kept in memory, and gone when the service ends."""
    now = datetime.now(timezone.utc)
    return {"visits": [_visit(row, now) for row in _required(service).visits()]}


def _visit(visit: Visit, now: datetime) -> dict[str, Any]:
    return {
        "id": visit.track,
        "at": visit.at,
        "seconds": round(((visit.last or now) - visit.at).total_seconds(), 1),
        "present": visit.last is None,
        "verdict": _verdict(visit.verdict),
    }


def _required(service: Service) -> Watcher:
    if service.watcher is None:
        raise Problem("no-source", "start the service with --source SOURCE")
    return service.watcher
