r"""Cleaning lists: which photos of a source to keep, or to drop.

A list is a text file with a photo, or a folder of photos, a line, as it is called in the source.
The published lists for CASIA-WebFace look like ``0000045\001.jpg 0`` (photo and label): a label
after the path and backslashes are understood. Empty lines and lines that begin with ``#`` say
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from facesdk.errors import InputError
from facesdk.files import read_regular
from facesdk.images.photo_source import Photo

_LABEL = re.compile(r"\s+-?\d+$")


class CleaningList:
    """The entries of a list.

    Args:
        path: The file.
        photos: What it is about.

    Raises:
        InputError: It cannot be read, or none of its entries is in the source.
    """

    def __init__(self, path: Path, photos: Sequence[Photo]) -> None:
        try:
            text = read_regular(path).decode(errors="surrogateescape")
        except OSError as error:
            raise InputError(f"cannot read the list {path}: {error.strerror}") from None
        names = {photo.source for photo in photos} | {photo.identity for photo in photos} - {""}
        lines = {line.strip() for line in text.splitlines()} - {""}
        entries = {_entry(line, names) for line in lines if not line.startswith("#")}
        self._found = entries & names
        self.unknown = len(entries - names)
        if not self._found:
            raise InputError(f"no line of {path} is a photo or a folder of the source")

    def __contains__(self, photo: Photo) -> bool:
        return photo.source in self._found or photo.identity in self._found


def _entry(line: str, names: set[str]) -> str:
    """What a line names: as it stands, else without the label, with slashes."""
    if line in names:
        return line
    return _LABEL.sub("", line).replace("\\", "/").removeprefix("./").rstrip("/")
