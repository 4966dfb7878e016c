"""Photos of people: a folder for each person, in a folder or a zip file."""

from __future__ import annotations

import hashlib
import os
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from facesdk.errors import InputError
from facesdk.files import read_regular, require_regular

ENDINGS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".ppm"})
"""Endings, in lower case, of the files that are taken for photos."""


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
        photos: At least one.
        aligned: Whether they are aligned crops already.
    """

    photos: tuple[Photo, ...]
    aligned: bool

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
            return self._archives[photo.archive].read(photo.member)
        except OSError as error:
            raise InputError(f"{photo.where} cannot be read ({error.strerror})") from None
        except (RuntimeError, KeyError, NotImplementedError, zlib.error, zipfile.BadZipFile) as e:
            raise InputError(f"{photo.where} cannot be read ({e})") from None


def open_photos(path: str | os.PathLike[str], *, aligned: bool = False) -> PhotoSource:
    """List the photos of a folder or a zip file that has a folder for each person.

    That is CASIA-WebFace's and LFW's layout. The person's name is that folder's path below the
    deepest folder that holds everybody; photos in that folder itself are unlabelled.

    Args:
        path: The folder or the zip file.
        aligned: Whether it holds aligned crops.

    Raises:
        InputError: There is no such folder or zip, or it has no photo.
    """
    found = list_photos(path)
    if not found:
        raise InputError(f"{path} has no photo ({', '.join(sorted(ENDINGS))}) in it")
    return PhotoSource(_labelled(found), aligned)


def list_photos(path: str | os.PathLike[str]) -> list[Photo]:
    """The photos anywhere in a folder or a zip file, unlabelled, in the order of their ``source``.

    Raises:
        InputError: There is no such folder or zip.
    """
    path = Path(path)
    return sorted(_files(path) if path.is_dir() else _members(path), key=lambda row: row.source)


def _files(folder: Path) -> Iterator[Photo]:
    for parent, _, names in os.walk(folder):
        for name in names:
            file = Path(parent, name)
            if _is_photo(name) and file.is_file():
                status = file.stat()
                yield Photo(
                    file.relative_to(folder).as_posix(),
                    "",
                    "",
                    str(file),
                    f"{status.st_size} {status.st_mtime_ns}",
                )


def _members(path: Path) -> Iterator[Photo]:
    try:
        require_regular(path)
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except OSError as error:
        raise InputError(f"cannot read the photos {path}: {error.strerror}") from None
    except zipfile.BadZipFile:
        raise InputError(f"{path} is neither a folder nor a zip file of photos") from None
    for entry in entries:
        if _is_photo(PurePosixPath(entry.filename).name):
            yield Photo(
                entry.filename, "", str(path), entry.filename, f"{entry.file_size} {entry.CRC:08x}"
            )


def _is_photo(name: str) -> bool:
    return not name.startswith(".") and PurePosixPath(name).suffix.lower() in ENDINGS


def _labelled(photos: Sequence[Photo]) -> tuple[Photo, ...]:
    """The photos with the name of the folder they lie in, and without the path to all of them."""
    parents = {photo.source.rpartition("/")[0] for photo in photos}
    common = os.path.commonpath(parents) if "" not in parents else ""
    if parents == {common}:
        common = common.rpartition("/")[0]
    start = len(common) + 1 if common else 0
    rows = (replace(photo, source=photo.source[start:]) for photo in photos)
    return tuple(replace(row, identity=row.source.rpartition("/")[0]) for row in rows)
