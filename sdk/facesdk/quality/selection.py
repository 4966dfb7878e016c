"""Which face of a photo is compared, in one place for all verbs: two questions, a rule for each.

A photo that somebody hands over is compared by its **largest** face: :func:`choose`. Whoever means
another says its number, and a detector need not look for smaller ones.

A photo out of a collection of one person is about the face in its **middle**: :func:`central`. Test
sets and training photos are labelled by that person, and a neighbour at the border is often larger:
of 1,427 LFW photos the rules differ in 19, and in the 14 of them whose person is known from another
photo, the central face was that person's 14 times (LFW's photos are cut around their person; on
others the rule may do less well).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from facesdk.errors import InputError, NoFaceError
from facesdk.results import Face


def choose(faces: Sequence[Face], number: int, image: str) -> Face:
    """Pick a face by its number, 0 being the largest; the only face whatever the number.

    Args:
        faces: The faces of a photo, largest first.
        number: Which of them.
        image: What error messages call the photo.

    Raises:
        InputError: The number is negative.
        NoFaceError: There is no such face; the message names the photo.
    """
    if number < 0:
        raise InputError(f"the number of a face must be 0 or more, but got {number}")
    if not faces:
        raise NoFaceError(f"{image}: no face found; use a photo with a visible face")
    if len(faces) == 1:
        return faces[0]
    if number >= len(faces):
        raise NoFaceError(
            f"{image}: there is no face {number}; {len(faces)} found, numbered from 0 by size"
        )
    return faces[number]


def up_to(number: int) -> int:
    """How many faces must be found to choose one by its number (see :func:`choose`)."""
    return max(number, 0) + 1


def central(faces: Iterable[Face], height: int, width: int) -> Face | None:
    """The face that a photo of one person among others is about: large and near the middle.

    It is the one with the largest ``area - 2 * distance**2``, with the distance from the middle of
    the photo to that of the box (the rule of David Sandberg's FaceNet, ``align_dataset_mtcnn.py``).

    Args:
        faces: The faces of a photo.
        height: Of the photo, in pixels; ``width`` likewise.
        width: See ``height``.

    Returns:
        None of no faces.
    """

    def prominence(face: Face) -> float:
        middle = (face.box[:2] + face.box[2:]) / 2
        offset = middle - (width / 2, height / 2)
        return face.area - 2 * float(offset @ offset)

    return max(faces, key=prominence, default=None)
