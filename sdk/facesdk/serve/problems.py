"""Errors as JSON: problem details for HTTP APIs (RFC 9457).

Every error of the service has this form, also those of the framework, and ``type`` says which it
is: ``urn:facesdk:problem:`` with a name of :data:`KINDS`.
"""

from __future__ import annotations

import http
import sys
import traceback
from collections.abc import Iterable, Mapping
from os import environ
from typing import Any, NamedTuple

from fastapi.responses import JSONResponse

from facesdk.errors import (
    EmbeddingMismatchError,
    FaceSDKError,
    GalleryError,
    InputError,
    LowQualityError,
    NoFaceError,
    one_line,
)
from facesdk.serve.work.tasks import UnreadablePhotoError

MEDIA_TYPE = "application/problem+json"
PREFIX = "urn:facesdk:problem:"


class Kind(NamedTuple):
    """A kind of error: its status of HTTP, and what it is called."""

    status: int
    title: str


KINDS = {
    "bad-request": Kind(400, "The request cannot be read"),
    "unauthorized": Kind(401, "A token is needed"),
    "foreign-origin": Kind(403, "Another site's page asks"),
    "not-found": Kind(404, "There is no such thing"),
    "no-gallery": Kind(404, "The service has no gallery"),
    "no-source": Kind(404, "The service has no camera"),
    "not-allowed": Kind(405, "This cannot be done here"),
    "slow-request": Kind(408, "The request took too long to arrive"),
    "too-large": Kind(413, "The request is too large"),
    "unsupported-media-type": Kind(415, "The content type is not one of those that are read"),
    "invalid-request": Kind(422, "A field is missing, unknown or out of its range"),
    "unreadable-photo": Kind(422, "The photo cannot be read"),
    "no-face": Kind(422, "There is no face in the photo"),
    "low-quality": Kind(422, "The face is not good enough to be compared"),
    "busy": Kind(429, "The service is busy"),
    "internal": Kind(500, "A bug of facesdk"),
    "gallery-error": Kind(503, "The gallery cannot be used"),
    "timeout": Kind(504, "The work took too long"),
}
"""Every kind of error, by the name that ``type`` ends in."""

_OF_STATUS = {
    400: "bad-request",
    401: "unauthorized",
    404: "not-found",
    405: "not-allowed",
    413: "too-large",
    415: "unsupported-media-type",
    422: "invalid-request",
}
_MOST_CHARACTERS = 500


class Problem(Exception):  # noqa: N818 (the RFC's word)
    """An answer that is an error.

    Args:
        kind: A name of :data:`KINDS`.
        detail: What was wrong with this request and what to do, in a line.
        headers: Of the answer.
        **more: Further members of the record, for example ``reasons``.
    """

    def __init__(
        self, kind: str, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(detail)
        self.kind, self.detail, self.more = kind, detail, more
        self.headers = dict(headers or {})

    @property
    def status(self) -> int:
        """The status of HTTP."""
        return KINDS[self.kind].status

    def response(self) -> JSONResponse:
        """The answer."""
        record = {
            "type": PREFIX + self.kind,
            "title": KINDS[self.kind].title,
            "status": self.status,
            "detail": self.detail[:_MOST_CHARACTERS],
            **self.more,
        }
        return JSONResponse(
            record, status_code=self.status, headers=self.headers, media_type=MEDIA_TYPE
        )


def of_status(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Problem:
    """The problem of an error that the framework found, by its status."""
    kind = _OF_STATUS.get(status, "bad-request" if status < 500 else "internal")
    if detail == http.HTTPStatus(status).phrase:
        detail = {
            "not-found": "there is nothing at this address: /openapi.json lists what there is",
            "not-allowed": "this address has other methods: the header Allow lists them",
        }.get(kind, detail)
    return Problem(kind, detail, headers=headers)


def of_error(error: FaceSDKError) -> Problem:
    """The problem that an error of ours is."""
    if isinstance(error, LowQualityError):
        return Problem("low-quality", str(error), reasons=list(error.reasons))
    if isinstance(error, NoFaceError):
        return Problem("no-face", str(error))
    if isinstance(error, UnreadablePhotoError):
        return Problem("unreadable-photo", str(error))
    if isinstance(error, InputError):
        return Problem("invalid-request", str(error))
    if isinstance(error, EmbeddingMismatchError):
        return Problem("invalid-request", str(error))
    if isinstance(error, GalleryError):
        return Problem("gallery-error", str(error))
    return Problem("internal", str(error))


def report_bug(error: Exception) -> None:
    """One line on stderr for whoever keeps the service; FACESDK_DEBUG=1 shows where."""
    if environ.get("FACESDK_DEBUG"):
        traceback.print_exception(error)
    print(
        f"facesdk: internal error, please report it: {type(error).__name__}: {one_line(error)}",
        file=sys.stderr,
    )


def answers(kinds: Iterable[str]) -> dict[int | str, dict[str, Any]]:
    """What an operation may answer beside its result, for OpenAPI.

    Args:
        kinds: Names of :data:`KINDS`.
    """
    found: dict[int | str, dict[str, Any]] = {}
    for name in kinds:
        kind = KINDS[name]
        row = found.setdefault(kind.status, {"description": "", "content": {MEDIA_TYPE: {}}})
        row["description"] = "; ".join(filter(None, (row["description"], kind.title)))
        media = row["content"][MEDIA_TYPE]
        media["schema"] = {"$ref": "#/components/schemas/Problem"}
        media.setdefault("examples", {})[name] = {
            "value": {
                "type": PREFIX + name,
                "title": kind.title,
                "status": kind.status,
                "detail": kind.title,
            }
        }
    return found


SCHEMA = {
    "title": "Problem",
    "description": "An error (RFC 9457).",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "enum": [PREFIX + name for name in KINDS]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What was wrong and what to do."},
        "reasons": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Why a face is refused, each a sentence.",
        },
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
            "description": "Which fields are wrong.",
        },
    },
}
"""The JSON schema of the record."""
