"""A gallery in one SQLite file, searched in memory: exactly, or approximately beyond some hundred
thousand templates.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import GalleryError, InputError, require_extra
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
from facesdk.gallery.search.index import NEVER, Columns, Index, Owner
from facesdk.gallery.security.audit import Entry
from facesdk.gallery.security.encryption import Cipher
from facesdk.gallery.security.keys import key_store
from facesdk.gallery.sqlite_file import GalleryFile
from facesdk.gallery.sqlite_layout import Row, moment_of, seconds_of
from facesdk.gallery.values import (
    checked_name,
    identification,
    normal,
    require_embedding,
    require_model,
    require_no_id,
    require_values,
)
from facesdk.models.contract import Contract
from facesdk.progress import Progress, unwatched
from facesdk.recognition.open_set import operating_point
from facesdk.results import Embedding

LEAST_APPROXIMATE = 50_000
"""Templates from which an approximate gallery has a graph; fewer are searched exactly."""

_TOLD = 1000


class SqliteGallery:
    """People who are enrolled, in one SQLite file: a :class:`~facesdk.gallery.gallery.Gallery`.

    Embeddings are encrypted in the file and searched in memory. Threads may share a gallery, and
    programs may open the same file: what another one changes is seen by the next call.

    Made by :meth:`open`.

    Example:
        >>> engine = FaceEngine.load()
        >>> with SqliteGallery.open("door.db", embedder=engine.embedder, create=True) as gallery:
        ...     gallery.enrol("Ada", engine.embed("ada.jpg"), quality=1.0)
        ...     print(gallery.identify(engine.embed("visitor.jpg")).person)
    """

    def __init__(
        self,
        file: GalleryFile,
        contract: Contract | None = None,
        *,
        approximate: bool = False,
        progress: Progress = unwatched,
    ) -> None:
        self._file = file
        self._contract = contract or file.contract
        self._approximate = approximate
        self._progress = progress
        self._lock = threading.RLock()
        self._seen: int | None = None
        self._last: Entry | None = None
        self._index = Index.empty(self.contract.dim or 0)
        file.write_audit_file()
        self._catch_up()
        self._progress = unwatched

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        embedder: PinnedModel | None = None,
        key: str | os.PathLike[str] | None = None,
        create: bool = False,
        approximate: bool = False,
        progress: Progress = unwatched,
    ) -> SqliteGallery:
        """Open a gallery, or make one.

        Args:
            path: The file. SQLite's files and the audit log lie beside it.
            embedder: The recognition model that will be used; the gallery must be of it. None does
                not check that.
            key: Where the key is: ``"env:NAME"``, ``"keyring"``, or a key file; None for the
                environment variable ``FACESDK_GALLERY_KEY``, else this user's key file.
            create: Whether to make the gallery where there is none; needs ``embedder``.
            approximate: Whether to build a graph of the templates, in memory, and to compare with
                those that it finds: for programs that run on with :data:`LEAST_APPROXIMATE`
                templates or more (extra ``index``). It may miss somebody.
            progress: Told how many templates are read, and then how many are in the graph.

        Raises:
            GalleryError: The gallery is missing, damaged, of another version, has lost changes, or
                does not open with the key.
            EmbeddingMismatchError: It is another model's.
            InputError: The path is the address of a server, or ``embedder`` is missing.
            DependencyError: The library ``cryptography`` is not installed (extra ``gallery``), or
                for an approximate search faiss (extra ``index``).
        """
        if approximate:
            require_extra("faiss", extra="index")
        path, keys = Path(path), key_store(key)
        if create and not path.exists():
            if embedder is None:
                raise InputError("a new gallery needs the embedder whose embeddings it will hold")
            file = GalleryFile.create(path, embedder.model_id, embedder.contract, keys)
        else:
            file = GalleryFile.open(path, keys)
        try:
            if embedder is not None:
                require_model(str(path), file.about.model_id, file.contract, embedder)
            contract = None if embedder is None else embedder.contract
            return cls(file, contract, approximate=approximate, progress=progress)
        except BaseException:
            file.close()
            raise

    @property
    def path(self) -> Path:
        """The gallery's file."""
        return self._file.path

    @property
    def files(self) -> tuple[Path, ...]:
        """The database and what SQLite writes beside it, the audit log, and the file of keys."""
        return self._file.files

    @property
    def model_id(self) -> str:
        """SHA-256 (hex) of the model whose embeddings it holds."""
        return self._file.about.model_id

    @property
    def contract(self) -> Contract:
        """The contract of that model: the embedder's, or as it was when the gallery was made."""
        return self._contract

    def __len__(self) -> int:
        """Number of templates, expired ones too."""
        with self._lock:
            self._refresh()
            return len(self._index)

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
        now = datetime.now(timezone.utc)
        with self._lock:
            with self._file.writing():
                self._catch_up_in_transaction()
                require_no_id((name for name, _ in named), self._index.places)
                people = {owner.name: owner.id for owner in self._index.people}
                first = self._file.next_id()
                rows = []
                for number, (name, one) in enumerate(named, first):
                    person = people.setdefault(name, secrets.token_hex(8))
                    row = Row(
                        id=number,
                        person=person,
                        name=name,
                        created=seconds_of(one.created or now),
                        expires=None if one.expires is None else seconds_of(one.expires),
                        quality=float(one.quality),
                        photo=one.photo,
                        vector=one.embedding.vector,
                    )
                    self._file.insert(row)
                    rows.append(row)
                self._file.log("enrolled", added={row.id: row.person for row in rows})
            self._written()
        return tuple(map(_template, rows))

    def mark(self, digest: bytes) -> bytes:
        """See :class:`~facesdk.gallery.gallery.Gallery`."""
        return self._file.mark(digest)

    def holds(self, mark: bytes) -> bool:
        """See :class:`~facesdk.gallery.gallery.Gallery`."""
        with self._lock:
            return self._file.holds(mark)

    def people(self) -> tuple[Person, ...]:
        """See :class:`~facesdk.gallery.gallery.Gallery`."""
        index = self._current()
        found = [_person(index, place) for place in range(len(index.people))]
        return tuple(sorted(found, key=lambda person: person.name))

    def person(self, name_or_id: str) -> Person | None:
        """See :class:`~facesdk.gallery.gallery.Gallery`."""
        index = self._current()
        place = index.place_of(normal(name_or_id))
        return None if place is None else _person(index, place)

    def forget(self, name_or_id: str) -> Forgotten:
        """See :class:`~facesdk.gallery.gallery.Gallery`."""
        with self._lock:
            with self._file.writing():
                self._catch_up_in_transaction()
                place = self._index.place_of(normal(name_or_id))
                if place is None:
                    raise InputError(
                        f"nobody in {self.path} has the name or id {name_or_id!r}: "
                        "`facesdk people` lists them"
                    )
                rows = self._index.rows_of(place)
                self._remove(self._index.columns.ids[rows], "forgotten")
            self._written()
            return Forgotten(1, len(rows), self._file.erase())

    def forget_expired(self) -> Forgotten:
        """Remove the templates that have expired, and the people who then have none."""
        with self._lock:
            with self._file.writing():
                self._catch_up_in_transaction()
                before, expires = len(self._index.people), self._index.columns.expires
                ids = self._index.columns.ids[expires <= time.time()]
                if len(ids):
                    self._remove(ids, "expired")
            self._written()
            people = before - len(self._index.people)
            return Forgotten(people, len(ids), self._file.erase())

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
        """See :class:`~facesdk.gallery.gallery.Gallery`."""
        self._require_mine(embedding)
        index = self._current()
        hits = index.search(embedding.vector, top=top, rule=rule, now=time.time())
        point = operating_point(
            self.contract, hits.comparisons, fpir=fpir, fmr=fmr, threshold=threshold
        )
        candidates = tuple(
            Candidate(_person(index, place), similarity)
            for place, similarity in zip(hits.people, hits.similarities, strict=True)
        )
        return identification(embedding, candidates, point)

    def snapshot(self) -> tuple[NewTemplate, ...]:
        """Everything that is enrolled, as it could be enrolled elsewhere."""
        with self._lock, self._file.reading():
            return tuple(map(self._as_new, self._file.rows()))

    def note(self, what: str) -> None:
        """Add a record to the audit log that changes nothing else.

        Args:
            what: What was done, in a word or two.
        """
        with self._lock:
            with self._file.writing():
                self._file.log(what)
            self._written()

    def rotate_key(
        self,
        key: str | os.PathLike[str] | None = None,
        *,
        progress: Progress = unwatched,
    ) -> Forgotten:
        """Encrypt everything with a new key, in one transaction, and remove the old one.

        A crash before the end leaves the old key or both; the gallery opens with what is there.

        Args:
            key: Where the new key is to be, as of :meth:`open`; None for where the old one is.
            progress: Told after each template.

        Returns:
            How many templates, and whether what the old key opens has left the files.

        Raises:
            GalleryError: The new key is the old one, or cannot be stored.
        """
        with self._lock:
            old = self._file.keys
            new = old if key is None else key_store(key)
            with self._file.writing():
                self._catch_up_in_transaction()
                added = new.add(self._file.about.gallery)
                if added == self._file.key:
                    raise GalleryError(
                        f"{new.where} has the key that the gallery is encrypted with: a program "
                        "cannot change it; put a new key into another variable and name that"
                    )
                total = len(self._index)
                self._file.reseal(Cipher(added), lambda done: progress(done, total, "templates"))
                self._file.log("key changed")
            self._file.keys = new
            self._written()
            with self._file.writing():  # nobody else changes keys meanwhile
                self._file.refresh_key()
                new.keep(self._file.about.gallery, self._file.key)
            if old.where != new.where:
                old.keep(self._file.about.gallery, None)
            people = len(self._index.people)
            return Forgotten(people, total, self._file.erase())

    def close(self) -> None:
        """See :class:`~facesdk.gallery.gallery.Gallery`."""
        with self._lock:
            self._file.close()

    def __enter__(self) -> SqliteGallery:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _as_new(self, row: Row) -> NewTemplate:
        return NewTemplate(
            name=row.name,
            embedding=Embedding(row.vector, self.contract.name, self.model_id),
            quality=row.quality,
            expires=None if row.expires is None else moment_of(row.expires),
            created=moment_of(row.created),
        )

    def _current(self) -> Index:
        with self._lock:
            self._refresh()
            return self._index

    def _refresh(self) -> None:
        """Take over what another connection has changed."""
        if self._file.data_version() != self._seen:
            self._catch_up()

    def _catch_up(self) -> None:
        seen = self._file.data_version()
        with self._file.reading():
            self._catch_up_in_transaction()
        if self._approximate:
            self._build_graph()
        self._seen = seen

    def _build_graph(self) -> None:
        """Build a graph of the templates, unless there is one of most of them."""
        index = self._index
        if len(index) >= LEAST_APPROXIMATE and index.beside_graph > len(index) // 2:
            self._index = index.with_graph(self._progress)

    def _written(self) -> None:
        """Follow a transaction of ours."""
        self._file.write_audit_file()
        self._catch_up()

    def _catch_up_in_transaction(self) -> None:
        """Bring the index to the state of the file, by the records of the audit log since then."""
        file = self._file
        file.refresh_key()
        if self._last is None:
            last = file.last_entry()
            if last is None:
                raise GalleryError(f"gallery {self.path} has no audit log")
            before = file.entry(last.seq - 1)
            self._last = next(file.chain.check([last], before))
            self._index = self._loaded(0)
        else:
            entries = list(file.chain.check(file.entries(self._last.seq), self._last))
            if not entries:
                return
            removed = [number for entry in entries for number in entry.fields.get("removed", ())]
            if removed:
                self._index = self._index.without(np.array(removed, np.int64))
            if any("added" in entry.fields for entry in entries):
                known = int(self._index.columns.ids.max(initial=0))
                self._index = self._loaded(known + 1)
            self._last = entries[-1]
        total = self._last.fields["total"]
        if len(self._index) != total:
            raise GalleryError(
                f"{self.path} has {len(self._index)} templates, but its audit log counts {total}: "
                f"`facesdk gallery check --gallery {self.path}` says which"
            )

    def _loaded(self, first: int) -> Index:
        """The index with the templates from a number on."""
        count = self._file.count() - len(self._index)
        vectors = np.empty((max(count, 0), self.contract.dim or 0), np.float32)
        ids, owners = np.empty(len(vectors), np.int64), np.empty(len(vectors), np.int32)
        created, expires = np.empty(len(vectors)), np.empty(len(vectors))
        places = dict(self._index.places)
        new: list[Owner] = []
        done = 0
        for row in self._file.rows(first):
            if done == len(vectors) or row.vector.shape != vectors.shape[1:]:
                raise GalleryError(f"template {row.id} of {self.path} does not belong there")
            if row.person not in places:
                places[row.person] = len(places)
                new.append(Owner(row.person, row.name))
            vectors[done], ids[done], owners[done] = row.vector, row.id, places[row.person]
            created[done] = row.created
            expires[done] = NEVER if row.expires is None else row.expires
            done += 1
            if done % _TOLD == 0:
                self._progress(done, count, "templates")
        columns = Columns(ids[:done], owners[:done], created[:done], expires[:done])
        return self._index.with_more(vectors[:done], columns, new)

    def _remove(self, ids: NDArray[np.int64], what: str) -> None:
        self._file.delete(ids.tolist())
        self._file.log(what, removed=ids.tolist())

    def _require_mine(self, embedding: Embedding) -> None:
        require_embedding(str(self.path), self.model_id, self.contract, embedding)


def _person(index: Index, place: int) -> Person:
    rows = index.rows_of(place)
    owner, last = index.people[place], float(index.columns.expires[rows].max())
    return Person(
        owner.id,
        owner.name,
        len(rows),
        moment_of(float(index.columns.created[rows].min())),
        None if last == NEVER else moment_of(last),
    )


def _template(row: Row) -> Template:
    expires = None if row.expires is None else moment_of(row.expires)
    return Template(row.id, row.person, row.name, moment_of(row.created), expires, row.quality)
