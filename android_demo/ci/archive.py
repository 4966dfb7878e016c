"""Zip files whose bytes depend on their content alone, with files aligned as Android maps them."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PAGE = 16384
"""Bytes of a memory page on the newest phones; libraries lie at multiples of it."""
_WORD = 4
_ALIGNMENT_FIELD = 0xD935  # of Android's zipalign and apksigner: says the alignment, and pads
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of an archive.

    Attributes:
        name: Path in the archive.
        data: Content.
        stored: Whether it is not compressed, so that it can be mapped where it lies.
    """

    name: str
    data: bytes
    stored: bool = False


def write(target: Path, entries: Iterable[Entry]) -> None:
    """Write an archive in the order given: no time, owner or path of this machine gets into it.

    Stored libraries (``.so``) begin at multiples of 16 KiB, other stored files at multiples of 4.
    """
    with zipfile.ZipFile(target, "w") as archive:
        for entry in entries:
            info = zipfile.ZipInfo(entry.name, _EPOCH)
            info.create_system = 0  # else the host's; with it the file's mode
            info.external_attr = 0
            info.compress_type = zipfile.ZIP_STORED if entry.stored else zipfile.ZIP_DEFLATED
            if entry.stored:
                alignment = PAGE if entry.name.endswith(".so") else _WORD
                info.extra = _padding(archive.start_dir, entry.name, alignment)
            archive.writestr(info, entry.data, compresslevel=9)


def _padding(offset: int, name: str, alignment: int) -> bytes:
    """The extra field with which a file's data begins at a multiple of the alignment."""
    fixed = offset + 30 + len(name.encode()) + 6
    zeros = -fixed % alignment
    return struct.pack("<HHH", _ALIGNMENT_FIELD, 2 + zeros, alignment) + bytes(zeros)


def read(path: Path) -> tuple[Entry, ...]:
    """The files of an archive, in its order; folders are left out."""
    with zipfile.ZipFile(path) as archive:
        return tuple(
            Entry(info.filename, archive.read(info), info.compress_type == zipfile.ZIP_STORED)
            for info in archive.infolist()
            if not info.is_dir()
        )


def from_folder(folder: Path, prefix: str = "") -> tuple[Entry, ...]:
    """The files of a folder, sorted by name."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return tuple(
        Entry(prefix + path.relative_to(folder).as_posix(), path.read_bytes()) for path in files
    )


def data_offset(path: Path, info: zipfile.ZipInfo) -> int:
    """Where the data of a file begin in an archive."""
    with path.open("rb") as stream:
        stream.seek(info.header_offset + 26)
        name, extra = struct.unpack("<HH", stream.read(4))
    return info.header_offset + 30 + int(name) + int(extra)
