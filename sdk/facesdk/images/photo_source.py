"""Photos of people: a folder for each person, in a folder or a zip file."""

from __future__ import annotations

import hashlib
import os
import unicodedata
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from facesdk.errors import InputError
from facesdk.files import read_regular
from facesdk.images import formats
from facesdk.images.photo_walk import LeftOut, photo_files

try:
    from lzma import LZMAError

    _OF_LZMA: tuple[type[Exception], ...] = (LZMAError,)
except ImportError:  # a Python that was built without it reads no such member
    _OF_LZMA = ()

MAX_FILE_BYTES = 1_000_000_000
"""Largest photo's file that is read from a zip: there, a small file can claim any size."""

ZIP_ERRORS: tuple[type[Exception], ...] = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    *_OF_LZMA,
)
"""What reading a member of a damaged zip file raises, beside :class:`OSError`."""


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo of a source.

    Attributes:
        source: Path inside the source, with ``/``; unique.
        identity: Name of the person; empty where unlabelled.
        archive: The zip it lies in; empty for a file.
        member: Its name in the zip, or the path of the file.
        stamp: Changes when the file does: its size and checksum or time of modification.
        cos_to_identity: Cosine to the mean embedding of its identity; None where it is not known.
    """

    source: str
    identity: str
    archive: str
    member: str
    stamp: str
    cos_to_identity: float | None = None

    @property
    def where(self) -> str:
        """What messages call it."""
        return f"{self.member} in {self.archive}" if self.archive else self.member


@dataclass(frozen=True, slots=True)
class PhotoSource:
    """All photos of a source, by their ``source``.

    Attributes:
        photos: In the order of their ``source``.
        aligned: Whether they are aligned crops already.
        left_out: What lies there and is not used.
    """

    photos: tuple[Photo, ...]
    aligned: bool
    left_out: tuple[LeftOut, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over names, labels and stamps."""
        text = hashlib.sha256()
        for photo in self.photos:
            fields = (photo.source, photo.identity, photo.stamp, repr(photo.cos_to_identity))
            text.update("\0".join((*fields, "")).encode(errors="surrogateescape"))
        return text.hexdigest()


class PhotoReader:
    """Reads photos; keeps the zip files it has opened."""

    def __init__(self) -> None:
        self._archives: dict[str, zipfile.ZipFile] = {}

    def read(self, photo: Photo) -> bytes:
        """The content of a photo's file.

        Raises:
            InputError: It cannot be read; the message names it.
        """
        try:
            if not photo.archive:
                return read_regular(photo.member)
            if photo.archive not in self._archives:
                self._archives[photo.archive] = zipfile.ZipFile(photo.archive)
            archive = self._archives[photo.archive]
            if archive.getinfo(photo.member).file_size > MAX_FILE_BYTES:
                raise InputError(
                    f"{photo.where} is larger than the limit of {MAX_FILE_BYTES / 1e9:g} GB"
                )
            return archive.read(photo.member)
        except OSError as error:
            raise InputError(f"{photo.where} cannot be read ({error.strerror})") from None
        except ZIP_ERRORS as error:
            raise InputError(f"{photo.where} cannot be read ({error})") from None


def open_photos(path: str | os.PathLike[str], *, aligned: bool = False) -> PhotoSource:
    """List the photos of a folder or a zip file that has a folder for each person.

    That is CASIA-WebFace's and LFW's layout. The person's name is that folder's path below the
    deepest folder that holds everybody, in Unicode's composed form (NFC); photos in that folder
    itself are unlabelled. What counts as a photo says :mod:`facesdk.images.photo_walk`.

    Args:
        path: The folder or the zip file.
        aligned: Whether it holds aligned crops.

    Raises:
        InputError: There is no such folder or zip, or it has no photo.
    """
    found = list_photos(path)
    if not found.photos:
        kinds = Counter(row.kind for row in found.left_out)
        seen = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
        raise InputError(
            f"{path} has no photo ({', '.join(sorted(formats.endings()))}) in it"
            + f", but {seen}" * bool(seen)
        )
    return replace(found, photos=_labelled(found.photos), aligned=aligned)


def list_photos(path: str | os.PathLike[str]) -> PhotoSource:
    """The photos anywhere in a folder or a zip file, unlabelled, in the order of their ``source``.

    Raises:
        InputError: There is no such folder or zip.
    """
    path = Path(path)
    archive = "" if path.is_dir() else str(path)
    files, left_out = photo_files(path)
    photos = (Photo(file.source, "", archive, file.member, file.stamp) for file in files)
    return PhotoSource(tuple(photos), False, tuple(left_out))


def _labelled(photos: Sequence[Photo]) -> tuple[Photo, ...]:
    """The photos with the name of the folder they lie in, and without the path to all of them."""
    parents = {photo.source.rpartition("/")[0] for photo in photos}
    common = os.path.commonpath(parents) if "" not in parents else ""
    if parents == {common}:
        common = common.rpartition("/")[0]
    start = len(common) + 1 if common else 0
    rows = (replace(photo, source=photo.source[start:]) for photo in photos)
    return tuple(
        replace(row, identity=unicodedata.normalize("NFC", row.source.rpartition("/")[0]))
        for row in rows
    )
