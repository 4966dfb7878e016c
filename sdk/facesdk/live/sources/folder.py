"""A folder, or a zip file, of pictures as a source, for what another program made of a film."""

from __future__ import annotations

import io
import re
from pathlib import Path

from facesdk.errors import InputError
from facesdk.images import decode
from facesdk.images.photo_source import Photo, PhotoReader, list_photos
from facesdk.live.sources.source import Frame

DEFAULT_FPS = 25.0
"""Pictures per second of a folder where nobody says."""


class FolderSource:
    """The pictures of a folder in the order of their names, numbers by their value.

    Args:
        path: The folder, or a zip file.
        fps: How many of them are a second.
    """

    paced = False

    def __init__(self, path: Path, fps: float = DEFAULT_FPS) -> None:
        if not 0 < fps <= 1000:
            raise InputError(f"pictures per second must be above 0 and up to 1000, but got {fps:g}")
        self.name = str(path)
        self.unreadable = 0
        self._path, self._fps = path, fps
        self._photos: tuple[Photo, ...] = ()
        self._next = 0
        self._reader = PhotoReader()

    def open(self) -> None:
        """List the pictures.

        Raises:
            InputError: There is no such folder, or it has no picture.
        """
        self._photos = tuple(sorted(list_photos(self._path).photos, key=_natural))
        if not self._photos:
            raise InputError(f"{self._path} has no picture in it")
        self._next = 0
        self._reader = PhotoReader()

    def read(self) -> Frame | None:
        """The next picture that can be decoded."""
        while self._next < len(self._photos):
            number = self._next
            photo = self._photos[number]
            self._next += 1
            try:
                content = io.BytesIO(self._reader.read(photo))
                return Frame(decode.decode(content, name=photo.where), number / self._fps)
            except InputError:
                self.unreadable += 1
        return None

    def close(self) -> None:
        """Forget the list."""
        self._photos = ()


def _natural(photo: Photo) -> tuple[tuple[int, str], ...]:
    """Sorts frame2 before frame10."""
    parts = re.split(r"(\d+)", photo.source)
    return tuple((int(part), "") if part.isdecimal() else (0, part) for part in parts)
