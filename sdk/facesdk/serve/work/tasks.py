"""What is done with photos: functions that a thread runs, or another process.

They know neither HTTP nor the gallery. Each takes its own arguments first, then the engine and the
limits, so that ``functools.partial`` of one with its own is a :data:`Task`, which pickles.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from facesdk.engine import FaceEngine
from facesdk.errors import InputError
from facesdk.gallery.enrolment import Chosen, embed_for_enrolment
from facesdk.images import decode, pixels
from facesdk.images.decoded import DecodedPhoto
from facesdk.results import Embedding, Face
from facesdk.serve.work.limits import Limits
from facesdk.tracing import stage

T = TypeVar("T")
Task = Callable[[FaceEngine, Limits], T]

_NAMES = ("photo a", "photo b")
_GREY = 127


class UnreadablePhotoError(InputError):
    """A photo cannot be decoded, or has too many pixels."""


@dataclass(frozen=True, slots=True)
class Faces:
    """The faces of a photo.

    Attributes:
        width: Of the upright photo, in pixels; ``height`` likewise.
        height: See ``width``.
        faces: Largest first.
        embeddings: One for each face.
    """

    width: int
    height: int
    faces: list[Face]
    embeddings: list[Embedding]


def detect(photo: bytes, most: int, engine: FaceEngine, limits: Limits) -> Faces:
    """Find the largest faces of a photo, at most ``most``, without embeddings."""
    picture = load(photo, limits)
    return Faces(picture.width, picture.height, list(engine.detect(picture, most)), [])


def embed(photo: bytes, most: int, engine: FaceEngine, limits: Limits) -> Faces:
    """Find and embed the largest faces of a photo, at most ``most``."""
    picture = load(photo, limits)
    faces = list(engine.detect(picture, most))
    embeddings = [engine.embed(picture, face) for face in faces]
    return Faces(picture.width, picture.height, faces, embeddings)


def choose(photo: bytes, face: int | None, engine: FaceEngine, limits: Limits) -> Chosen:
    """Choose and embed the face of a photo that is to be enrolled."""
    return embed_for_enrolment(engine, load(photo, limits), face=face)


def verify(
    photos: tuple[bytes, bytes],
    fmr: float | None,
    threshold: float | None,
    allow_low_quality: bool,
    engine: FaceEngine,
    limits: Limits,
) -> dict[str, Any]:
    """Compare the faces of two photos: the record of the verification."""
    first, second = [
        load(content, limits, name) for content, name in zip(photos, _NAMES, strict=True)
    ]
    return engine.verify(
        first,
        second,
        names=_NAMES,
        fmr=fmr,
        threshold=threshold,
        allow_low_quality=allow_low_quality,
    ).to_dict()


def load(photo: bytes, limits: Limits, name: str = "photo") -> DecodedPhoto:
    """Decode a photo and lay it, reduced, in the corner of a canvas.

    There are four sizes of canvases, since detectors keep memory for each size of picture that they
    have seen.

    Args:
        photo: The bytes of a file.
        limits: What it may have.
        name: What errors call it.

    Raises:
        UnreadablePhotoError: It is no photo, damaged, or too large.
    """
    with stage("decode"):
        try:
            decoded = decode.decode_photo(
                io.BytesIO(photo), name=name, max_pixels=limits.pixels, side=limits.side
            )
        except InputError as error:
            raise UnreadablePhotoError(str(error)) from None
        image, height, width = decoded.pixels, decoded.height, decoded.width
        rows, columns = _canvas(height, width, limits.side)
        share = min(1.0, rows / height, columns / width)
        fitted_rows, fitted_columns = (max(1, round(length * share)) for length in (height, width))
        if (fitted_rows, fitted_columns) != image.shape[:2]:
            image = pixels.resize(image, fitted_rows, fitted_columns)
        canvas = np.full((rows, columns, 3), _GREY, np.uint8)
        canvas[:fitted_rows, :fitted_columns] = image
    return DecodedPhoto(canvas, (width / fitted_columns, height / fitted_rows), height, width)


def _canvas(height: int, width: int, side: int) -> tuple[int, int]:
    """Rows and columns of the smallest canvas that a photo fits in, else of the largest."""
    lying = width >= height
    for longer in (side // 2, side):
        rows, columns = (longer * 3 // 4, longer) if lying else (longer, longer * 3 // 4)
        if height <= rows and width <= columns:
            break
    return rows, columns
