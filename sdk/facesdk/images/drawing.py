"""Annotated pictures: boxes, landmarks, aligned crops, verdict."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from facesdk.images import pixels
from facesdk.images.decoded import DecodedPhoto
from facesdk.results import Face, Verification, side_by_side

Picture = NDArray[np.uint8]

_GREEN = (46, 204, 113)
_RED = (231, 76, 60)
_BLUE = (52, 152, 219)
_YELLOW = (241, 196, 15)
_INK = (33, 37, 41)
_PAPER_LEVEL = 250
_PAPER = (_PAPER_LEVEL,) * 3
_PHOTO_HEIGHT = 480
_CROP_HEIGHT = 224
_GAP = 16
_BITMAP_ASCENT = 9


def draw_faces(
    image: Picture,
    faces: Sequence[Face],
    *,
    chosen: int | None = None,
    labels: Sequence[str] | None = None,
) -> Picture:
    """A copy of a photo with the box, number, score and landmarks of each face.

    Args:
        image: uint8 RGB ``(H, W, 3)``.
        faces: Faces in pixels of ``image``.
        chosen: Number of a face to draw in another colour.
        labels: What stands at each instead of number and score.

    Returns:
        uint8 RGB of the same shape.
    """
    picture = Image.fromarray(image)
    pen = ImageDraw.Draw(picture)
    unit = max(1, round(max(image.shape[:2]) / 500))
    for number, face in enumerate(faces):
        colour = _GREEN if number == chosen else _BLUE
        left, top, right, bottom = (round(float(v)) for v in face.box)
        edges = (left - unit, top - unit, right + unit, bottom + unit)
        pen.rectangle(edges, None, colour, 2 * unit)
        at = (left, max(14 * unit, top - 6 * unit))
        label = f"{number}: {face.score:.3f}" if labels is None else labels[number]
        _text(pen, label, at, 15 * unit, colour)
        for x, y in face.landmarks:
            pen.ellipse((x - 3 * unit, y - 3 * unit, x + 3 * unit, y + 3 * unit), _YELLOW)
    return np.array(picture)


def draw_verification(
    photos: tuple[DecodedPhoto, DecodedPhoto],
    verification: Verification,
    titles: tuple[str, str] = ("", ""),
) -> Picture:
    """One picture that tells a whole verification.

    Above, the two photos with the compared faces; below, the two aligned crops and the verdict with
    similarity, threshold and time of each stage.

    Args:
        photos: The two photos.
        verification: What :meth:`facesdk.FaceEngine.verify` said of them.
        titles: A caption for each photo.

    Returns:
        uint8 RGB.
    """
    marked = [
        _scaled(draw_faces(photo.pixels, [photo.of_pixels(face)], chosen=0), _PHOTO_HEIGHT)
        for photo, face in zip(photos, verification.faces, strict=True)
    ]
    crops = [_scaled(crop, _CROP_HEIGHT) for crop in verification.crops]
    panel = _verdict_panel(verification)
    upper = _row([_captioned(photo, title) for photo, title in zip(marked, titles, strict=True)])
    lower = _row([*crops, panel])
    width = max(upper.shape[1], lower.shape[1])
    margin = np.full((_GAP, width, 3), _PAPER, np.uint8)
    return np.vstack([_widened(upper, width), _widened(lower, width), margin])


def _verdict_panel(verification: Verification) -> Picture:
    match, timings = verification.match, verification.timings
    panel = np.full((_CROP_HEIGHT, 540, 3), _PAPER, np.uint8)
    verdict, colour = ("SAME PERSON", _GREEN) if match.same else ("DIFFERENT PEOPLE", _RED)
    write(panel, verdict, (8, 40), 34, colour)
    origin = "chosen by the user" if match.fmr is None else f"for FMR {match.fmr:g}"
    stages = f"{timings.detect:.1f} + {timings.align:.1f} + {timings.embed:.1f} ms"
    similarity, threshold = side_by_side(match.similarity, match.threshold)
    rows = (
        ("similarity", similarity),
        ("threshold", f"{threshold} ({origin})"),
        ("model", match.model),
        ("time", f"{timings.total:.1f} ms for both photos"),
        ("stages", f"{stages} (detect, align, embed)"),
    )
    for number, row in enumerate(rows):
        for text, left in zip(row, (8, 120), strict=True):
            write(panel, text, (left, 84 + 30 * number), 17, _INK)
    return panel


def _captioned(photo: Picture, title: str) -> Picture:
    caption = np.full((28, photo.shape[1], 3), _PAPER, np.uint8)
    write(caption, title, (2, 20), 18, _INK)
    return np.vstack([photo, caption])


def write(
    canvas: Picture, text: str, at: tuple[int, int], size: int, colour: tuple[int, int, int]
) -> None:
    """Write a line into a picture.

    Args:
        canvas: uint8 RGB ``(H, W, 3)``; changed.
        text: What to write; characters that are not ASCII become question marks.
        at: x and y where the line's baseline starts, in pixels.
        size: Of the letters, in pixels.
        colour: Red, green and blue, 0 to 255.
    """
    picture = Image.fromarray(canvas)
    _text(ImageDraw.Draw(picture), text, at, size, colour)
    canvas[:] = np.asarray(picture)


def _text(
    pen: ImageDraw.ImageDraw,
    text: str,
    at: tuple[int, int],
    size: int,
    colour: tuple[int, int, int],
) -> None:
    """Pillow's own font has few letters beyond ASCII."""
    printable = text.encode("ascii", "replace").decode()
    try:
        font = ImageFont.load_default(size)
    except (TypeError, ImportError):  # before Pillow 10.1, or without FreeType: one size only
        font = ImageFont.load_default()
    ascent = font.getmetrics()[0] if isinstance(font, ImageFont.FreeTypeFont) else _BITMAP_ASCENT
    pen.text((at[0], at[1] - ascent), printable, colour, font)


def _scaled(image: Picture, height: int) -> Picture:
    return pixels.resize(image, height, max(1, round(image.shape[1] * height / image.shape[0])))


def _row(pictures: Sequence[Picture]) -> Picture:
    height = pictures[0].shape[0]
    gap = np.full((height, _GAP, 3), _PAPER, np.uint8)
    parts = [gap]
    for picture in pictures:
        parts += [picture, gap]
    row = np.hstack(parts)
    return np.vstack([np.full((_GAP, row.shape[1], 3), _PAPER, np.uint8), row])


def _widened(picture: Picture, width: int) -> Picture:
    return pixels.pad(picture, right=width - picture.shape[1], fill=_PAPER_LEVEL)
