"""Where photos come from: a folder or a zip by identity, or a folder of aligned crops."""

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
from facesdk_training.data import MANIFEST, read_manifest

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
            InputError: It cannot be read.
        """
        try:
            if not photo.archive:
                return read_regular(photo.member)
            if photo.archive not in self._archives:
                self._archives[photo.archive] = zipfile.ZipFile(photo.archive)
            return self._archives[photo.archive].read(photo.member)
        except OSError as error:
            raise InputError(f"cannot be read ({error.strerror})") from None
        except (RuntimeError, KeyError, NotImplementedError, zlib.error, zipfile.BadZipFile) as e:
            raise InputError(f"cannot be read ({e})") from None


def open_source(path: str | os.PathLike[str], *, aligned: bool = False) -> PhotoSource:
    """List the photos of a source.

    - A folder with ``manifest.csv`` holds aligned crops, as :mod:`facesdk_training.data` says.
    - Any other folder, and a zip file, has a folder for each person (CASIA-WebFace's and LFW's
      layout). The person's name is that folder's path below the deepest folder that holds
      everybody; photos in that folder itself are unlabelled.

    Args:
        path: The folder or the zip file.
        aligned: Whether a folder of persons holds aligned crops.

    Raises:
        InputError: There is no such source, or it has no photo.
    """
    path = Path(path)
    if (path / MANIFEST).is_file():
        return _manifest_source(path)
    found = sorted(_files(path) if path.is_dir() else _members(path), key=lambda row: row.source)
    if not found:
        raise InputError(f"{path} has no photo ({', '.join(sorted(ENDINGS))}) in it")
    return PhotoSource(_labelled(found), aligned)


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


def _manifest_source(folder: Path) -> PhotoSource:
    records = read_manifest(folder / MANIFEST)
    stamps: dict[str, dict[str, str]] = {}
    for name in sorted({record.set for record in records}):
        stamps[name] = {photo.member: photo.stamp for photo in _members(folder / f"{name}.zip")}
    photos = {}
    for record in records:
        if record.file not in stamps[record.set]:
            raise InputError(
                f"{folder / MANIFEST} names {record.file}, which is no image in {record.set}.zip"
            )
        source = f"{record.set}/{record.file}"
        photos[source] = Photo(
            source,
            f"{record.set}/{record.identity}" if record.identity else "",
            str(folder / f"{record.set}.zip"),
            record.file,
            stamps[record.set][record.file],
            record.cos_to_identity,
        )
    if len(photos) != len(records) or not records:
        raise InputError(f"{folder / MANIFEST} names an image twice, or none")
    return PhotoSource(tuple(photos[name] for name in sorted(photos)), aligned=True)
