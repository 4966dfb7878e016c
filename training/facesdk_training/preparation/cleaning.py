r"""Cleaning lists: which photos of a source to keep, or to drop.

A list is a text file with a photo, or a folder of photos, a line, as it is called in the source.
The published lists for CASIA-WebFace look like ``0000045\001.jpg 0`` (photo and label): a label
after the path and backslashes are understood. Empty lines and lines that begin with ``#`` say
nothing.
"""

from __future__ import annotations

import re
import unicodedata
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
            text = read_regular(path).decode("utf-8-sig", errors="surrogateescape")
        except OSError as error:
            raise InputError(f"cannot read the list {path}: {error.strerror}") from None
        names = {name for photo in photos for name in _names(photo)} - {""}
        text = unicodedata.normalize("NFC", text)
        lines = {line.strip() for line in text.splitlines()} - {""}
        entries = {_entry(line, names) for line in lines if not line.startswith("#")}
        self._found = entries & names
        self.unknown = len(entries - names)
        if not self._found:
            raise InputError(f"no line of {path} is a photo or a folder of the source")

    def __contains__(self, photo: Photo) -> bool:
        return any(name in self._found for name in _names(photo))


def _names(photo: Photo) -> tuple[str, str]:
    """What a list may call a photo; names are compared in Unicode's composed form."""
    return unicodedata.normalize("NFC", photo.source), photo.identity


def _entry(line: str, names: set[str]) -> str:
    """What a line names: as it stands, else without the label, with slashes."""
    if line in names:
        return line
    return _LABEL.sub("", line).replace("\\", "/").removeprefix("./").rstrip("/")
