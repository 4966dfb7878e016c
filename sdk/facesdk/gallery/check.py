"""Is everything there that was enrolled, and nothing else? And what to do where it is not."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from facesdk.errors import GalleryError
from facesdk.gallery.security.audit import Entry, replay
from facesdk.gallery.security.encryption import TamperedError
from facesdk.gallery.security.keys import key_store
from facesdk.gallery.sqlite_file import GalleryFile
from facesdk.progress import Progress, unwatched

_MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Checkup:
    """What was found out about a gallery; true where it is whole.

    Attributes:
        gallery: Its id.
        model: Name of its model.
        templates: Number of templates that open.
        records: Number of records in the audit log.
        last_mac: The last record's MAC (hex): who notes it elsewhere can tell a gallery that was
            put back to an older state together with its audit log.
        keys: Number of keys that the key's place has for it; 1, or 2 after a crash while the key
            was changed.
        problems: What is wrong, a sentence for each.
    """

    gallery: str
    model: str
    templates: int
    records: int
    last_mac: str
    keys: int
    problems: tuple[str, ...]

    def __bool__(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        """The record that ``facesdk gallery check --json`` prints."""
        return {
            "gallery": self.gallery,
            "model": self.model,
            "templates": self.templates,
            "records": self.records,
            "last_mac": self.last_mac,
            "keys": self.keys,
            "problems": list(self.problems),
        }


def check(
    path: str | os.PathLike[str],
    *,
    key: str | os.PathLike[str] | None = None,
    progress: Progress = unwatched,
) -> Checkup:
    """Compare a gallery with its audit log, both of them, record by record and row by row.

    Args:
        path: The gallery's file.
        key: Where its key is; see :meth:`facesdk.gallery.sqlite.SqliteGallery.open`.
        progress: Told after each template.

    Raises:
        GalleryError: The gallery is missing, or does not open with the key.
    """
    file = GalleryFile.open(Path(path), key_store(key))
    try:
        return _checkup(file, progress)[0]
    finally:
        file.close()


def accept_loss(
    path: str | os.PathLike[str],
    *,
    key: str | os.PathLike[str] | None = None,
    progress: Progress = unwatched,
) -> Checkup:
    """Go on with what is there: remove templates that do not open, and begin a new audit log.

    The old log's file is kept beside the new one. Nothing is done to a gallery that is whole.

    Returns:
        What was found before, with its problems.

    Raises:
        GalleryError: The gallery is missing, does not open with the key, or cannot be written.
    """
    file = GalleryFile.open(Path(path), key_store(key))
    try:
        with file.writing():
            found, people, damaged = _checkup(file, progress)
            if found:
                return found
            file.delete(damaged)
            file.restart_log("loss accepted", people)
        _put_aside(file.audit_file.path)
        file.write_audit_file()
        file.erase()
        return found
    finally:
        file.close()


def _checkup(file: GalleryFile, progress: Progress) -> tuple[Checkup, dict[int, str], list[int]]:
    """What is found, the people of the templates that open, and the templates that do not."""
    problems = []
    damage = file.integrity()
    if damage:
        problems.append(f"SQLite finds the file damaged: {damage}")
    with file.reporting():
        logged = file.entries()
    whole, broken = _whole(file, logged)
    problems += broken
    known, more = _file_entries(file, logged)
    problems += more
    # What the file knows beyond the database counts only if it is of this gallery.
    beyond = _whole(file, known)[0]
    log = beyond if len(beyond) > len(whole) else whole
    people, damaged = _rows(file, progress)
    problems += [
        f"template {number} does not open: it was changed or swapped" for number in damaged
    ]
    problems += _differences(replay(log), people, damaged)
    last = logged[-1] if logged else None
    checkup = Checkup(
        file.about.gallery,
        file.contract.name,
        len(people),
        len(logged),
        last.mac.hex() if last else "",
        len(file.keys.keys(file.about.gallery)),
        tuple(problems),
    )
    return checkup, people, damaged


def _whole(file: GalleryFile, entries: list[Entry]) -> tuple[list[Entry], list[str]]:
    """The records up to the first that is wrong, and what is wrong with it."""
    good: list[Entry] = []
    try:
        for entry in file.chain.check(entries):
            good.append(entry)
            _ = entry.fields
    except GalleryError as error:
        return good, [str(error)]
    return good, [] if good else ["the audit log is empty"]


def _file_entries(file: GalleryFile, logged: list[Entry]) -> tuple[list[Entry], list[str]]:
    """The records of the audit log's file, and where they differ from the database's."""
    path = file.audit_file.path
    if not path.exists():
        return [], [f"{path} is missing"]
    try:
        known = file.audit_file.entries()
    except GalleryError as error:
        return [], [str(error)]
    pairs = zip(known, logged, strict=False)
    differing = next((one for one, other in pairs if one != other), None)
    if differing is not None:
        return [], [f"record {differing.seq} of {path} is not that of the database"]
    lost = known[len(logged) :]
    return known, [_lost(entry) for entry in lost]


def _lost(entry: Entry) -> str:
    with suppress(GalleryError):
        fields = entry.fields
        return f"change {entry.seq} of {fields.get('at')} ({fields.get('what')}) is lost"
    return f"change {entry.seq} is lost"


def _rows(file: GalleryFile, progress: Progress) -> tuple[dict[int, str], list[int]]:
    people, damaged = {}, []
    with file.reporting():
        numbers = list(file.ids())
        for done, number in enumerate(numbers, 1):
            try:
                people[number] = file.row(number).person
            except TamperedError:
                damaged.append(number)
            progress(done, len(numbers), "templates")
    return people, damaged


def _differences(
    expected: dict[int, str], people: dict[int, str], damaged: list[int]
) -> Iterator[str]:
    missing = set(expected) - set(people) - set(damaged)
    if missing:
        yield f"{len(missing)} template(s) are missing: {_numbers(missing, expected)}"
    added = set(people) - set(expected)
    if added:
        yield f"{len(added)} template(s) are in no record: {_numbers(added, people)}"
    moved = {number for number in set(people) & set(expected) if people[number] != expected[number]}
    if moved:
        yield f"{len(moved)} template(s) are another person's: {_numbers(moved, people)}"


def _numbers(numbers: Iterable[int], people: dict[int, str]) -> str:
    rows = sorted(numbers)
    named = ", ".join(f"{number} (person {people[number]})" for number in rows[:_MOST_NAMED])
    return named + f", and {len(rows) - _MOST_NAMED} more" * (len(rows) > _MOST_NAMED)


def _put_aside(path: Path) -> None:
    if path.exists():
        stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S%f")
        path.rename(path.with_name(f"{path.name}-{stamp}"))
