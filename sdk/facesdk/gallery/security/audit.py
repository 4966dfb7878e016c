"""The audit log of a gallery: what was changed and when, without anything that tells a face.

Each record is chained to the one before by an HMAC-SHA256 (RFC 2104) with a key that is sealed in
the gallery, so that no record can be changed, removed from the middle or added without that key.
The log is kept twice: in the database, written with the change in one transaction, and in a file
beside it. A database whose last transactions are gone is sound to SQLite and to the ciphers; the
file knows more than it, and that is how it is noticed.

Records name people by their random id only, so nothing has to be removed from the log when somebody
is forgotten.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from facesdk.errors import GalleryError

_TAIL = 1 << 16


@dataclass(frozen=True, slots=True)
class Entry:
    """A record of the log.

    Attributes:
        seq: Its number, from 1 without gaps.
        record: A JSON object: ``at`` (UTC), ``what``, ``total`` (templates in the gallery
            afterwards), ``added`` (id of the person by id of the template) and ``removed`` (ids of
            templates) where there are some, and further facts.
        mac: 32 bytes.
    """

    seq: int
    record: str
    mac: bytes

    @property
    def fields(self) -> dict[str, Any]:
        """The record as a dictionary.

        Raises:
            GalleryError: It is not the record of an audit log.
        """
        try:
            found = json.loads(self.record)
        except ValueError:
            found = None
        if not isinstance(found, dict) or not isinstance(found.get("total"), int):
            raise GalleryError(f"record {self.seq} of the audit log is damaged")
        return found


class Chain:
    """Makes and checks the records of one gallery.

    Args:
        key: 32 random bytes.
        gallery: The gallery's id.
    """

    def __init__(self, key: bytes, gallery: str) -> None:
        self._key = key
        self._start = self._mac(b"", f"facesdk-gallery-audit-1 {gallery}")

    def next(self, last: Entry | None, fields: Mapping[str, Any]) -> Entry:
        """The record that follows the last one.

        Args:
            last: The last one; None for the first.
            fields: What happened; the time is added.
        """
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        record = json.dumps({"at": now, **fields}, separators=(",", ":"))
        before = self._start if last is None else last.mac
        return Entry(1 if last is None else last.seq + 1, record, self._mac(before, record))

    def check(self, entries: Iterable[Entry], before: Entry | None = None) -> Iterator[Entry]:
        """The same records, each after it was checked.

        Args:
            entries: Records without gaps.
            before: The record before the first of them; None for the start of the log.

        Raises:
            GalleryError: A record is missing, was changed, or is of another gallery.
        """
        last = before
        for entry in entries:
            if entry.seq != (1 if last is None else last.seq + 1):
                missing = 1 if last is None else last.seq + 1
                raise GalleryError(f"record {missing} of the audit log is missing")
            mac = self._mac(self._start if last is None else last.mac, entry.record)
            if not hmac.compare_digest(mac, entry.mac):
                raise GalleryError(
                    f"record {entry.seq} of the audit log was changed, or is of another gallery"
                )
            yield entry
            last = entry

    def _mac(self, before: bytes, record: str) -> bytes:
        return hmac.digest(self._key, before + record.encode(), hashlib.sha256)


class AuditFile:
    """The log's file: a line for each record, its number, its MAC in hexadecimal, its JSON.

    It is not flushed to the disk with each record: after a power failure it may lack its last
    ones, which the database has and which are added when it is opened next.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Alone among the programs that write the file, which is made if it is missing.

        Raises:
            GalleryError: It cannot be opened.
        """
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise GalleryError(f"cannot write {self.path}: {error.strerror}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def last(self) -> Entry | None:
        """Its last record; None where it has none, or is not there.

        Raises:
            GalleryError: It cannot be read, or is not an audit log.
        """
        try:
            with self.path.open("rb") as stream:
                size = stream.seek(0, os.SEEK_END)
                stream.seek(max(0, size - _TAIL))
                tail = stream.read()
                if tail.count(b"\n") < 2 and size > _TAIL:  # a record of many templates
                    stream.seek(0)
                    tail = stream.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise GalleryError(f"cannot read {self.path}: {error.strerror}") from None
        lines = tail.split(b"\n")[:-1]
        return self._parsed(lines[-1]) if lines else None

    def entries(self) -> list[Entry]:
        """All records; half a line at the end, which a crash left, is none.

        Raises:
            GalleryError: It cannot be read, or is not an audit log.
        """
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise GalleryError(f"cannot read {self.path}: {error.strerror}") from None
        return [self._parsed(line) for line in content.split(b"\n")[:-1]]

    def append(self, entries: Sequence[Entry]) -> None:
        """Add records, while the file is locked; half a line at the end is removed before.

        Raises:
            GalleryError: It cannot be written.
        """
        try:
            with self.path.open("r+b") as stream:
                end = self._whole(stream.fileno())
                stream.truncate(end)
                stream.seek(end)
                stream.write(b"".join(map(_line, entries)))
        except OSError as error:
            raise GalleryError(f"cannot write {self.path}: {error.strerror}") from None

    def _whole(self, descriptor: int) -> int:
        """Where the last whole line ends."""
        end = os.fstat(descriptor).st_size
        while end > 0:
            start = max(0, end - _TAIL)
            found = os.pread(descriptor, end - start, start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
        return 0

    def _parsed(self, line: bytes) -> Entry:
        try:
            seq, mac, record = line.decode().split(" ", 2)
            return Entry(int(seq), record, bytes.fromhex(mac))
        except ValueError:
            raise GalleryError(f"{self.path} is damaged, or is no audit log") from None


def replay(entries: Iterable[Entry]) -> dict[int, str]:
    """The person of each template that is there after some records, by the template's id.

    Args:
        entries: All records, from the first.

    Raises:
        GalleryError: A record is damaged.
    """
    there: dict[int, str] = {}
    for entry in entries:
        fields = entry.fields
        for template, person in fields.get("added", {}).items():
            there[int(template)] = person
        for template in fields.get("removed", ()):
            there.pop(template, None)
    return there


def _line(entry: Entry) -> bytes:
    return f"{entry.seq} {entry.mac.hex()} {entry.record}\n".encode()
