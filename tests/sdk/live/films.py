"""Faces and sources that tests make."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np

from facesdk.live.sources.source import Frame
from facesdk.results import Face

LANDMARKS = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])
"""Landmarks of a plain face, in sides of its box."""


def face(x: float, y: float, side: float = 60.0, score: float = 0.99) -> Face:
    """A face by its middle."""
    corner = np.array([x - side / 2, y - side / 2])
    return Face(np.concatenate([corner, corner + side]), score, corner + side * LANDMARKS)


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
