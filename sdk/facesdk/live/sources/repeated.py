"""A file or folder over and over, as if it had no end."""

from __future__ import annotations

from facesdk.errors import InputError
from facesdk.live.sources.folder import DEFAULT_FPS
from facesdk.live.sources.source import Frame, Source


class Repeated:
    """A source that begins again at its end; its time goes on.

    Args:
        source: A file or folder.
        step: Seconds from the last picture of a round to the next round where it has only one; else
            they are those between its last two.
    """

    paced = False

    def __init__(self, source: Source, step: float = 1 / DEFAULT_FPS) -> None:
        self._source, self._only_step = source, step
        self._offset = self._last = self._step = 0.0
        self._first = True

    @property
    def name(self) -> str:
        """That of the file."""
        return self._source.name

    @property
    def unreadable(self) -> int:
        """That of the file, all rounds together."""
        return self._source.unreadable

    def open(self) -> None:
        """Open the file."""
        self._begin(0.0)
        self._source.open()

    def read(self) -> Frame:
        """The next picture.

        Raises:
            InputError: The file has none.
        """
        frame = self._source.read()
        if frame is None:
            self._begin(self._last + self._step)
            self._source.close()
            self._source.open()
            frame = self._source.read()
            if frame is None:
                raise InputError(f"{self.name} has no picture that can be decoded")
        time = self._offset + frame.time
        if not self._first and time > self._last:
            self._step = time - self._last
        self._first, self._last = False, time
        return Frame(frame.image, time)

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    def _begin(self, offset: float) -> None:
        """A round, at so many seconds after the first."""
        self._offset = self._last = offset
        self._step, self._first = self._only_step, True
