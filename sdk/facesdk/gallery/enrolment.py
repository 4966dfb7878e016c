"""From a photo to a template: only faces that are worth comparing with are enrolled."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from facesdk.engine import FaceEngine
from facesdk.errors import InputError
from facesdk.gallery.gallery import Gallery, Identification, Template
from facesdk.images import pixels
from facesdk.images.decode import ImageSource, as_photo, decode_photo
from facesdk.images.decoded import DecodedPhoto
from facesdk.quality.selection import choose
from facesdk.recognition.operating_points import point_for
from facesdk.results import Detections, Embedding, Face, Quality, side_by_side

SHARE_OF_SECOND = 0.25
"""A second face whose box has at least this share of the largest one's area makes it unclear whom
the photo is to enrol; smaller ones are passers-by."""

_SMALL = 640
"""A photo is halved as long as its longer side stays at least that long."""

_UNCLEAR = (
    "the face is unclear to the model, so that later photos look less like it: is there a clearer "
    "photo?"
)

_SURELY = 120
"""Three times the side of the smallest face that `enrol` looks for."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What became of a photo; true where it is enrolled.

    Attributes:
        image: The path or a name of the photo.
        template: What was stored; None where the photo was refused, or was enrolled before.
        quality: How fit the face is to be compared; None where there is none.
        reasons: Why it was refused, in sentences; empty where it was not.
        warnings: What somebody should look at, in sentences.
    """

    image: str
    template: Template | None
    quality: Quality | None
    reasons: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether the photo is enrolled."""
        return not self.reasons

    def to_dict(self) -> dict[str, Any]:
        """The record that ``facesdk enrol --json`` prints."""
        return {
            "image": self.image,
            "enrolled": bool(self),
            "stored": None if self.template is None else self.template.to_dict(),
            "quality": None if self.quality is None else self.quality.to_dict(),
            "reasons": list(self.reasons),
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True, slots=True)
class Chosen:
    """The face of a photo that would be enrolled.

    Attributes:
        embedding: The face; None where it was refused.
        quality: How fit it is to be compared; None where there is none.
        reasons: Why it was refused, in sentences; empty where it was not.
    """

    embedding: Embedding | None
    quality: Quality | None
    reasons: tuple[str, ...] = ()


def enrol_photo(
    gallery: Gallery,
    engine: FaceEngine,
    name: str,
    photo: ImageSource,
    *,
    face: int | None = None,
    expires: datetime | None = None,
    image: str = "photo",
) -> Enrolment:
    """Enrol the face of a photo, or say why not.

    Args:
        gallery: Where to.
        engine: Finds and embeds the face, with the gallery's model.
        name: The person; one who is enrolled under that name gets another template.
        photo: The photo.
        face: Which face, 0 being the largest; None refuses a photo with several.
        expires: From when on the template is not compared any more; None for never.
        image: What the result calls the photo.

    Raises:
        InputError: The photo cannot be read, the name is not usable, or there is no such face.
        EmbeddingMismatchError: The engine's model is not the gallery's.
    """
    chosen = embed_for_enrolment(engine, as_photo(photo), face=face, image=image)
    return enrol_chosen(gallery, name, chosen, expires=expires, image=image)


def enrol_chosen(
    gallery: Gallery,
    name: str,
    chosen: Chosen,
    *,
    expires: datetime | None = None,
    image: str = "photo",
) -> Enrolment:
    """Enrol what :func:`embed_for_enrolment` found; arguments and errors of :func:`enrol_photo`."""
    if chosen.embedding is None or chosen.quality is None:
        return Enrolment(image, None, chosen.quality, chosen.reasons)
    warnings = suspicions(gallery, name, chosen.embedding)
    template = gallery.enrol(name, chosen.embedding, quality=chosen.quality.score, expires=expires)
    return Enrolment(image, template, chosen.quality, (), warnings)


def embed_for_enrolment(
    engine: FaceEngine, photo: DecodedPhoto, *, face: int | None = None, image: str = "photo"
) -> Chosen:
    """Choose and embed the face of a photo, if it is good enough to be enrolled.

    Args:
        engine: Finds and embeds it.
        photo: The photo.
        face: Which face, 0 being the largest; None for the one that is compared, and refuses a
            photo with several.
        image: What error messages call the photo.

    Raises:
        NoFaceError: There is no face of that number; with ``face`` None a reason says so.
    """
    small, times = photo.pixels, 1
    while max(small.shape) >= 2 * _SMALL:
        small, times = pixels.halve(small), 2 * times
    if face is None and times > 1:
        across, down = photo.scale
        copy = DecodedPhoto(small, (across * times, down * times), photo.height, photo.width)
        found = engine.detect(copy)
        if _shows_a_large_face(copy, found):
            return _chosen(engine, photo, found, face, image)
    return _chosen(engine, photo, engine.detect(photo), face, image)


def embed_file_for_enrolment(
    engine: FaceEngine, content: bytes, *, face: int | None = None, image: str = "photo"
) -> Chosen:
    """Choose and embed the face of a photo's file, as :func:`embed_for_enrolment` does.

    A large JPEG is decoded to a small copy, and in full only where that shows no large face.

    Args:
        engine: Finds and embeds it.
        content: The file.
        face: Which face, 0 being the largest; None refuses a photo with several.
        image: What error messages call the photo.

    Raises:
        InputError: The file cannot be read.
        NoFaceError: There is no face of that number.
    """
    copy = decode_photo(io.BytesIO(content), name=image, side=None if face is not None else _SMALL)
    if copy.scale == (1.0, 1.0):
        return embed_for_enrolment(engine, copy, face=face, image=image)
    found = engine.detect(copy)
    if face is None and _shows_a_large_face(copy, found):
        return _chosen(engine, copy, found, face, image)
    photo = decode_photo(io.BytesIO(content), name=image)
    return _chosen(engine, photo, engine.detect(photo), face, image)


def _chosen(
    engine: FaceEngine, photo: DecodedPhoto, found: Detections, face: int | None, image: str
) -> Chosen:
    if face is None and found.chosen is None:
        return Chosen(None, None, ("no face found: use a photo with a visible, larger face",))
    one = choose(found.faces, found.chosen or 0 if face is None else face, image)
    quality = engine.quality(photo, one)
    reasons = (*(_several(found.faces) if face is None else ()), *quality.reasons)
    return Chosen(None if reasons else engine.embed(photo, one), quality, reasons)


def _shows_a_large_face(copy: DecodedPhoto, found: Detections) -> bool:
    """Whether a small copy is enough to enrol from.

    Where it shows a face in :data:`_SURELY` pixels, every other one with half of its side is found
    there too, and smaller ones do not make it unclear whom the photo is to enrol.
    """
    return found.chosen is not None and _side(copy.of_pixels(found.faces[found.chosen])) >= _SURELY


def _side(face: Face) -> float:
    return float(max(face.box[2:] - face.box[:2]))


def suspicions(gallery: Gallery, name: str, embedding: Embedding) -> tuple[str, ...]:
    """What is odd about enrolling a face under a name: it may be somebody else's, or unclear.

    Two things are looked for, at the default threshold of verification: the face is
    that of a person with another name, or not that of the person with this name.
    """
    unclear = "" if embedding.is_clear else _UNCLEAR
    try:
        found = gallery.identify(embedding, fmr=point_for(gallery.contract).fmr)
    except InputError as error:
        other = f"whether the face is enrolled under another name was not looked up: {error}"
        return tuple(filter(None, (other, unclear)))
    return tuple(filter(None, (_duplicate(found, name), _stranger(gallery, found, name), unclear)))


def _duplicate(found: Identification, name: str) -> str:
    for candidate in found.candidates:
        if candidate.person.name != name and candidate.similarity >= found.threshold:
            similarity, threshold = side_by_side(candidate.similarity, found.threshold)
            return (
                f"the face looks like {candidate.person.name}, who is enrolled already (similarity "
                f"{similarity}, threshold {threshold}): is it one person?"
            )
    return ""


def _stranger(gallery: Gallery, found: Identification, name: str) -> str:
    person = gallery.person(name)
    if person is None or (person.expires and person.expires.timestamp() <= time.time()):
        return ""
    similarity = max(
        (one.similarity for one in found.candidates if one.person.name == name), default=None
    )
    if similarity is not None and similarity >= found.threshold:
        return ""
    return (
        f"the face does not look like the {name} who is enrolled (similarity below the threshold "
        f"of {found.threshold:.4f}): is it somebody else of that name?"
    )


def _several(found: Sequence[Face]) -> tuple[str, ...]:
    large = [one for one in found if one.area >= SHARE_OF_SECOND * found[0].area]
    if len(large) < 2:
        return ()
    return (f"{len(large)} faces: use a photo of one person, or say which face is meant",)
