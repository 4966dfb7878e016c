"""A film of the packaged portraits, who sway side by side: what live recognition is measured on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from facesdk import samples
from facesdk.bench.pipeline import portrait
from facesdk.engine import FaceEngine
from facesdk.errors import InputError
from facesdk.images import pixels
from facesdk.images.decode import RgbImage
from facesdk.live.sources.opencv import opencv, opencv_name

FPS = 25.0
_BACKGROUND = 110
_CODEC = "mp4v"
_MOST_PEOPLE = 20


def people(count: int, side: int, engine: FaceEngine) -> list[RgbImage]:
    """Squares around the faces of the packaged portraits, in turn.

    Args:
        count: How many.
        side: Of each square, in pixels; the face is a third of it wide.
        engine: Finds the faces.
    """
    paths = (samples.OBAMA, samples.BIDEN, samples.OBAMA2)
    squares = [portrait(path, engine) for path in paths[: max(count, 1)]]
    resized = [pixels.resize(square, side, side) for square in squares]
    return [resized[number % len(resized)] for number in range(count)]


def swaying(
    portraits: Sequence[RgbImage], count: int, *, width: int = 640, height: int = 480
) -> Iterator[RgbImage]:
    """Pictures in which people sway, each in a column of their own, so that no two touch.

    Args:
        portraits: From :func:`people`; they must fit into their columns.
        count: How many pictures.
        width: Of the pictures, in pixels; ``height`` likewise.
        height: See ``width``.

    Returns:
        uint8 RGB ``(height, width, 3)``, one after the other.
    """
    column = width // max(len(portraits), 1)
    for number in range(count):
        canvas: RgbImage = np.full((height, width, 3), _BACKGROUND, np.uint8)
        for place, picture in enumerate(portraits):
            side = picture.shape[0]
            phase = number / FPS + place
            left = int(column * place + (column - side) / 2 * (1 + 0.9 * np.sin(phase)))
            top = int((height - side) / 2 * (1 + 0.9 * np.cos(1.3 * phase)))
            canvas[top : top + side, left : left + side] = picture
        yield canvas


def write_film(path: Path, pictures: Iterable[RgbImage], fps: float = FPS) -> Path:
    """A video file (MPEG-4).

    Args:
        path: The file, ending in ``.mp4`` or ``.avi``.
        pictures: uint8 RGB, all of one size.
        fps: Frames per second.

    Raises:
        DependencyError: OpenCV is not installed (extra ``camera``).
        InputError: It cannot be written.
    """
    cv2 = opencv()
    name = opencv_name(str(path), str(path))
    writer = None
    for picture in pictures:
        if writer is None:
            size = (picture.shape[1], picture.shape[0])
            writer = cv2.VideoWriter(name, cv2.VideoWriter.fourcc(*_CODEC), fps, size)
            if not writer.isOpened():
                raise InputError(f"cannot write the film {path}")
        writer.write(pixels.swap_channels(picture))
    if writer is None:
        raise InputError("a film needs a picture")
    writer.release()
    return path


def write_people(
    path: Path, count: int, pictures: int, engine: FaceEngine, *, width: int, height: int
) -> Path:
    """A film of so many people.

    Args:
        path: The file.
        count: How many people, 0 to 20.
        pictures: How many pictures.
        engine: Finds the faces in the portraits.
        width: Of the pictures, in pixels; ``height`` likewise.
        height: See ``width``.

    Raises:
        DependencyError: OpenCV is not installed (extra ``camera``).
        InputError: A number is out of its range.
    """
    if not 0 <= count <= _MOST_PEOPLE:
        raise InputError(f"people of a film must be 0 to {_MOST_PEOPLE}, but got {count}")
    if not (160 <= width <= 4096 and 120 <= height <= 4096):
        raise InputError(f"sides of a film must be 160x120 to 4096, but got {width}x{height}")
    side = int(0.9 * min(width // max(count, 1), height / 2))
    return write_film(
        path, swaying(people(count, side, engine), pictures, width=width, height=height)
    )
