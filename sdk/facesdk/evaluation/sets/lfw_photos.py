"""LFW's photos, by the names that its protocol gives them."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Sequence

from facesdk.errors import InputError
from facesdk.images.photo_source import Photo, PhotoReader, list_photos


class LfwPhotos:
    """The photos of LFW in a folder or a zip file, by their LFW name ``Name/Name_0001.jpg``.

    They may lie in a folder of the folder, as in ``lfw.zip`` with all names under ``lfw/``. Where a
    name is not there as it is written, the one of equal Unicode composed form (NFC) is taken: macOS
    decomposes names; and then the one photo that differs only in how its name ends: programs that
    cut LFW's faces write ``.png``.

    Args:
        path: The folder or the zip file.
        names: The photos that are needed, at least one.

    Raises:
        InputError: Neither folder nor zip, or a photo is missing.
    """

    def __init__(self, path: str | os.PathLike[str], names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._reader = PhotoReader()
        found = _by_name(list_photos(path).photos)
        root = _root(found, self.names[0])
        if root is None:
            raise InputError(
                f"{path} has no {self.names[0]}, nor has a folder in it: give the folder or zip "
                "file that has LFW's photos as Name/Name_0001.jpg"
            )
        places = {name: _first(found, root + name) for name in self.names}
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


def _by_name(photos: Sequence[Photo]) -> dict[str, Photo]:
    """Photos by their names as written, in the composed form, and without ending if one has it."""
    stems = Counter(_stem(photo.source) for photo in photos)
    found = {_stem(photo.source): photo for photo in photos if stems[_stem(photo.source)] == 1}
    found |= {unicodedata.normalize("NFC", photo.source): photo for photo in photos}
    return found | {photo.source: photo for photo in photos}


def _first(photos: dict[str, Photo], name: str) -> Photo | None:
    forms = (name, unicodedata.normalize("NFC", name), _stem(name))
    return next((photos[form] for form in forms if form in photos), None)


def _stem(name: str) -> str:
    """A photo's composed name without its ending; no file of a photo is called so."""
    return os.path.splitext(unicodedata.normalize("NFC", name))[0]


def _root(photos: dict[str, Photo], name: str) -> str | None:
    """What stands before LFW's names: nothing, or a folder; None if the name is in neither."""
    folders = sorted({source.split("/", 1)[0] + "/" for source in photos if "/" in source})
    return next((root for root in ("", *folders) if _first(photos, root + name)), None)
