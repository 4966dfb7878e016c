"""What was done already: an SQLite file beside the shards to be.

SQLite makes a committed row survive a killed process or machine, and an uncommitted one vanish.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from facesdk.errors import InputError
from facesdk_training.preparation.cropping import CropOutcome

_TABLES = """
CREATE TABLE IF NOT EXISTS origin (fingerprint TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS photos (
    number INTEGER PRIMARY KEY, reason TEXT NOT NULL, detail TEXT NOT NULL,
    sha256 BLOB NOT NULL, perceptual BLOB NOT NULL, crop BLOB NOT NULL);
"""


class CropStore:
    """Outcomes by the number of the photo.

    Args:
        path: The file; made where it is missing.
        fingerprint: Names the photos and the settings; outcomes of others are refused.

    Every method raises InputError where the file is damaged.

    Raises:
        InputError: The file is not such a store, holds the outcomes of other photos or settings,
            or cannot be written.
    """

    def __init__(self, path: Path, fingerprint: str) -> None:
        self._path = path
        try:
            self._database = sqlite3.connect(path)
            self._database.executescript(_TABLES)
            row = self._database.execute("SELECT fingerprint FROM origin").fetchone()
            if row is None:
                with self._database:
                    self._database.execute("INSERT INTO origin VALUES (?)", (fingerprint,))
        except sqlite3.Error as error:
            raise InputError(f"cannot use {path}: {error}; delete it to start again") from None
        if row is not None and row[0] != fingerprint:
            self._database.close()
            raise InputError(
                f"{path} was begun with other photos or options: give the same ones, or delete it "
                "to start again"
            )

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def numbers(self) -> set[int]:
        """The photos that were done."""
        return {number for (number,) in self._read("SELECT number FROM photos")}

    def add(self, outcomes: Iterable[tuple[int, CropOutcome]]) -> None:
        """Save outcomes; when this returns they are on the disk.

        Raises:
            InputError: The file cannot be written, as on a full disk.
        """
        rows = [(n, o.reason, o.detail, o.sha256, o.perceptual, o.crop) for n, o in outcomes]
        try:
            with self._database:
                self._database.executemany("INSERT INTO photos VALUES (?, ?, ?, ?, ?, ?)", rows)
        except sqlite3.Error as error:
            raise InputError(f"cannot write {self._path}: {error}") from None

    def outcomes(self) -> dict[int, CropOutcome]:
        """Every outcome by the number of its photo, without the crops."""
        columns = "number, reason, detail, sha256, perceptual"
        rows = self._read(f"SELECT {columns} FROM photos ORDER BY number")
        return {number: CropOutcome(*rest) for number, *rest in rows}

    def crop(self, number: int) -> bytes:
        """The encoded crop of a photo."""
        ((crop,),) = self._read("SELECT crop FROM photos WHERE number = ?", number)
        return bytes(crop)

    def _read(self, query: str, *values: int) -> list[tuple[Any, ...]]:
        try:
            return self._database.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise InputError(
                f"cannot read {self._path}: {error}; delete it to start again"
            ) from None
