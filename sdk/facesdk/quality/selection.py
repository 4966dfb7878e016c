"""Which face of a photo is compared: one rule, for all verbs.

What a detector finds is taken for a face unless its landmarks cannot be those of one, or the
detector is unsure and no eyes or no mouth are to be seen there: :func:`find`. Of the faces

1. one that is trusted is taken before any that is not: the detector is sure of it, and it is sharp;
2. of these the largest;
3. in a photo out of a collection of one person, faces of at least half its area count as equally
   large, and the one nearest to the middle is taken: test sets and training photos are labelled by
   the person that they are cut around, and a neighbour at the border is often a little larger.

Whoever means another face says its number. Of 3,000 LFW photos, 505 of them with several faces, the
first point gives another face than size alone in 5, and was right in all 5; the third in 35 more,
where the face in the middle was the person's 35 times (docs/numbers/quality.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError, NoFaceError
from facesdk.quality.assessment import FLOORS, assess, assess_crop, square_of
from facesdk.quality.pose import misfit
from facesdk.results import Face, Quality

REVISION = 2
"""Raised when another face may be chosen of the same faces: what is cached is then old."""

TRUSTED = ("detector_score", "sharpness")
"""Floors that a trusted face is not below."""

COMPARABLE = 0.5
"""Share of the largest face's area from which a face counts as equally large in a photo of one
person."""

_SURE = 0.97
"""A find with a lower score must show eyes and a mouth: be above their floors."""

_OUTSIDE, _MISFIT = 0.15, 0.15
"""How far landmarks may lie outside of the box, in its sides, and off the shape of a head, in eye
distances. Of 3,629 finds in LFW photos 0.084 and 0.088 were the most."""


class Finder(Protocol):
    """What is asked of a detector."""

    def detect(self, image: NDArray[np.uint8], max_faces: int | None = None) -> list[Face]:
        """The faces of a photo, largest first; at most so many."""
        ...


@dataclass(frozen=True, slots=True)
class Choice:
    """The face that is compared.

    Attributes:
        face: The face.
        number: Its number among the faces of the photo, by size from 0.
        reason: Why this one, in words.
        quality: How fit it is to be compared.
        crop: What that was measured on: uint8 RGB ``(112, 112, 3)``, aligned to the template
            ``arcface-112x112``.
    """

    face: Face
    number: int
    reason: str
    quality: Quality
    crop: NDArray[np.uint8]


def find(detector: Finder, image: NDArray[np.uint8], max_faces: int | None = None) -> list[Face]:
    """The faces of a photo, without finds that cannot be one.

    Args:
        detector: Finds them.
        image: The photo, uint8 RGB ``(H, W, 3)``.
        max_faces: At most that many, the largest; None for all.

    Raises:
        InputError: The image is not uint8 RGB.
    """
    found = detector.detect(image, max_faces)
    faces = [face for face in found if _plausible(image, face)]
    if max_faces is not None and len(faces) < len(found):
        found = detector.detect(image)
        faces = [face for face in found if _plausible(image, face)]
    return faces[:max_faces]


def select(
    detector: Finder, image: NDArray[np.uint8], *, of_one_person: bool = False
) -> Choice | None:
    """Find the faces of a photo and pick the one that is compared.

    Args:
        detector: Finds them; where its largest face is trusted, others need not be looked for.
        image: The photo, uint8 RGB ``(H, W, 3)``.
        of_one_person: Whether the photo is out of a collection of one person's photos.

    Returns:
        None where there is no face.

    Raises:
        InputError: The image is not uint8 RGB.
    """
    if not of_one_person:
        choice = pick(image, find(detector, image, 1))
        if choice is None:
            return None
        if not _doubts(choice.quality):
            return replace(choice, reason="the largest face")
    return pick(image, find(detector, image), of_one_person=of_one_person)


def pick(
    image: NDArray[np.uint8], faces: Sequence[Face], *, of_one_person: bool = False
) -> Choice | None:
    """The face of those found that is compared.

    Args:
        image: The photo, uint8 RGB ``(H, W, 3)``.
        faces: The faces that :func:`find` found in it, largest first.
        of_one_person: See :func:`select`.

    Returns:
        None of no faces.
    """
    if not faces:
        return None
    trusted: list[_Candidate] = []
    doubted: list[_Candidate] = []
    for number, face in enumerate(faces):
        candidate = _candidate(image, face, number)
        if candidate.doubts:
            doubted.append(candidate)
        else:
            trusted.append(candidate)
            if not of_one_person:
                break
    candidates = trusted or doubted
    chosen = candidates[0]
    number = chosen.number
    reason = _size_in_words(number, faces, trusted=bool(trusted))
    if of_one_person:
        enough = COMPARABLE * chosen.face.area
        middle = min(
            (row for row in candidates if row.face.area >= enough),
            key=lambda row: _from_middle(row.face, image),
        )
        if middle.number != number:
            chosen = middle
            reason = f"the one in the middle of {len(faces)} faces, and about as large as any"
    passed_over = [row.doubts for row in doubted if row.number < chosen.number]
    if trusted and passed_over:
        reason += f"; a larger one is not trusted ({passed_over[0]})"
    return Choice(chosen.face, chosen.number, reason, chosen.quality, chosen.crop)


def choose(faces: Sequence[Face], number: int, image: str, *, where_several: bool = False) -> Face:
    """The face of a number, 0 being the largest.

    Args:
        faces: The faces of a photo, largest first.
        number: Which of them.
        image: What error messages call the photo.
        where_several: Whether the number is for several photos at once, to pick in those that show
            several faces: a single face is taken whatever the number.

    Raises:
        InputError: The number is negative.
        NoFaceError: There is no such face; the message names the photo.
    """
    if number < 0:
        raise InputError(f"the number of a face must be 0 or more, but got {number}")
    if not faces:
        raise _no_face(image)
    if where_several and len(faces) == 1:
        return faces[0]
    if number >= len(faces):
        raise NoFaceError(
            f"{image}: there is no face {number}; {len(faces)} found, numbered from 0 by size"
        )
    return faces[number]


def choose_in_photo(
    detector: Finder,
    image: NDArray[np.uint8],
    number: int | None,
    name: str,
    *,
    where_several: bool = False,
) -> Choice:
    """The face of a photo that is compared, or the one that somebody asks for.

    Args:
        detector: Finds the faces.
        image: The photo, uint8 RGB ``(H, W, 3)``.
        number: Which face, as in :func:`choose`; None for that of :func:`select`.
        name: What error messages call the photo.
        where_several: As in :func:`choose`.

    Raises:
        InputError: The number is negative, or the image not uint8 RGB.
        NoFaceError: There is no such face; the message names the photo.
    """
    if number is None:
        choice = select(detector, image)
        if choice is None:
            raise _no_face(name)
        return choice
    faces = find(detector, image, max(number, 0) + 1)
    face = choose(faces, number, name, where_several=where_several)
    number = next(index for index, other in enumerate(faces) if other is face)
    crop = square_of(image, face)
    return Choice(face, number, "the one that was asked for", assess_crop(crop, face), crop)


def _no_face(name: str) -> NoFaceError:
    return NoFaceError(f"{name}: no face found; use a photo with a visible face")


def _plausible(image: NDArray[np.uint8], face: Face) -> bool:
    sides = face.box[2:] - face.box[:2]
    beyond = np.maximum(face.box[:2] - face.landmarks, face.landmarks - face.box[2:])
    if not (sides > 0).all() or (beyond > _OUTSIDE * sides).any():
        return False
    try:
        if misfit(face.landmarks) > _MISFIT:
            return False
        if face.score >= _SURE:
            return True
        quality = assess(image, face)
    except InputError:  # on one line
        return False
    values = quality.measures()
    return not any(FLOORS[name].fails(values[name]) for name in ("eyes", "mouth"))


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A face that may be chosen; its fields as of :class:`Choice`, and why it is not trusted."""

    face: Face
    number: int
    quality: Quality
    crop: NDArray[np.uint8]
    doubts: str


def _candidate(image: NDArray[np.uint8], face: Face, number: int) -> _Candidate:
    crop = square_of(image, face)
    quality = assess_crop(crop, face)
    return _Candidate(face, number, quality, crop, _doubts(quality))


def _doubts(quality: Quality) -> str:
    """Why a face is not trusted, in words; empty where it is."""
    values = quality.measures()
    rows = ((FLOORS[name], FLOORS[name].of(values)) for name in TRUSTED)
    return ", ".join(floor.sentence(value) for floor, value in rows if floor.fails(value))


def _size_in_words(number: int, faces: Sequence[Face], *, trusted: bool) -> str:
    if len(faces) == 1:
        return "the only face"
    which = "trusted face" if trusted else "face, none of which is trusted,"
    return f"the largest {which} of {len(faces)}"


def _from_middle(face: Face, image: NDArray[np.uint8]) -> float:
    height, width = image.shape[:2]
    offset = (face.box[:2] + face.box[2:]) / 2 - (width / 2, height / 2)
    return float(offset @ offset)
