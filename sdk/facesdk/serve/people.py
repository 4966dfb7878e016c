"""``/v1/people`` and ``/v1/identify``: who is enrolled, and whose faces a photo shows."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from facesdk.gallery.enrolment import enrol_chosen
from facesdk.gallery.gallery import DEFAULT_FPIR, DEFAULT_TOP, Gallery
from facesdk.serve import photos
from facesdk.serve.faces import EXAMPLE_PHOTO, READING, FaceRecord
from facesdk.serve.photos import Fields, Photo
from facesdk.serve.problems import Problem, answers
from facesdk.serve.service import Served, Service, require_token
from facesdk.serve.work import tasks
from facesdk.tracing import Profile, stage

router = APIRouter(prefix="/v1", tags=["people"], dependencies=[Depends(require_token)])

_GALLERY = ("unauthorized", "no-gallery", "gallery-error", "timeout")
_MOST_CANDIDATES = 100


class Who(BaseModel):
    """Somebody who is enrolled."""

    id: str = Field(examples=["5f0c2a9be13d7764"])
    name: str = Field(examples=["Ada Lovelace"])


class PersonRecord(Who):
    """Somebody who is enrolled, with what is stored."""

    templates: int = Field(description="Number of photos.", examples=[2])
    created: datetime
    expires: datetime | None = Field(description="null for never")


class People(BaseModel):
    """Who is enrolled, by name."""

    people: list[PersonRecord]


@router.get(
    "/people", summary="Who is enrolled", response_model=People, responses=answers(_GALLERY)
)
async def people(service: Served) -> dict[str, Any]:
    """Everybody, by name; faces and embeddings are never handed out."""
    gallery = _required(service)

    def work(_: Profile) -> dict[str, Any]:
        return {"people": [person.to_dict() for person in gallery.people()]}

    return await service.work(work)


class EnrolFields(Fields):
    """What enrolling takes."""

    name: str = Field(
        min_length=1,
        max_length=200,
        description="One who is enrolled under this name gets another template.",
    )
    photo: Photo
    face: int | None = Field(
        None, ge=0, le=100, description="Which face, 0 being the largest; null refuses several."
    )


class Enrolled(BaseModel):
    """What was stored."""

    number: int = Field(description="Of the template.", examples=[7])
    person: Who
    created: datetime
    expires: datetime | None
    quality_score: float = Field(description="0 to 1", examples=[0.93])
    warnings: list[str] = Field(
        description="What somebody should look at: a face that looks like another person's."
    )


@router.post(
    "/people",
    status_code=201,
    summary="Enrol a person",
    response_model=Enrolled,
    responses=answers((*READING, "no-face", "low-quality", "no-gallery", "gallery-error")),
    openapi_extra=photos.body_of(EnrolFields, {"name": "Ada Lovelace", "photo": EXAMPLE_PHOTO}),
)
async def enrol(request: Request, service: Served) -> dict[str, Any]:
    """Store the face of a photo, not the photo. One that is not good enough is refused."""
    gallery = _required(service)
    async with service.engines.admitted():
        fields = await photos.read(request, EnrolFields, service.limits)

        def work(profile: Profile) -> dict[str, Any]:
            chosen = service.engines.do(partial(tasks.choose, fields.photo, fields.face), profile)
            done = enrol_chosen(gallery, fields.name, chosen)
            if done.template is None:
                raise Problem("low-quality", "; ".join(done.reasons), reasons=list(done.reasons))
            return {**done.template.to_dict(), "warnings": list(done.warnings)}

        return await service.work(work)


class Removed(BaseModel):
    """What was removed."""

    people: int = Field(examples=[1])
    templates: int = Field(examples=[2])
    erased: bool = Field(
        description="Whether the bytes left the files; false while another program reads them."
    )


@router.delete(
    "/people/{who:path}",
    summary="Forget a person",
    response_model=Removed,
    responses=answers((*_GALLERY, "not-found", "invalid-request")),
)
async def forget(who: str, service: Served) -> dict[str, Any]:
    """Remove a person, by id or name, with all that is stored."""
    gallery = _required(service)

    def work(_: Profile) -> dict[str, Any]:
        if gallery.person(who) is None:
            raise Problem("not-found", "nobody has that name or id: GET /v1/people lists them")
        return gallery.forget(who).to_dict()

    return await service.work(work)


class IdentifyFields(Fields):
    """What ``/v1/identify`` takes."""

    photo: Photo
    max_faces: int | None = Field(None, ge=1, le=10_000, description="The largest; null for all.")
    top: int = Field(DEFAULT_TOP, ge=1, le=_MOST_CANDIDATES, description="Most candidates.")
    fpir: float = Field(
        DEFAULT_FPIR,
        gt=0,
        lt=1,
        description="Share of strangers who may be given a name, in the whole gallery.",
    )
    fmr: float | None = Field(
        None, gt=0, lt=1, description="Use the model's threshold for this false match rate instead."
    )
    threshold: float | None = Field(None, ge=-1, le=1, description="Use this similarity instead.")


class CandidateRecord(Who):
    """Somebody whom a face may belong to."""

    similarity: float = Field(description="Cosine, -1 to 1.", examples=[0.71])


class IdentifiedFace(FaceRecord):
    """A face, and whose it is."""

    person: Who | None = Field(description="null for somebody who is not enrolled")
    similarity: float | None = Field(description="Of the best candidate.", examples=[0.71])
    threshold: float = Field(examples=[0.3847])
    fmr: float | None
    fpir: float | None = Field(
        description="Share of strangers who are given a name: 1 - (1 - FMR)^N.", examples=[0.002]
    )
    comparisons: int
    note: str = Field(
        description="What to know of the threshold or of the face; empty for nothing."
    )
    candidates: list[CandidateRecord]


class Identified(BaseModel):
    """The faces of a photo, largest first, and whose they are."""

    width: int = Field(examples=[480])
    height: int = Field(examples=[600])
    faces: list[IdentifiedFace]


@router.post(
    "/identify",
    summary="Who is it?",
    response_model=Identified,
    responses=answers((*READING, "no-gallery", "gallery-error")),
    openapi_extra=photos.body_of(IdentifyFields, {"photo": EXAMPLE_PHOTO, "fpir": 0.01}),
)
async def identify(request: Request, service: Served) -> dict[str, Any]:
    """Search for the person of each face, in the whole gallery; unknown is an answer."""
    gallery = _required(service)
    async with service.engines.admitted():
        fields = await photos.read(request, IdentifyFields, service.limits)
        most = min(fields.max_faces or service.limits.faces, service.limits.faces)

        def work(profile: Profile) -> dict[str, Any]:
            shown = service.engines.do(partial(tasks.embed, fields.photo, most), profile)
            rows = []
            for face, embedding in zip(shown.faces, shown.embeddings, strict=True):
                with stage("identify"):
                    found = gallery.identify(
                        embedding,
                        top=fields.top,
                        fpir=fields.fpir,
                        fmr=fields.fmr,
                        threshold=fields.threshold,
                    )
                rows.append({**face.to_dict(), **found.to_dict()})
            return {"width": shown.width, "height": shown.height, "faces": rows}

        return await service.work(work)


def _required(service: Service) -> Gallery:
    if service.gallery is None:
        raise Problem("no-gallery", "start the service with --gallery FILE")
    return service.gallery
