"""A file or folder over and over, as if it had no end."""

from __future__ import annotations

from facesdk.errors import InputError
from facesdk.live.sources.source import Frame, Source


class Repeated:
    """A source that begins again at its end; its time goes on.

    Args:
        source: A file or folder.
    """

    paced = False

    def __init__(self, source: Source) -> None:
        self._source = source
        self._offset = self._last = self._step = 0.0

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
        self._offset = self._last = self._step = 0.0
        self._source.open()

    def read(self) -> Frame:
        """The next picture.

        Raises:
            InputError: The file has none.
        """
        frame = self._source.read()
        if frame is None:
            self._offset = self._last + self._step
            self._source.close()
            self._source.open()
            frame = self._source.read()
            if frame is None:
                raise InputError(f"{self.name} has no picture that can be decoded")
        time = self._offset + frame.time
        self._step = max(time - self._last, 0.0)
        self._last = time
        return Frame(frame.image, time)

    def close(self) -> None:
        """Close the file."""
        self._source.close()
