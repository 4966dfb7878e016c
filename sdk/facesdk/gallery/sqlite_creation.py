"""A new gallery's SQLite file: there as a whole, or not at all."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from facesdk.errors import GalleryError
from facesdk.files import make_folder
from facesdk.gallery.security.audit import Chain, Entry
from facesdk.gallery.security.encryption import KEY_BYTES, Cipher
from facesdk.gallery.security.keys import KeyStore
from facesdk.gallery.sqlite_connection import reporting
from facesdk.gallery.sqlite_layout import (
    APPLICATION_ID,
    PURPOSE,
    SCHEMA,
    TABLES,
    About,
    audit_path,
    sqlite_files,
    write_about,
)
from facesdk.models.contract import Contract


def create(path: Path, model_id: str, contract: Contract, keys: KeyStore) -> None:
    """Make an empty gallery, and a key for it.

    A program that is killed meanwhile leaves no gallery. Where another program has made one in the
    same moment, that one stays.

    Raises:
        GalleryError: Something of another gallery lies there, or the file cannot be made.
        InputError: The folder cannot be made.
    """
    gallery = secrets.token_hex(8)
    about, first = _new_about(gallery, model_id, contract, Cipher(keys.add(gallery)))
    made = False
    try:
        with _alone_in(path.parent):
            if not path.exists():
                _require_no_rests(path)
                _write_new(path, about, first)
                made = True
    finally:
        if not made:
            keys.keep(gallery, None)


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Alone among the programs that make galleries in a folder."""
    descriptor = os.open(make_folder(folder), os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _require_no_rests(path: Path) -> None:
    """Raise where files of another gallery lie, which SQLite would take for the new one's."""
    for rest in (*sqlite_files(path)[1:], audit_path(path)):
        if rest.exists():
            raise GalleryError(
                f"{path} is gone, but {rest} of it is there: restore the gallery, or remove what "
                "is left of it"
            )


def _new_about(
    gallery: str, model_id: str, contract: Contract, cipher: Cipher
) -> tuple[About, Entry]:
    """The description of a new gallery, and the first record of its audit log."""
    audit_key = secrets.token_bytes(KEY_BYTES)
    text = json.dumps(contract.to_dict())
    bound = (PURPOSE, gallery, model_id, text)
    about = About(gallery, model_id, text, cipher.seal(audit_key, bound))
    fields = {"what": "created", "gallery": gallery, "model": model_id, "total": 0}
    return about, Chain(audit_key, gallery).next(None, fields)


def _write_new(path: Path, about: About, first: Entry) -> None:
    """Write a new database beside its place and move it there."""
    temporary = path.with_name(f".facesdk-{secrets.token_hex(8)}.gallery")
    try:
        os.close(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        with reporting(path):
            base = sqlite3.connect(temporary, isolation_level=None)
            try:
                base.execute("PRAGMA auto_vacuum=INCREMENTAL")
                base.execute(f"PRAGMA application_id={APPLICATION_ID}")
                base.execute(f"PRAGMA user_version={SCHEMA}")
                base.executescript(f"BEGIN;{TABLES}COMMIT;")
                write_about(base, about)
                base.execute(
                    "INSERT INTO audit VALUES(?,?,?)", (first.seq, first.record, first.mac)
                )
            finally:
                base.close()
        os.replace(temporary, path)
    except OSError as error:
        raise GalleryError(f"cannot write {path}: {error.strerror}") from None
    finally:
        for rest in sqlite_files(temporary):
            rest.unlink(missing_ok=True)
