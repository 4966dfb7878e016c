"""The one rule for what is a photo in a folder or a zip file.

Everything below it is looked at, but for what is hidden (a name that begins with a dot) or what a
file system, a NAS or a packer keeps there for itself. Linked folders are followed, each once. What
is no photo by its ending is left out as well. Whatever is left out is returned with the reason.
"""

from __future__ import annotations

import glob
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from facesdk.errors import InputError
from facesdk.files import require_regular
from facesdk.images import formats

_SYSTEM_NAMES = frozenset(
    (
        *("@eadir", "@tmp", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "@__thumb"),
        *("$recycle.bin", "recycler", "recycled", "system volume information", "found.000"),
        *("trashbox", "network trash folder", "temporary items"),
        *("__macosx", "lost+found", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"),
    )
)
"""Names, in lower case, that Synology, QNAP, Windows, macOS and Linux give to their own things."""

_HIDDEN = "hidden, or a system's own"
_NO_PHOTO = "no photo by its ending"


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """A file that is taken for a photo.

    Attributes:
        source: Path inside the folder or zip, with ``/``; unique.
        member: Its name in the zip, or the path of the file.
        stamp: Changes when the file does: its size and checksum or time of modification.
    """

    source: str
    member: str
    stamp: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file or folder that is not used.

    Attributes:
        source: Path inside the folder or zip, with ``/``; a folder's ends with ``/``.
        reason: Why, in a few words that follow the name and a colon.
    """

    source: str
    reason: str

    @property
    def kind(self) -> str:
        """What it is counted with: an ending in lower case where that decided, else the reason."""
        if self.reason != _NO_PHOTO:
            return self.reason
        return PurePosixPath(self.source).suffix.lower() or "no ending"


def photo_files(path: str | os.PathLike[str]) -> tuple[list[PhotoFile], list[LeftOut]]:
    """What lies in a folder or a zip file, each list in the order of ``source``.

    Raises:
        InputError: There is no such folder or zip.
    """
    path = Path(path)
    photos, left_out = [], []
    for row in _walk(path) if path.is_dir() else _members(path):
        if isinstance(row, PhotoFile):
            photos.append(row)
        else:
            left_out.append(row)
    key = lambda row: row.source  # noqa: E731
    return sorted(photos, key=key), sorted(left_out, key=key)


def photos_at(place: str | os.PathLike[str]) -> tuple[list[Path], list[LeftOut]] | None:
    """The photos in a folder, or the files that a pattern such as ``album/*.jpg`` names.

    Args:
        place: A folder, with all folders in it; or a pattern of :mod:`glob`, where ``**`` stands
            for any number of folders. What exists is no pattern, whatever its name.

    Returns:
        The photos in the order of their names, and what lies in the folder beside them; None if
        ``place`` is neither, so perhaps a single photo.

    Raises:
        InputError: There is no photo in the folder, or no file of that pattern.
    """
    path = Path(place)
    if os.path.isdir(path):  # unlike Path.is_dir(), for a name that is too long as well
        files, left_out = photo_files(path)
        if not files:
            raise InputError(f"{path} is a directory without photos")
        return [Path(file.member) for file in files], left_out
    if not glob.has_magic(str(path)) or os.path.lexists(path):
        return None
    found = [Path(name) for name in sorted(glob.glob(str(path), recursive=True))]
    if not any(name.is_file() for name in found):
        raise InputError(f"no file matches {path}: check the pattern")
    return [name for name in found if name.is_file()], []


def _walk(top: Path) -> Iterator[PhotoFile | LeftOut]:
    """Folders first and links to folders afterwards, so that a link never hides the folder."""
    seen: set[str] = set()
    folders, links = [top], list[Path]()
    while folders or links:
        folder = folders.pop() if folders else links.pop(0)
        name = "" if folder == top else folder.relative_to(top).as_posix() + "/"
        real = os.path.realpath(folder)
        if real in seen:
            yield LeftOut(name, "a link to a folder that is in it already")
            continue
        seen.add(real)
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            if folder == top:
                raise InputError(f"cannot read the photos {top}: {error.strerror}") from None
            yield LeftOut(name, f"cannot be read ({error.strerror})")
            continue
        for entry in entries:
            is_folder = os.path.isdir(entry)
            if _is_hidden(entry.name):
                yield LeftOut(name + entry.name + "/" * is_folder, _HIDDEN)
            elif is_folder:
                (links if entry.is_symlink() else folders).append(folder / entry.name)
            else:
                yield _file(entry, name + entry.name)


def _file(entry: os.DirEntry[str], source: str) -> PhotoFile | LeftOut:
    if not _is_photo(source):
        return LeftOut(source, _NO_PHOTO)
    try:
        status = entry.stat()
    except OSError as error:
        return LeftOut(source, f"cannot be read ({error.strerror})")
    if not entry.is_file():
        return LeftOut(source, "not a regular file")
    return PhotoFile(source, entry.path, f"{status.st_size} {status.st_mtime_ns}")


def _members(path: Path) -> Iterator[PhotoFile | LeftOut]:
    try:
        require_regular(path)
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except OSError as error:
        raise InputError(f"cannot read the photos {path}: {error.strerror}") from None
    except (zipfile.BadZipFile, NotImplementedError, ValueError):
        raise InputError(f"{path} is neither a folder nor a zip file of photos") from None
    rows: dict[str, PhotoFile | LeftOut] = {}
    for entry in entries:
        parts = [part for part in _name(entry).split("/") if part not in ("", ".")]
        if not parts or _is_folder(entry):
            continue
        hidden = next((n for n, part in enumerate(parts) if _is_hidden(part)), None)
        source = "/".join(parts)
        if hidden is not None:
            source = "/".join(parts[: hidden + 1]) + "/" * (hidden + 1 < len(parts))
            rows[source] = LeftOut(source, _HIDDEN)
        elif not _is_photo(source):
            rows[source] = LeftOut(source, _NO_PHOTO)
        else:
            rows[source] = PhotoFile(source, entry.filename, f"{entry.file_size} {entry.CRC:08x}")
    yield from rows.values()


def _name(entry: zipfile.ZipInfo) -> str:
    """The name with ``/``, whatever a packer has written.

    Older Windows programs write backslashes; macOS writes UTF-8 without the flag that says so.
    """
    name = entry.filename
    if not entry.flag_bits & 0x800:
        try:
            name = name.encode("cp437").decode()
        except UnicodeError:
            name = entry.filename
    return name.replace("\\", "/")


def _is_folder(entry: zipfile.ZipInfo) -> bool:
    return entry.filename.endswith(("/", "\\"))


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in _SYSTEM_NAMES


def _is_photo(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in formats.endings()
