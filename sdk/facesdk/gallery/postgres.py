"""A gallery in PostgreSQL with pgvector: for several computers, and beyond 1e5 templates.

The server searches, so it must see the embeddings: they are **not** encrypted here, unlike in a
SQLite gallery. Who may read the tables, the server's disk or its backups can compare faces. The key
protects the audit log and the marks of photos only.

A search compares with every template, unless the gallery was opened as ``approximate``: then an
HNSW index finds most of the nearest ones (Y. Malkov and D. Yashunin, "Efficient and robust
approximate nearest neighbor search using HNSW graphs", 2018).
"""

from __future__ import annotations

import json
import os
import re
import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from types import TracebackType
from typing import TYPE_CHECKING, Any

from facesdk.errors import GalleryError, InputError, one_line, require_extra
from facesdk.gallery.gallery import (
    DEFAULT_FPIR,
    DEFAULT_TOP,
    Candidate,
    Forgotten,
    Identification,
    NewTemplate,
    Person,
    PinnedModel,
    Template,
)
from facesdk.gallery.security.audit import Chain, Entry
from facesdk.gallery.security.keys import KeyStore, key_store
from facesdk.gallery.values import (
    checked_name,
    identification,
    mark,
    normal,
    require_embedding,
    require_model,
    require_no_id,
    require_values,
)
from facesdk.models.contract import Contract
from facesdk.recognition.open_set import RULES, operating_point
from facesdk.results import Embedding, FloatArray

if TYPE_CHECKING:
    from psycopg import Connection

VERSION = "1"
"""Version of the tables."""

TEMPLATES_PER_PERSON = 8
"""Templates that an approximate search asks for, for each person that it is to return."""

_PURPOSE = b"facesdk postgres gallery 1"
_TABLES = """
CREATE TABLE about(name text PRIMARY KEY, value text NOT NULL);
CREATE TABLE template(
  id bigint PRIMARY KEY, person text NOT NULL, name text NOT NULL, created timestamptz NOT NULL,
  expires timestamptz, quality real NOT NULL, photo bytea, embedding vector({dim}) NOT NULL
);
CREATE INDEX ON template(person);
CREATE INDEX ON template(name);
CREATE INDEX ON template(photo) WHERE photo IS NOT NULL;
CREATE TABLE audit(seq bigint PRIMARY KEY, record text NOT NULL, mac bytea NOT NULL);
"""
_INDEX = "CREATE INDEX IF NOT EXISTS template_hnsw ON template USING hnsw (embedding vector_ip_ops)"
_PEOPLE = (
    "SELECT person, min(name), count(*), min(created), "
    "CASE WHEN bool_or(expires IS NULL) THEN NULL "
    "ELSE least(max(expires), '9999-12-31 23:59:59+00') END FROM template"
)
_LIVES = "(expires IS NULL OR expires > now())"


class PostgresGallery:
    """People who are enrolled, on a PostgreSQL server: a
    :class:`~facesdk.gallery.gallery.Gallery`.

    Made by :meth:`open`. A gallery is a schema of a database.
    """

    def __init__(
        self, address: str, schema: str, keys: KeyStore, *, approximate: bool = False
    ) -> None:
        self._address = address
        self._schema = schema
        self._approximate = approximate
        self._lock = threading.RLock()
        self._process = os.getpid()
        self._connection: Connection[Any] | None = None
        self.name = f"{schema} on {_server(address)}"
        with self._transaction() as base:
            about = self._about(base)
            if about is None:
                raise GalleryError(f"there is no gallery {self.name}")
            if about.get("version") != VERSION:
                raise GalleryError(
                    f"gallery {self.name} has version {about.get('version')} of the tables, and "
                    f"this facesdk reads {VERSION}"
                )
        self.model_id = about["model_id"]
        self.contract = Contract.from_json(about["contract"])
        self._secret = self._unlocked(keys, about)
        self._chain = Chain(self._secret, about["gallery"])
        with self._transaction() as base:
            self._last_entry(base)
            if approximate:
                base.execute(_INDEX)

    @classmethod
    def open(
        cls,
        address: str,
        *,
        embedder: PinnedModel | None = None,
        key: str | os.PathLike[str] | None = None,
        create: bool = False,
        schema: str = "facesdk",
        approximate: bool = False,
    ) -> PostgresGallery:
        """Open a gallery, or make one.

        Args:
            address: ``postgresql://user@host/database``, as libpq takes it. A password belongs
                into ``~/.pgpass`` or ``PGPASSWORD``.
            embedder: The recognition model that will be used; the gallery must be of it.
            key: Where the key is, as of :meth:`facesdk.gallery.sqlite.SqliteGallery.open`.
            create: Whether to make the gallery where there is none; needs ``embedder``. The
                extension ``vector`` is made too, which takes a role that may.
            schema: The gallery's schema: small letters, digits and ``_``.
            approximate: Whether to search by an HNSW index, which is made where there is none.

        Raises:
            GalleryError: The server cannot be reached, has no pgvector, or the gallery is missing,
                of another version, or not of the key.
            EmbeddingMismatchError: It is another model's.
            InputError: The address or the schema is none.
            DependencyError: The library psycopg is not installed (extra ``postgres``).
        """
        require_extra("psycopg", extra="postgres")
        if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", schema):
            raise InputError(f"a schema has small letters, digits and _, but got {schema!r}")
        keys = key_store(key)
        address = _readable(address)
        if create:
            if embedder is None:
                raise InputError("a new gallery needs the embedder whose embeddings it will hold")
            _create(address, schema, embedder, keys)
        gallery = cls(address, schema, keys, approximate=approximate)
        if embedder is not None:
            try:
                require_model(gallery.name, gallery.model_id, gallery.contract, embedder)
            except BaseException:
                gallery.close()
                raise
            gallery.contract = embedder.contract
        return gallery

    def __len__(self) -> int:
        """Number of templates, expired ones too."""
        with self._transaction() as base:
            return int(self._last_entry(base).fields["total"])

    def enrol(
        self, name: str, embedding: Embedding, *, quality: float, expires: datetime | None = None
    ) -> Template:
        """See :class:`~facesdk.gallery.gallery.Gallery`."""
        return self.enrol_many([NewTemplate(name, embedding, quality, expires)])[0]

    def enrol_many(self, new: Sequence[NewTemplate]) -> tuple[Template, ...]:
        """See :class:`~facesdk.gallery.gallery.Gallery`."""
        named = [(checked_name(one.name), one) for one in new]
        for _, one in named:
            self._require_mine(one.embedding)
            require_values(one)
        if not named:
            return ()
        now = datetime.now(timezone.utc).replace(microsecond=0)
        with self._writing() as base:
            names = list({name for name, _ in named})
            ids = base.execute("SELECT person FROM template WHERE person = ANY(%s)", (names,))
            require_no_id(names, {row[0] for row in ids})
            people = dict(
                base.execute(
                    "SELECT name, min(person) FROM template WHERE name = ANY(%s) GROUP BY name",
                    (names,),
                )
            )
            first = self._next_id(base)
            rows = []
            for number, (name, one) in enumerate(named, first):
                person = people.setdefault(name, secrets.token_hex(8))
                template = Template(
                    number, person, name, one.created or now, one.expires, float(one.quality)
                )
                rows.append((template, one))
            with base.cursor() as cursor:
                cursor.executemany(
                    "INSERT INTO template VALUES(%s,%s,%s,%s,%s,%s,%s,%s::vector)",
                    [
                        (
                            row.id,
                            row.person,
                            row.name,
                            row.created,
                            row.expires,
                            row.quality,
                            one.photo,
                            _text(one.embedding.vector),
                        )
                        for row, one in rows
                    ],
                )
            self._log(base, "enrolled", added={str(row.id): row.person for row, _ in rows})
        return tuple(row for row, _ in rows)

    def mark(self, digest: bytes) -> bytes:
        """See :class:`~facesdk.gallery.gallery.Gallery`."""
        return mark(self._secret, digest)

    def holds(self, mark: bytes) -> bool:
        """See :class:`~facesdk.gallery.gallery.Gallery`."""
        with self._transaction() as base:
            found = base.execute(
                "SELECT 1 FROM template WHERE photo = %s AND (expires IS NULL OR expires > now()) "
                "LIMIT 1",
                (mark,),
            )
            return found.fetchone() is not None

    def people(self) -> tuple[Person, ...]:
        """See :class:`~facesdk.gallery.gallery.Gallery`."""
        with self._transaction() as base:
            rows = base.execute(f"{_PEOPLE} GROUP BY person").fetchall()
        return tuple(sorted((Person(*row) for row in rows), key=lambda person: person.name))

    def person(self, name_or_id: str) -> Person | None:
        """See :class:`~facesdk.gallery.gallery.Gallery`."""
        wanted = normal(name_or_id)
        with self._transaction() as base:
            for column in ("person", "name"):
                query = f"{_PEOPLE} WHERE {column} = %s GROUP BY person"
                row = base.execute(query, (wanted,)).fetchone()
                if row is not None:
                    return Person(*row)
        return None

    def forget(self, name_or_id: str) -> Forgotten:
        """See :class:`~facesdk.gallery.gallery.Gallery`; ``erased`` is always False.

        The rows are gone, and the server overwrites their room in its own time: its files, its
        write-ahead log and its backups are its administrator's.
        """
        with self._lock, self._writing() as base:
            person = self.person(name_or_id)
            if person is None:
                raise InputError(f"nobody in {self.name} has the name or id {name_or_id!r}")
            rows = base.execute("DELETE FROM template WHERE person = %s RETURNING id", (person.id,))
            ids = sorted(row[0] for row in rows)
            self._log(base, "forgotten", removed=ids)
        return Forgotten(1, len(ids), False)

    def forget_expired(self) -> Forgotten:
        """Remove the templates that have expired, and the people who then have none."""
        with self._lock, self._writing() as base:
            before = {person.id for person in self.people()}
            rows = base.execute(f"DELETE FROM template WHERE NOT {_LIVES} RETURNING id")
            ids = sorted(row[0] for row in rows)
            if ids:
                self._log(base, "expired", removed=ids)
            gone = before - {person.id for person in self.people()}
        return Forgotten(len(gone), len(ids), False)

    def identify(
        self,
        embedding: Embedding,
        *,
        top: int = DEFAULT_TOP,
        fpir: float = DEFAULT_FPIR,
        fmr: float | None = None,
        threshold: float | None = None,
        rule: str = "max",
    ) -> Identification:
        """See :class:`~facesdk.gallery.gallery.Gallery`.

        ``comparisons`` counts expired templates too, so that the FPIR errs to the safe side.
        """
        self._require_mine(embedding)
        if top < 1:
            raise InputError(f"top must be at least 1, but got {top}")
        if rule not in RULES:
            raise InputError(f"rule must be one of {', '.join(RULES)}, but got {rule!r}")
        if self._approximate and rule != "max":
            raise InputError("an approximate search has the rule max only")
        with self._transaction() as base:
            total = int(self._last_entry(base).fields["total"])
            point = operating_point(self.contract, total, fpir=fpir, fmr=fmr, threshold=threshold)
            search = self._near if self._approximate else self._all
            scores = search(base, _text(embedding.vector), top, rule)
            query = f"{_PEOPLE} WHERE person = ANY(%s) GROUP BY person"
            rows = base.execute(query, ([person for person, _ in scores],)).fetchall()
        people = {row[0]: Person(*row) for row in rows}
        candidates = [
            Candidate(people[person], min(1.0, max(-1.0, similarity)))
            for person, similarity in scores
        ]
        return identification(embedding, candidates, point)

    def check(self) -> int:
        """Check the audit log record by record, and that it counts the templates that there are.

        Returns:
            The number of records.

        Raises:
            GalleryError: A record was changed or is missing, or templates are.
        """
        with self._transaction() as base:
            rows = base.execute("SELECT seq, record, mac FROM audit ORDER BY seq").fetchall()
            entries = list(self._chain.check(Entry(row[0], row[1], bytes(row[2])) for row in rows))
            (count,) = base.execute("SELECT count(*) FROM template").fetchone() or (0,)
        total = entries[-1].fields["total"] if entries else 0
        if count != total:
            raise GalleryError(
                f"gallery {self.name} has {count} templates, but its audit log counts {total}"
            )
        return len(entries)

    def close(self) -> None:
        """See :class:`~facesdk.gallery.gallery.Gallery`."""
        with self._lock:
            if self._connection is not None and self._process == os.getpid():
                self._connection.close()
            self._connection = None

    def __enter__(self) -> PostgresGallery:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _all(
        self, base: Connection[Any], probe: str, top: int, rule: str
    ) -> list[tuple[str, float]]:
        join = "max" if rule == "max" else "avg"
        return base.execute(
            f"SELECT person, {join}(-(embedding <#> %s::vector)) AS similarity FROM template "
            f"WHERE {_LIVES} GROUP BY person ORDER BY similarity DESC, min(id) LIMIT %s",
            (probe, top),
        ).fetchall()

    def _near(
        self, base: Connection[Any], probe: str, top: int, rule: str
    ) -> list[tuple[str, float]]:
        wanted = top * TEMPLATES_PER_PERSON
        base.execute(f"SET LOCAL hnsw.ef_search = {min(1000, max(100, wanted))}")
        base.execute("SET LOCAL enable_seqscan = off")
        rows = base.execute(
            "SELECT person, -(embedding <#> %s::vector) FROM template "
            f"WHERE {_LIVES} ORDER BY embedding <#> %s::vector LIMIT %s",
            (probe, probe, wanted),
        ).fetchall()
        best: dict[str, float] = {}
        for person, similarity in rows:  # falling, so a person's first is the best
            best.setdefault(person, similarity)
        return list(best.items())[:top]

    def _require_mine(self, embedding: Embedding) -> None:
        require_embedding(self.name, self.model_id, self.contract, embedding)

    def _next_id(self, base: Connection[Any]) -> int:
        """The number after all that were ever given, which the description keeps."""
        found = base.execute(
            "SELECT greatest((SELECT coalesce(max(id), 0) FROM template), "
            "(SELECT coalesce(max(value::bigint), 0) FROM about WHERE name = 'last_id'))"
        ).fetchone()
        return int(found[0]) + 1 if found else 1

    def _log(self, base: Connection[Any], what: str, **changes: Any) -> None:
        last = self._last_entry(base)
        added, removed = changes.get("added", {}), changes.get("removed", [])
        total = last.fields["total"] + len(added) - len(removed)
        entry = self._chain.next(last, {"what": what, **changes, "total": total})
        base.execute("INSERT INTO audit VALUES(%s,%s,%s)", (entry.seq, entry.record, entry.mac))
        if added:
            base.execute(
                "UPDATE about SET value = %s WHERE name = 'last_id'", (str(max(map(int, added))),)
            )

    def _last_entry(self, base: Connection[Any]) -> Entry:
        rows = base.execute(
            "SELECT seq, record, mac FROM audit ORDER BY seq DESC LIMIT 2"
        ).fetchall()
        entries = [Entry(row[0], row[1], bytes(row[2])) for row in reversed(rows)]
        if not entries:
            raise GalleryError(f"gallery {self.name} has no audit log")
        before = entries[0] if len(entries) > 1 else None
        return next(self._chain.check(entries[-1:], before))

    def _unlocked(self, keys: KeyStore, about: dict[str, str]) -> bytes:
        for key in keys.keys(about["gallery"]):
            if mark(key, _PURPOSE).hex() == about["key_check"]:
                return key
        raise GalleryError(
            f"{keys.where} has no key that is the one of gallery {self.name} ({about['gallery']})"
        )

    def _about(self, base: Connection[Any]) -> dict[str, str] | None:
        found = base.execute("SELECT to_regclass('about') IS NOT NULL").fetchone()
        if not found or not found[0]:
            return None
        return dict(base.execute("SELECT name, value FROM about"))

    @contextmanager
    def _transaction(self) -> Iterator[Connection[Any]]:
        """A connection in a transaction, which ends with the block; a nested one is the same."""
        if self._process != os.getpid():
            raise GalleryError(
                f"gallery {self.name} was opened by the process that this one was forked from: "
                "open it again"
            )
        with self._lock, _reporting(self.name):
            if self._connection is None or self._connection.closed:
                self._connection = _connect(self._address, self._schema)
            with self._connection.transaction():
                yield self._connection

    @contextmanager
    def _writing(self) -> Iterator[Connection[Any]]:
        """A transaction that waits for others that write, and makes others wait."""
        with self._transaction() as base:
            base.execute("LOCK TABLE audit IN EXCLUSIVE MODE")
            yield base


def _create(address: str, schema: str, embedder: PinnedModel, keys: KeyStore) -> None:
    """Make the schema and its tables, unless they are there."""
    name = f"{schema} on {_server(address)}"
    with _reporting(name):
        base = _connect(address, schema)
        try:
            gallery = ""
            try:
                with base.transaction():
                    base.execute("SELECT pg_advisory_xact_lock(hashtext('facesdk gallery'))")
                    there = base.execute("SELECT to_regclass('about') IS NOT NULL").fetchone()
                    if there and there[0]:
                        return
                    base.execute("CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public")
                    base.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
                    base.execute(_TABLES.format(dim=embedder.contract.dim).encode())
                    gallery = secrets.token_hex(8)
                    key = keys.add(gallery)
                    about = {
                        "version": VERSION,
                        "gallery": gallery,
                        "model_id": embedder.model_id,
                        "contract": json.dumps(embedder.contract.to_dict()),
                        "key_check": mark(key, _PURPOSE).hex(),
                        "last_id": "0",
                    }
                    with base.cursor() as cursor:
                        cursor.executemany("INSERT INTO about VALUES(%s,%s)", list(about.items()))
                    fields = {"what": "created", "gallery": gallery, "total": 0}
                    first = Chain(key, gallery).next(None, fields)
                    base.execute(
                        "INSERT INTO audit VALUES(%s,%s,%s)", (first.seq, first.record, first.mac)
                    )
            except BaseException:
                if gallery:
                    keys.keep(gallery, None)
                raise
        finally:
            base.close()


def _connect(address: str, schema: str) -> Connection[Any]:
    import psycopg

    return psycopg.connect(
        address,
        autocommit=True,
        connect_timeout=10,
        application_name="facesdk",
        options=f"-c search_path={schema},public -c timezone=UTC",
    )


def _readable(address: str) -> str:
    """The address as libpq takes it, its scheme in small letters.

    Raises:
        InputError: It is none; libpq's own message would show it, and a password in it.
    """
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    found = re.sub(
        "^postgres(ql)?://", lambda scheme: scheme[0].lower(), address, flags=re.IGNORECASE
    )
    try:
        conninfo_to_dict(found)
    except psycopg.Error:
        raise InputError(
            "the address of a gallery on a server is postgresql://USER@HOST/DATABASE, but what was "
            "given cannot be read as one"
        ) from None
    return found


def _server(address: str) -> str:
    """An address without user and password."""
    from psycopg.conninfo import conninfo_to_dict

    with suppress(Exception):
        parts = conninfo_to_dict(address)
        return f"{parts.get('host') or 'localhost'}/{parts.get('dbname') or ''}"
    return "the server"


@contextmanager
def _reporting(name: str) -> Iterator[None]:
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        reason = one_line(error, 200)
        if isinstance(error, psycopg.errors.FeatureNotSupported | psycopg.errors.UndefinedFile):
            reason += " (install pgvector on the server)"
        raise GalleryError(f"gallery {name} cannot be used: {reason}") from None


def _text(vector: FloatArray) -> str:
    """A vector as pgvector reads it; float32 survive, having at most 9 digits."""
    return "[" + ",".join(f"{value:.9g}" for value in vector.tolist()) + "]"
