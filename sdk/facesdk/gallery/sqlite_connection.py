"""A connection to a gallery's SQLite file, and its errors in our words."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from facesdk.errors import GalleryError
from facesdk.gallery.sqlite_layout import APPLICATION_ID, SCHEMA

BUSY_SECONDS = 10.0
"""How long a program waits for another that writes."""


def connect(path: Path) -> sqlite3.Connection:
    """Open a gallery's file.

    Raises:
        GalleryError: It is no gallery, or one of another version.
    """
    with reporting(path):
        base = sqlite3.connect(
            f"file:{quote(os.fsencode(path.absolute()))}?mode=rw",
            uri=True,
            isolation_level=None,
            timeout=BUSY_SECONDS,
            check_same_thread=False,
        )
        try:
            _require_gallery(base, path)
            # The first two are of the file; the others of the connection, so set at each opening.
            base.execute("PRAGMA journal_mode=WAL")
            base.execute("PRAGMA synchronous=FULL")
            base.execute("PRAGMA secure_delete=ON")
            base.execute("PRAGMA trusted_schema=OFF")
        except BaseException:
            base.close()
            raise
    return base


@contextmanager
def reporting(path: Path) -> Iterator[None]:
    """SQLite's errors as :class:`GalleryError`, in a line that names the file."""
    try:
        yield
    except sqlite3.Error as error:
        reason = str(error)
        if "not a database" in reason:
            raise GalleryError(f"{path} is not a gallery: it is no SQLite database") from None
        if "locked" in reason:
            raise GalleryError(
                f"gallery {path} is busy: another program has been writing for {BUSY_SECONDS:g} s"
            ) from None
        raise GalleryError(f"gallery {path} cannot be used: {reason}") from None


def _require_gallery(base: sqlite3.Connection, path: Path) -> None:
    application = base.execute("PRAGMA application_id").fetchone()[0]
    version = base.execute("PRAGMA user_version").fetchone()[0]
    if application != APPLICATION_ID:
        raise GalleryError(
            f"{path} is not a gallery" + ": it is empty" * (path.stat().st_size == 0)
        )
    if version > SCHEMA:
        raise GalleryError(
            f"gallery {path} was made by a newer facesdk (schema {version}, this one reads "
            f"{SCHEMA}): update facesdk"
        )
    if version < SCHEMA:
        raise GalleryError(
            f"gallery {path} has the older schema {version}, and this facesdk reads {SCHEMA}: "
            "export it with the facesdk that made it, and import it into a new gallery"
        )
