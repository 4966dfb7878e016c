"""LFW's photos, by the names that its protocol gives them."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence

from facesdk.errors import InputError
from facesdk.images.photo_source import Photo, PhotoReader, list_photos


class LfwPhotos:
    """The photos of LFW in a folder or a zip file, by their LFW name ``Name/Name_0001.jpg``.

    They may lie in a folder of the folder, as in ``lfw.zip`` with all names under ``lfw/``. Where a
    name is not there as it is written, the one of equal Unicode composed form (NFC) is taken: macOS
    decomposes names.

    Args:
        path: The folder or the zip file.
        names: The photos that are needed, at least one.

    Raises:
        InputError: Neither folder nor zip, or a photo is missing.
    """

    def __init__(self, path: str | os.PathLike[str], names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._reader = PhotoReader()
        photos = list_photos(path).photos
        found = {unicodedata.normalize("NFC", photo.source): photo for photo in photos}
        found |= {photo.source: photo for photo in photos}
        root = _root(found, self.names[0])
        if root is None:
            raise InputError(
                f"{path} has no {self.names[0]}, nor has a folder in it: give the folder or zip "
                "file that has LFW's photos as Name/Name_0001.jpg"
            )
        places = {
            name: found.get(root + name) or found.get(unicodedata.normalize("NFC", root + name))
            for name in self.names
        }
        missing = [name for name, place in places.items() if place is None]
        if missing:
            raise InputError(
                f"{path} lacks {len(missing)} of the {len(self.names)} photos that the pairs need, "
                f"the first is {missing[0]}"
            )
        self._photos = {name: place for name, place in places.items() if place is not None}

    def read(self, name: str) -> bytes:
        """The content of a photo's file.

        Raises:
            InputError: It cannot be read; the message names it.
        """
        return self._reader.read(self._photos[name])


def _root(photos: dict[str, Photo], name: str) -> str | None:
    """What stands before LFW's names: nothing, or a folder; None if the name is in neither."""
    folders = sorted({source.split("/", 1)[0] + "/" for source in photos if "/" in source})
    roots = ("", *folders)
    forms = (name, unicodedata.normalize("NFC", name))
    return next((root for form in forms for root in roots if root + form in photos), None)
