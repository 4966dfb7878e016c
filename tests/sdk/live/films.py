"""Films, faces and sources that tests make."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from facesdk import FaceEngine, samples
from facesdk.images import decode, pixels
from facesdk.live.sources.source import Frame
from facesdk.results import Face

LANDMARKS = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
"""Landmarks of a plain face, in sides of its box."""

Picture = NDArray[np.uint8]


def face(x: float, y: float, side: float = 60.0, score: float = 0.99) -> Face:
    """A face by its middle."""
    corner = np.array([x - side / 2, y - side / 2])
    return Face(np.concatenate([corner, corner + side]), score, corner + side * LANDMARKS)


def write_film(path: Path, pictures: Iterable[Picture], fps: float = 25.0) -> Path:
    """A video file of RGB pictures of one size."""
    writer = None
    for picture in pictures:
        if writer is None:
            size = (picture.shape[1], picture.shape[0])
            writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), fps, size)
            assert writer.isOpened()
        writer.write(np.ascontiguousarray(picture[..., ::-1]))
    assert writer is not None
    writer.release()
    return path


def portraits(engine: FaceEngine, side: int) -> list[Picture]:
    """The packaged people, a square around each face: two pictures of one and one of another."""
    found = []
    for path in (samples.OBAMA, samples.BIDEN, samples.OBAMA2):
        image = decode.load(path)
        box = engine.detect(image).faces[0].box
        middle, half = (box[:2] + box[2:]) / 2, 1.2 * max(box[2:] - box[:2])
        left, top = (max(int(value - half), 0) for value in middle)
        square = image[top : top + int(2 * half), left : left + int(2 * half)]
        found.append(pixels.resize(square, side, side))
    return found


def panned(
    people: Sequence[Picture], count: int, *, width: int = 640, height: int = 480, fps: float = 25.0
) -> Iterable[Picture]:
    """Pictures in which people sway, side by side, each in a column of their own."""
    column = width // len(people)
    for number in range(count):
        canvas = np.full((height, width, 3), 110, np.uint8)
        for place, person in enumerate(people):
            side = person.shape[0]
            room_x, room_y = (column - side) / 2, (height - side) / 2
            phase = number / fps + place
            left = int(column * place + room_x * (1 + 0.9 * np.sin(phase)))
            top = int(room_y * (1 + 0.9 * np.cos(1.3 * phase)))
            canvas[top : top + side, left : left + side] = person
        yield canvas


class Script:
    """A source that gives what a test says: pictures, or an error to raise.

    Args:
        rounds: For each time it is opened what it gives; an error to raise instead of opening.
        paced: As of a camera.
    """

    name = "script"
    unreadable = 0

    def __init__(
        self,
        *rounds: Sequence[Frame | Exception] | Exception,
        paced: bool = False,
        before: Callable[[], None] = lambda: None,
    ) -> None:
        self.paced = paced
        self.opened = self.closed = 0
        self._rounds, self._before = list(rounds), before
        self._now: list[Frame | Exception] = []

    def open(self) -> None:
        row = self._rounds.pop(0) if len(self._rounds) > 1 else self._rounds[0]
        self.opened += 1
        if isinstance(row, Exception):
            raise row
        self._now = list(row)

    def read(self) -> Frame | None:
        self._before()
        if not self._now:
            return None
        row = self._now.pop(0)
        if isinstance(row, Exception):
            raise row
        return row

    def close(self) -> None:
        self.closed += 1


def frames(count: int, *, fps: float = 25.0, size: tuple[int, int] = (48, 64)) -> list[Frame]:
    """Grey pictures, each a level brighter."""
    return [Frame(np.full((*size, 3), i % 256, np.uint8), i / fps) for i in range(count)]


class FakeClock:
    """A clock that moves when somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self.waits.append(seconds)
        self.now += seconds
        return event.is_set()
