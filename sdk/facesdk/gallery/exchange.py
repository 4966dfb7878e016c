"""A gallery in one file under a passphrase, to move it to another computer or to keep it safe.

The file is a line of text, a line of JSON that says how the key is made of the passphrase (scrypt,
RFC 7914), and the sealed rest: people and embeddings with the model's contract. The line of JSON is
authenticated with the rest.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from facesdk.errors import ContractError, EmbeddingMismatchError, GalleryError, InputError
from facesdk.files import read_regular, require_other, write_atomic
from facesdk.gallery.gallery import NewTemplate
from facesdk.gallery.security.encryption import KEY_BYTES, Cipher, Sealed, TamperedError
from facesdk.gallery.sqlite import SqliteGallery
from facesdk.gallery.values import checked_name, require_values
from facesdk.models.contract import Contract
from facesdk.progress import Progress, unwatched
from facesdk.results import Embedding

T = TypeVar("T")

SHORTEST_PASSPHRASE = 12
"""Fewest characters of a passphrase: the file may be tried at leisure."""

_MAGIC = b"facesdk gallery export 1\n"
_SCRYPT = {"n": 1 << 16, "r": 8, "p": 1}
"""64 MiB and some tenths of a second for each passphrase that is tried."""

_MOST_MEMORY = 1 << 28


@dataclass(frozen=True, slots=True)
class Model:
    """The model of an export, as far as a new gallery needs it.

    Attributes:
        model_id: SHA-256 (hex) of the model file.
        contract: Its contract.
    """

    model_id: str
    contract: Contract

    @property
    def name(self) -> str:
        """The model's name."""
        return self.contract.name


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of an export.

    Attributes:
        templates: Number of templates stored.
        skipped: Number of those that were there already.
        people: Number of people enrolled afterwards.
    """

    templates: int
    skipped: int
    people: int

    def to_dict(self) -> dict[str, int]:
        """The record that ``facesdk import --json`` prints."""
        return {"templates": self.templates, "skipped": self.skipped, "people": self.people}


def export(
    gallery: SqliteGallery,
    path: str | os.PathLike[str],
    passphrase: str,
    *,
    progress: Progress = unwatched,
) -> int:
    """Write a gallery into one file under a passphrase.

    Args:
        gallery: The gallery; its audit log notes the export.
        path: The file, replaced whole; only its owner may read it.
        passphrase: At least :data:`SHORTEST_PASSPHRASE` characters.
        progress: Told after each template.

    Returns:
        The number of templates.

    Raises:
        InputError: The passphrase is too short, the file is one of the gallery's, or cannot be
            written.
    """
    require_passphrase(passphrase)
    require_other(path, *gallery.files)
    rows = gallery.snapshot()
    content = {
        "model_id": gallery.model_id,
        "contract": gallery.contract.to_dict(),
        "templates": [_record(row) for row in _watched(rows, progress)],
    }
    header = {**_SCRYPT, "salt": secrets.token_hex(16)}
    sealed = Cipher(_key(passphrase, header)).seal(
        zlib.compress(json.dumps(content).encode()), _bound(header)
    )
    head = {**header, "algorithm": sealed.algorithm, "nonce": sealed.nonce.hex()}
    write_atomic(path, _MAGIC + json.dumps(head).encode() + b"\n" + sealed.data, private=True)
    gallery.note("exported")
    return len(rows)


def import_(
    path: str | os.PathLike[str],
    into: str | os.PathLike[str],
    passphrase: str,
    *,
    key: str | os.PathLike[str] | None = None,
    progress: Progress = unwatched,
) -> Imported:
    """Enrol what an export holds; the gallery is made where there is none.

    People are joined by name. A template that the person of that name has already is passed over,
    so importing twice changes nothing.

    Args:
        path: The export.
        into: The gallery's file.
        passphrase: That of the export.
        key: Where the gallery's key is, as of :meth:`SqliteGallery.open`.
        progress: Told after each template that is read; all are stored in one transaction.

    Raises:
        GalleryError: The file is no export, was changed, or the passphrase is another.
        EmbeddingMismatchError: The gallery is another model's.
    """
    content = _opened(Path(path), passphrase)
    model, new = _parsed(content, Path(path), progress)
    with SqliteGallery.open(into, key=key, create=True, embedder=model) as gallery:
        there = {(row.name, row.embedding.vector.tobytes()) for row in gallery.snapshot()}
        wanted = [row for row in new if (row.name, row.embedding.vector.tobytes()) not in there]
        gallery.enrol_many(wanted)
        return Imported(len(wanted), len(new) - len(wanted), len(gallery.people()))


def require_passphrase(passphrase: str) -> None:
    """Raise unless a passphrase is long enough.

    Raises:
        InputError: It is too short.
    """
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise InputError(
            f"a passphrase has at least {SHORTEST_PASSPHRASE} characters, but got "
            f"{len(passphrase)}: whoever has the file can try as many as there is time for"
        )


def _opened(path: Path, passphrase: str) -> Any:
    try:
        whole = read_regular(path)
    except OSError as error:
        raise GalleryError(f"cannot read {path}: {error.strerror}") from None
    if not whole.startswith(_MAGIC):
        raise GalleryError(f"{path} is not an exported gallery")
    head, _, data = whole[len(_MAGIC) :].partition(b"\n")
    try:
        found = json.loads(head)
        header = {name: found[name] for name in (*_SCRYPT, "salt")}
        sealed = Sealed(found["algorithm"], bytes.fromhex(found["nonce"]), data)
        cipher = Cipher(_key(passphrase, header))
        return json.loads(zlib.decompress(cipher.open(sealed, _bound(header))))
    except TamperedError:
        raise GalleryError(
            f"{path} does not open: the passphrase is another, or the file was changed"
        ) from None
    except (ValueError, KeyError, TypeError, zlib.error):
        raise GalleryError(f"{path} is not an exported gallery, or is damaged") from None


def _watched(rows: Sequence[T], progress: Progress) -> Iterator[T]:
    for done, row in enumerate(rows, 1):
        yield row
        progress(done, len(rows), "templates")


def _record(row: NewTemplate) -> dict[str, Any]:
    return {
        "name": row.name,
        "created": row.created.isoformat() if row.created else None,
        "expires": row.expires.isoformat() if row.expires else None,
        "quality": row.quality,
        "vector": base64.b64encode(row.embedding.vector.astype("<f4").tobytes()).decode(),
    }


def _parsed(content: Any, path: Path, progress: Progress) -> tuple[Model, list[NewTemplate]]:
    try:
        model = Model(content["model_id"], Contract.from_json(json.dumps(content["contract"])))
        rows = list(content["templates"])
        return model, [_template(row, model) for row in _watched(rows, progress)]
    except (KeyError, TypeError, ValueError, ContractError, InputError) as error:
        raise GalleryError(f"{path} is an export that this facesdk cannot read: {error}") from None


def _template(row: Mapping[str, Any], model: Model) -> NewTemplate:
    vector = np.frombuffer(base64.b64decode(row["vector"]), "<f4")
    if len(vector) != model.contract.dim:
        raise EmbeddingMismatchError("an embedding in it has another length than its model's")
    new = NewTemplate(
        name=checked_name(row["name"]),
        embedding=Embedding(vector, model.name, model.model_id),
        quality=row["quality"],
        expires=row["expires"] and datetime.fromisoformat(row["expires"]),
        created=datetime.fromisoformat(row["created"]),
    )
    require_values(new)
    return new


def _key(passphrase: str, header: Mapping[str, Any]) -> bytes:
    """scrypt; parameters that would need more memory than :data:`_MOST_MEMORY` raise ValueError."""
    return hashlib.scrypt(
        passphrase.encode(errors="surrogateescape"),
        salt=bytes.fromhex(header["salt"]),
        n=header["n"],
        r=header["r"],
        p=header["p"],
        maxmem=_MOST_MEMORY,
        dklen=KEY_BYTES,
    )


def _bound(header: Mapping[str, Any]) -> tuple[object, ...]:
    return (_MAGIC.decode(), *header.items())
