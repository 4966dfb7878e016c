"""What a gallery's SQLite file holds, and the files that belong to it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from facesdk.errors import GalleryError
from facesdk.gallery.security.encryption import AES_256_GCM, Sealed
from facesdk.results import FloatArray

SCHEMA = 1
"""Version of the tables, in SQLite's ``user_version``."""

APPLICATION_ID = 0x66736B67
"""What makes a SQLite file a gallery ("fskg"), in SQLite's ``application_id``."""

PURPOSE = "facesdk gallery 1"
"""What is authenticated with all that is sealed in a gallery of this layout."""

TABLES = """
CREATE TABLE about(name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
CREATE TABLE template(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  person TEXT NOT NULL, name TEXT NOT NULL, model TEXT NOT NULL,
  created INTEGER NOT NULL, expires INTEGER, quality REAL NOT NULL, photo BLOB,
  algorithm INTEGER NOT NULL, nonce BLOB NOT NULL, sealed BLOB NOT NULL
);
CREATE INDEX template_of_photo ON template(photo) WHERE photo IS NOT NULL;
CREATE TABLE audit(seq INTEGER PRIMARY KEY, record TEXT NOT NULL, mac BLOB NOT NULL);
"""
COLUMNS = "id, person, name, model, created, expires, quality, photo, algorithm, nonce, sealed"

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_SECOND = timedelta(seconds=1)
_FIRST, _LAST = -62_135_596_800, 253_402_300_799
"""The first and the last second of the calendar, the years 1 to 9999."""


@dataclass(frozen=True, slots=True)
class About:
    """What a gallery says about itself.

    Attributes:
        gallery: Its id, 16 hexadecimal digits.
        model_id: SHA-256 (hex) of the model whose embeddings it holds.
        contract: The model's contract as JSON.
        audit_key: The key of the audit log, sealed with the gallery's key.
    """

    gallery: str
    model_id: str
    contract: str
    audit_key: Sealed

    @property
    def bound(self) -> tuple[object, ...]:
        """What is authenticated together with the audit log's key."""
        return (PURPOSE, self.gallery, self.model_id, self.contract)

    def bound_to(self, row: Row, model: object = None) -> tuple[object, ...]:
        """What is authenticated together with a template.

        Args:
            row: The template; its vector does not count.
            model: What the file has for its model; None for this gallery's.
        """
        return (
            PURPOSE,
            self.gallery,
            self.model_id if model is None else model,
            row.id,
            row.person,
            row.name,
            row.created,
            row.expires,
            row.quality,
            row.photo.hex() if isinstance(row.photo, bytes) else row.photo,
        )


@dataclass(frozen=True, slots=True)
class Row:
    """A template with its numbers.

    Attributes:
        id: The template's number.
        person: Id of the person.
        name: Name of the person.
        created: Seconds since 1970 (UTC).
        expires: The same; None for never.
        quality: 0 to 1.
        photo: The mark of the photo; None where there is none.
        vector: float32 ``(dim,)``.
    """

    id: int
    person: str
    name: str
    created: int
    expires: int | None
    quality: float
    photo: bytes | None
    vector: FloatArray


def seconds_of(moment: datetime) -> int:
    """A moment as a row has it: in whole seconds since 1970 (UTC)."""
    return (moment - _EPOCH) // _SECOND


def moment_of(seconds: float) -> datetime:
    """The moment of a row's number; the calendar's first or last second for one beyond it.

    Files of before may hold numbers that are up to a day beyond it.
    """
    return _EPOCH + min(max(seconds, _FIRST), _LAST) * _SECOND


def audit_path(path: Path) -> Path:
    """The file of the audit log of a gallery's file."""
    return path.with_name(f"{path.name}.audit")


def sqlite_files(path: Path) -> list[Path]:
    """A database and what SQLite writes beside it."""
    return [path.with_name(path.name + rest) for rest in ("", "-wal", "-shm", "-journal")]


def read_about(base: sqlite3.Connection, path: Path) -> About:
    """The description that the file of this path has.

    Raises:
        GalleryError: Something of it is missing.
    """
    found = dict(base.execute("SELECT name, value FROM about"))
    try:
        sealed = Sealed(found["key_algorithm"], found["key_nonce"], found["key_data"])
        return About(found["gallery"], found["model_id"], found["contract"], sealed)
    except KeyError as error:
        raise GalleryError(f"gallery {path} is damaged: it has no {error}") from None


def write_about(base: sqlite3.Connection, about: About) -> None:
    """Store the description; in a transaction."""
    values = {
        "gallery": about.gallery,
        "model_id": about.model_id,
        "contract": about.contract,
        "key_algorithm": AES_256_GCM,
        "key_nonce": about.audit_key.nonce,
        "key_data": about.audit_key.data,
    }
    base.executemany("INSERT OR REPLACE INTO about VALUES(?,?)", values.items())
