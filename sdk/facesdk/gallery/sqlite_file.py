"""The SQLite file of a gallery: its transactions, its rows sealed and opened.

SQLite keeps each committed transaction through a crash of the program, and with write-ahead logging
and ``synchronous=FULL`` through a power failure. Files have mode 0600; what is deleted is
overwritten (``secure_delete``).
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from facesdk.errors import ContractError, GalleryError, InputError
from facesdk.files import is_address
from facesdk.gallery.opened_files import OpenedFiles
from facesdk.gallery.security.audit import AuditFile, Chain, Entry
from facesdk.gallery.security.encryption import Cipher, Sealed, TamperedError
from facesdk.gallery.security.keys import KeyStore
from facesdk.gallery.sqlite_connection import BUSY_SECONDS, connect, reporting
from facesdk.gallery.sqlite_creation import create
from facesdk.gallery.sqlite_layout import (
    COLUMNS,
    About,
    Row,
    audit_path,
    read_about,
    sqlite_files,
    write_about,
)
from facesdk.gallery.values import mark
from facesdk.models.contract import Contract

READER_SECONDS = 2.0
"""How long what was deleted waits for programs that read, to leave the files."""


class GalleryFile:
    """An open file of a gallery; one thread at a time may use it.

    Made by :meth:`create` and :meth:`open`.
    """

    def __init__(self, path: Path, base: sqlite3.Connection, keys: KeyStore) -> None:
        self.path = _followed(path)
        self.keys = keys
        self.audit_file = AuditFile(audit_path(self.path))
        self._base = base
        self._process = os.getpid()
        with self.reporting():
            self.about = read_about(self._base, self.path)
        self._opened_files = OpenedFiles()
        # A link that leads elsewhere later counts, too; SQLite's other files exist since the read.
        self._opened_files.note(path, *sqlite_files(self.path))
        self.contract = _contract(self.about, self.path)
        self._unlock()

    @classmethod
    def create(cls, path: Path, model_id: str, contract: Contract, keys: KeyStore) -> GalleryFile:
        """Make an empty gallery, and a key for it, and open it.

        Errors as of :func:`~facesdk.gallery.sqlite_creation.create` and :meth:`open`.
        """
        create(_followed(path), model_id, contract, keys)
        return cls.open(path, keys)

    @classmethod
    def open(cls, path: Path, keys: KeyStore) -> GalleryFile:
        """Open a gallery.

        Raises:
            GalleryError: It is missing, is no gallery, is of another version, or its key is not in
                ``keys``.
            InputError: It is an address.
        """
        file = _followed(path)
        if file.is_dir():
            raise GalleryError(f"{file} is a folder: a gallery is a file")
        if not file.is_file():
            raise GalleryError(
                f"gallery {file} does not exist: `facesdk enrol NAME PHOTO... --gallery {file}` "
                "makes it"
            )
        base = connect(file)
        try:
            return cls(path, base, keys)
        except BaseException:
            base.close()
            raise

    @property
    def files(self) -> tuple[Path, ...]:
        """The database and what SQLite writes beside it, the audit log, and the file of keys."""
        keys = () if self.keys.file is None else (self.keys.file,)
        return (*sqlite_files(self.path), self.audit_file.path, *keys)

    def close(self) -> None:
        """Close the file."""
        if self._process == os.getpid():
            with self.reporting():
                self._base.close()

    @contextmanager
    def reporting(self) -> Iterator[None]:
        """SQLite's errors as :class:`GalleryError`, in a line that names the file."""
        with reporting(self.path):
            yield

    @contextmanager
    def reading(self) -> Iterator[None]:
        """One state of the file for all that is read in the block.

        Raises:
            GalleryError: A file of the gallery was removed or replaced since it was opened.
        """
        self._require_usable()
        with self.reporting(), self._transaction("BEGIN"):
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A transaction: all that is done in the block is kept, or nothing of it.

        When the block has ended without an error, the changes are on the disk. Other programs wait,
        and are waited for.

        Raises:
            GalleryError: A file of the gallery was removed or replaced since it was opened.
        """
        self._require_process()
        with self.reporting(), self._transaction("BEGIN IMMEDIATE"):
            self._require_usable()
            yield
            self._require_usable()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[None]:
        self._base.execute(begin)
        try:
            yield
            self._base.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._base.execute("ROLLBACK")
            raise

    def data_version(self) -> int:
        """A number that changes when another connection has changed the file."""
        self._require_usable()
        with self.reporting():
            found: int = self._base.execute("PRAGMA data_version").fetchone()[0]
        return found

    def refresh_key(self) -> None:
        """Take the new key where another program has changed it; in a transaction."""
        about = read_about(self._base, self.path)
        if about != self.about:
            self.about = about
            self._unlock()

    def mark(self, digest: bytes) -> bytes:
        """See :class:`~facesdk.gallery.gallery.Gallery`."""
        return mark(self._audit_key, digest)

    def holds(self, mark: bytes) -> bool:
        """Whether a photo of this mark is enrolled, and has not expired."""
        query = (
            "SELECT 1 FROM template WHERE photo = ? AND (expires IS NULL OR expires > ?) LIMIT 1"
        )
        self._require_usable()
        with self.reporting():
            return self._base.execute(query, (mark, time.time())).fetchone() is not None

    def count(self) -> int:
        """Number of templates."""
        found: int = self._base.execute("SELECT count(*) FROM template").fetchone()[0]
        return found

    def ids(self) -> list[int]:
        """The templates' numbers, rising."""
        return [row[0] for row in self._base.execute("SELECT id FROM template ORDER BY id")]

    def rows(self, first: int = 0) -> Iterator[Row]:
        """The templates from a number on, each opened, by their numbers.

        Raises:
            TamperedError: A template does not open, or is not one of this gallery.
        """
        query = f"SELECT {COLUMNS} FROM template WHERE id >= ? ORDER BY id"
        for values in self._base.execute(query, (first,)):
            yield self._opened(values)

    def row(self, number: int) -> Row:
        """One template; errors as of :meth:`rows`."""
        query = f"SELECT {COLUMNS} FROM template WHERE id = ?"
        return self._opened(self._base.execute(query, (number,)).fetchone())

    def next_id(self) -> int:
        """The number of the next template; never one that was used before."""
        found = self._base.execute(
            "SELECT seq + 1 FROM sqlite_sequence WHERE name = 'template'"
        ).fetchone()
        return found[0] if found else 1

    def insert(self, row: Row) -> None:
        """Store a template, sealed."""
        sealed = self._cipher.seal(row.vector.astype("<f4").tobytes(), self.about.bound_to(row))
        self._base.execute(
            f"INSERT INTO template({COLUMNS}) VALUES(?,?,?,?,?,?,?,?,?,?,?)",
            (
                row.id,
                row.person,
                row.name,
                self.about.model_id,
                row.created,
                row.expires,
                row.quality,
                row.photo,
                sealed.algorithm,
                sealed.nonce,
                sealed.data,
            ),
        )

    def delete(self, ids: Iterable[int]) -> None:
        """Remove templates."""
        self._base.executemany("DELETE FROM template WHERE id = ?", ((number,) for number in ids))

    def log(
        self, what: str, *, added: Mapping[int, str] | None = None, removed: Sequence[int] = ()
    ) -> None:
        """Add a record to the audit log.

        Args:
            what: What was done, in a word or two.
            added: The person of each template that was stored, by the template's number.
            removed: The numbers of the templates that were removed.
        """
        last = self.last_entry()
        new = {str(number): person for number, person in (added or {}).items()}
        total = (last.fields["total"] if last else 0) + len(new) - len(removed)
        fields: dict[str, Any] = {"what": what}
        if new:
            fields["added"] = new
        if removed:
            fields["removed"] = list(removed)
        entry = self.chain.next(last, {**fields, "total": total})
        self._base.execute("INSERT INTO audit VALUES(?,?,?)", (entry.seq, entry.record, entry.mac))

    def restart_log(self, what: str, people: Mapping[int, str]) -> None:
        """Drop the records that are there, and begin a new audit log.

        Args:
            what: What was done.
            people: The person of each template that is there, by the template's number.
        """
        self._base.execute("DELETE FROM audit")
        self.log(what, added=people)

    def last_entry(self) -> Entry | None:
        """The last record of the audit log."""
        rows = self._entries("ORDER BY seq DESC LIMIT 1", ())
        return rows[0] if rows else None

    def entries(self, after: int = 0) -> list[Entry]:
        """The records of the audit log after a number."""
        return self._entries("WHERE seq > ? ORDER BY seq", (after,))

    def entry(self, seq: int) -> Entry | None:
        """One record of the audit log; None where there is none of that number."""
        rows = self._entries("WHERE seq = ?", (seq,))
        return rows[0] if rows else None

    def write_audit_file(self) -> None:
        """Give the audit log's file the records that it lacks.

        Raises:
            GalleryError: The file knows more than the database, or is another gallery's.
        """
        with self.audit_file.locked(), self.reading():
            known = self.audit_file.last()
            self._require_whole(known)
            missing = self.entries(known.seq if known else 0)
            if missing:
                self.audit_file.append(missing)
            self._opened_files.note(self.audit_file.path)

    def _require_whole(self, known: Entry | None) -> None:
        """Raise where the audit log's file knows of changes that the database has lost."""
        last = self.last_entry()
        if known is None:
            if last is not None and last.seq > 1:
                raise GalleryError(
                    f"{self.audit_file.path} is missing or empty: it belongs to {self.path}, and "
                    f"was removed or not copied; {self._remedy}"
                )
            return
        if last is None or known.seq > last.seq:
            lost = known.seq - (last.seq if last else 0)
            raise GalleryError(
                f"{self.path} has lost its last {lost} change(s), which its audit log knows: it "
                f"was damaged, copied without {self.path.name}-wal, or is an older copy; "
                f"{self._remedy}"
            )
        same = self.entry(known.seq)
        if same is None or same.mac != known.mac:
            raise GalleryError(
                f"{self.audit_file.path} is not the audit log of {self.path}; {self._remedy}"
            )

    @property
    def _remedy(self) -> str:
        return f"`facesdk gallery check --gallery {self.path}` says more"

    def checkpoint(self) -> bool:
        """Write the log into the file and empty it, so that what was deleted is gone.

        Returns:
            Whether that was done. It is not while another program reads or writes.
        """
        self._require_process()
        with self.reporting():
            self._base.execute(f"PRAGMA busy_timeout={int(1000 * READER_SECONDS)}")
            try:
                busy = self._base.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            finally:
                self._base.execute(f"PRAGMA busy_timeout={int(1000 * BUSY_SECONDS)}")
        return not busy

    def erase(self) -> bool:
        """Let what was deleted leave the file, and return its room; returns as `checkpoint`."""
        if not self.checkpoint():
            return False
        with self.reporting():
            self._base.execute("PRAGMA incremental_vacuum").fetchall()
        return self.checkpoint()

    def integrity(self) -> str:
        """What SQLite finds wrong with the file; empty for nothing."""
        with self.reporting():
            found: str = self._base.execute("PRAGMA integrity_check(1)").fetchone()[0]
        return "" if found == "ok" else found

    def reseal(self, cipher: Cipher, progress: Callable[[int], None]) -> int:
        """Seal every value with another key, in a transaction.

        Args:
            cipher: With the new key.
            progress: Told the number of templates done.

        Returns:
            The number of templates.
        """
        update = "UPDATE template SET algorithm = ?, nonce = ?, sealed = ? WHERE id = ?"
        done = 0
        for number in self.ids():
            row = self.row(number)
            new = cipher.seal(row.vector.astype("<f4").tobytes(), self.about.bound_to(row))
            self._base.execute(update, (new.algorithm, new.nonce, new.data, number))
            done += 1
            progress(done)
        sealed = cipher.seal(self._audit_key, self.about.bound)
        write_about(self._base, replace(self.about, audit_key=sealed))
        return done

    def _opened(self, values: Any) -> Row:
        number, person, name, model, created, expires, quality, photo, *sealed = values
        row = Row(number, person, name, created, expires, quality, photo, np.empty(0, np.float32))
        try:
            plain = self._cipher.open(Sealed(*sealed), self.about.bound_to(row, model))
        except TamperedError:
            raise TamperedError(
                f"template {number} of {self.path} does not open: it was changed, or put where "
                f"another was; {self._remedy}"
            ) from None
        return replace(row, vector=np.frombuffer(plain, "<f4"))

    def _unlock(self) -> None:
        """Find the key that opens the gallery."""
        found = self.keys.keys(self.about.gallery)
        if not found:
            raise GalleryError(
                f"{self.keys.where} has no key for {self.path} (gallery {self.about.gallery}): a "
                "copied gallery needs its key, or `facesdk export` and `facesdk import`"
            )
        for key in found:
            cipher = Cipher(key)
            with suppress(TamperedError):
                self._audit_key = cipher.open(self.about.audit_key, self.about.bound)
                self._cipher, self.key = cipher, key
                self.chain = Chain(self._audit_key, self.about.gallery)
                return
        raise GalleryError(
            f"the key in {self.keys.where} does not open {self.path}: it is another gallery's, or "
            "the gallery's description was changed"
        )

    def _entries(self, rest: str, values: tuple[Any, ...]) -> list[Entry]:
        rows = self._base.execute(f"SELECT seq, record, mac FROM audit {rest}", values)
        return [Entry(*row) for row in rows]

    def _require_usable(self) -> None:
        """Raise in a process that was forked, and where the files are not in their places."""
        self._require_process()
        displaced = self._opened_files.displaced()
        if displaced is not None:
            raise GalleryError(
                f"{displaced} was removed or replaced while gallery {self.path} was open, so that "
                "nothing can be stored in it: open the gallery again (restart the service)"
            )

    def _require_process(self) -> None:
        if self._process != os.getpid():
            raise GalleryError(
                f"gallery {self.path} was opened by the process that this one was forked from: "
                "open it again"
            )


def _followed(path: Path) -> Path:
    """Where a symbolic link leads: SQLite and the audit log write beside the file itself.

    Raises:
        InputError: It is an address, which may have a password in it.
    """
    if is_address(path):
        raise InputError(
            "a gallery in a file has a path, but got an address; that of a gallery on a server is "
            "postgresql://USER@HOST/DATABASE"
        )
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def _contract(about: About, path: Path) -> Contract:
    try:
        return Contract.from_json(about.contract.encode())
    except ContractError as error:
        raise GalleryError(f"gallery {path}: {error}") from None
