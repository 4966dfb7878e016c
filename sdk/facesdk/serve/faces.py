"""``/v1/detect`` and ``/v1/verify``."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from facesdk.serve import photos
from facesdk.serve.photos import Fields, Photo
from facesdk.serve.problems import answers
from facesdk.serve.service import Served, require_token
from facesdk.serve.work import tasks
from facesdk.tracing import Profile

router = APIRouter(prefix="/v1", tags=["faces"], dependencies=[Depends(require_token)])

READING = (
    "bad-request", "unauthorized", "slow-request", "too-large", "unsupported-media-type",
    "invalid-request", "unreadable-photo", "busy", "timeout",
)  # fmt: skip
"""What every operation may answer that reads a photo."""

EXAMPLE_PHOTO = "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgICAgMC..."


class FaceRecord(BaseModel):
    """A face, in pixels of the upright photo."""

    box: Annotated[list[float], Field(min_length=4, max_length=4)] = Field(
        description="left, top, right, bottom", examples=[[122.4, 51.0, 222.9, 190.3]]
    )
    score: float = Field(description="The detector's confidence, 0 to 1.", examples=[0.9991])
    landmarks: list[list[float]] = Field(
        description="Five points x, y: eyes, nose tip, mouth corners; left in the image first.",
        examples=[[[150.1, 104.7], [195.2, 103.9], [173.0, 131.6], [154.4, 155.8], [191.8, 155.1]]],
    )


class DetectFields(Fields):
    """What ``/v1/detect`` takes."""

    photo: Photo
    max_faces: int | None = Field(
        None, ge=1, le=10_000, description="At most that many, the largest; one is the quickest."
    )


class Detected(BaseModel):
    """The faces of a photo, largest first."""

    width: int = Field(description="Of the upright photo, in pixels.", examples=[480])
    height: int = Field(examples=[600])
    faces: list[FaceRecord]


@router.post(
    "/detect",
    summary="Find faces",
    response_model=Detected,
    responses=answers(READING),
    openapi_extra=photos.body_of(DetectFields, {"photo": EXAMPLE_PHOTO, "max_faces": 4}),
)
async def detect(request: Request, service: Served) -> dict[str, Any]:
    """Box, score and five landmarks of each face. A photo without a face has an empty list."""
    async with service.engines.admitted():
        fields = await photos.read(request, DetectFields, service.limits)
        most = min(fields.max_faces or service.limits.faces, service.limits.faces)

        def work(profile: Profile) -> dict[str, Any]:
            found = service.engines.do(partial(tasks.detect, fields.photo, most), profile)
            faces = [face.to_dict() for face in found.faces]
            return {"width": found.width, "height": found.height, "faces": faces}

        return await service.work(work)


class VerifyFields(Fields):
    """What ``/v1/verify`` takes."""

    a: Photo
    b: Photo
    fmr: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Use the model's threshold for this false match rate, also between those that "
        "`/v1/models` lists. Left out: 0.001, or the calibrated rate nearest to it.",
    )
    threshold: float | None = Field(None, ge=-1, le=1, description="Use this similarity instead.")
    allow_low_quality: bool = Field(
        False, description="Whether to compare faces that are not good enough, too."
    )


class QualityRecord(BaseModel):
    """How fit a face is to be compared."""

    model_config = ConfigDict(extra="allow")

    score: float = Field(description="0 to 1; acceptable from 0.5 on.", examples=[0.83])
    acceptable: bool = Field(examples=[True])
    reasons: list[str] = Field(
        description="What is wrong, each a sentence, the worst first.", examples=[[]]
    )


class ComparedFace(FaceRecord):
    """The face of a photo that was compared."""

    reason: str = Field(description="Why it is this one.")
    quality: QualityRecord


class ConfidenceRecord(BaseModel):
    """What the similarity says about the pair."""

    probability: float | None = Field(
        description="That it is one person, where either was as likely before the faces were "
        "compared; null where the model has none.",
        examples=[0.9993],
    )
    fmr: float | None = Field(
        description="Share of strangers who are at least as alike.", examples=[0.0001]
    )
    bound: str = Field(
        description='"at most" or "at least" where nobody measured further, else empty.',
        examples=["at most"],
    )
    missing: str = Field(description="What the model lacks for this; else empty.", examples=[""])


class Verified(BaseModel):
    """Whether two photos show one person."""

    same: bool = Field(description="similarity >= threshold", examples=[True])
    similarity: float = Field(description="Cosine, -1 to 1.", examples=[0.6073])
    threshold: float = Field(examples=[0.2909])
    fmr: float | None = Field(
        description="The false match rate of the threshold; null for one that was given.",
        examples=[0.001],
    )
    model: str = Field(examples=["compactfacenet-qb"])
    confidence: ConfidenceRecord
    note: str = Field(
        description="How the threshold was found where it was not measured, and which face is "
        "unclear to the model; else empty.",
        examples=[""],
    )
    faces: list[ComparedFace] = Field(description="Of photo a and photo b.")
    timings_ms: dict[str, float] = Field(
        description="Both photos.",
        examples=[{"decode": 8.2, "detect": 19.1, "align": 0.4, "embed": 11.9}],
    )


@router.post(
    "/verify",
    summary="Compare two photos",
    response_model=Verified,
    responses=answers((*READING, "no-face", "low-quality")),
    openapi_extra=photos.body_of(
        VerifyFields, {"a": EXAMPLE_PHOTO, "b": EXAMPLE_PHOTO, "fmr": 0.001}
    ),
)
async def verify(request: Request, service: Served) -> dict[str, Any]:
    """Whether two photos show one person. Of several faces in a photo one is chosen, with a reason.

    A face that is not good enough is refused with the reasons, since a verdict on it would not mean
    what it says.
    """
    async with service.engines.admitted():
        fields = await photos.read(request, VerifyFields, service.limits)

        def work(profile: Profile) -> dict[str, Any]:
            compare = partial(
                tasks.verify,
                (fields.a, fields.b),
                fields.fmr,
                fields.threshold,
                fields.allow_low_quality,
            )
            record = service.engines.do(compare, profile)
            record["timings_ms"]["decode"] = round(profile.total_ms("decode"), 3)
            return record

        return await service.work(work)
