"""Many photos of many people: read, embedded by several workers, stored some at a time.

A photo that is enrolled already, as the same person and by the same face, is passed over, so that
an interrupted enrolment goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

from facesdk.engine import FaceEngine
from facesdk.errors import GalleryError, InputError, one_line, require_extra
from facesdk.gallery.enrolment import Chosen, Enrolment, embed_file_for_enrolment, suspicions
from facesdk.gallery.gallery import Gallery, NewTemplate
from facesdk.gallery.values import checked_name, require_no_id
from facesdk.images.photo_source import Photo, PhotoReader
from facesdk.progress import Progress, unwatched

ENROLLED_BEFORE = "this very photo is enrolled already"
"""The warning for a photo that is passed over."""

KEEPS_ITS_DATE = f"{ENROLLED_BEFORE}, and keeps its date: forget the person to give another"
"""That where a date was asked for."""

Work = Callable[[Sequence[tuple[bytes, str]], "int | None"], Iterable[Chosen]]
"""Embeds a face of photos, each the content of its file and what messages call it, in their order.
"""


_RAY_STORE_BYTES = 256 << 20
_CLUSTER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class _Read:
    """A photo that was read, or could not be.

    Attributes:
        photo: Which.
        content: Its file; empty where it is not to be embedded.
        mark: What is kept to know it again.
        refusal: Why it could not be read; empty where it could.
        before: Whether it is enrolled already.
    """

    photo: Photo
    content: bytes
    mark: bytes
    refusal: str = ""
    before: bool = False


def enrol_photos(
    gallery: Gallery,
    photos: Sequence[Photo],
    work: Work,
    *,
    face: int | None = None,
    batch: int = 1,
    expires: datetime | None = None,
    progress: Progress = unwatched,
) -> Iterator[Enrolment]:
    """Enrol photos, each as a template of the person that is its ``identity``.

    Args:
        gallery: Where to.
        photos: The photos.
        work: Embeds them, as :func:`in_threads` makes it.
        face: Which face of each photo, 0 being the largest; None refuses photos with several.
        batch: Photos that are stored in one transaction. A crash costs the work of that many, and
            what is said of a photo is not compared with others of its batch.
        expires: From when on the templates are not compared any more; None for never.
        progress: Told after each batch.

    Returns:
        An iterator of what became of each photo, in their order; a photo's result comes when it is
        on the disk. A photo that cannot be read, or whose ``identity`` can be nobody's name, is
        refused like others.
    """
    reader = PhotoReader()
    source = iter(photos)
    done = 0
    while rows := [_read(gallery, reader, photo, face) for photo in islice(source, batch)]:
        wanted = [(row.content, row.photo.where) for row in rows if row.content]
        chosen = iter(work(wanted, face))
        found = [next(chosen) if row.content else _not_embedded(row) for row in rows]
        yield from _stored(gallery, rows, found, expires)
        done += len(rows)
        progress(done, len(photos), "photos")


def in_threads(engine: FaceEngine, workers: int = 1) -> Work:
    """Embedding in threads of this process.

    Args:
        engine: Loaded with as many workers.
        workers: Threads.
    """

    def work(photos: Sequence[tuple[bytes, str]], face: int | None) -> Iterable[Chosen]:
        with ThreadPoolExecutor(workers) as threads:
            yield from threads.map(lambda row: embed_content(engine, *row, face=face), photos)

    return work


@contextmanager
def on_ray(engine: FaceEngine, workers: int, address: str | None = None) -> Iterator[Work]:
    """Embedding in processes that Ray starts, on this computer or on those of a cluster.

    Each process has the engine, and is sent the content of photos: the other computers need
    facesdk of the same version, and none of the files.

    Args:
        engine: Sent to each process once.
        workers: Processes.
        address: That of a running cluster, or ``"auto"``; None starts Ray on this computer, for
            the time of the block.

    Raises:
        DependencyError: Ray is not installed (extra ``scale``).
        GalleryError: Ray cannot be started or reached, or a process dies.
        InputError: The address is none.
    """
    require_extra("ray", extra="scale")
    if address not in (None, "auto"):
        _require_reachable(str(address))
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # it would call its makers
    if address is not None and _has_token():
        # `ray start` makes a cluster want the token that is there, and its clients send none.
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    import ray
    from ray.exceptions import RayError
    from ray.util import ActorPool

    try:
        if address is None:
            ray.init(
                num_cpus=workers,
                include_dashboard=False,
                log_to_driver=False,
                configure_logging=False,
                object_store_memory=_RAY_STORE_BYTES,
            )
        else:
            ray.init(address, log_to_driver=False, configure_logging=False)
    except Exception as error:  # Ray raises what its parts raise
        raise GalleryError(f"Ray cannot be used: {one_line(error, 200)}") from None
    try:
        remote = ray.remote(num_cpus=1)(_Embedding)
        shared = ray.put(engine)
        pool = ActorPool([remote.remote(shared) for _ in range(workers)])

        def work(photos: Sequence[tuple[bytes, str]], face: int | None) -> Iterable[Chosen]:
            rows = [(*photo, face) for photo in photos]
            try:
                yield from pool.map(lambda actor, row: actor.embed.remote(*row), rows)
            except RayError as error:
                raise GalleryError(f"a process of Ray failed: {one_line(error, 200)}") from None

        yield work
    finally:
        ray.shutdown()


def _require_reachable(address: str) -> None:
    """Raise unless something listens there: Ray itself would ask for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=_CLUSTER_SECONDS).close()
    except ValueError:
        raise InputError(f"a cluster's address is HOST:PORT, but got {address!r}") from None
    except OSError as error:
        raise GalleryError(f"no cluster of Ray answers at {address}: {error}") from None


def _has_token() -> bool:
    """Whether this user has a token for clusters of Ray, where Ray looks for one."""
    named = os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH")
    return bool(named) or (Path.home() / ".ray" / "auth_token").is_file()


class _Embedding:
    """What a process of Ray does."""

    def __init__(self, engine: FaceEngine) -> None:
        self._engine = engine

    def embed(self, content: bytes, image: str, face: int | None) -> Chosen:
        return embed_content(self._engine, content, image, face=face)


def embed_content(
    engine: FaceEngine, content: bytes, image: str, *, face: int | None = None
) -> Chosen:
    """Choose and embed the face of a photo's file; whatever is wrong with it becomes a reason.

    Args:
        engine: Finds and embeds it.
        content: The file.
        image: What reasons call the photo.
        face: Which face; None refuses a photo with several.
    """
    try:
        return embed_file_for_enrolment(engine, content, face=face, image=image)
    except InputError as error:
        return Chosen(None, None, (str(error),))


def _read(gallery: Gallery, reader: PhotoReader, photo: Photo, face: int | None) -> _Read:
    try:
        _require_usable(gallery, photo.identity)
        content = reader.read(photo)
    except InputError as error:
        return _Read(photo, b"", b"", str(error))
    if not content:
        return _Read(photo, b"", b"", f"{photo.where} is empty: give an image file")
    which = hashlib.sha256(hashlib.sha256(content).digest() + f"{face} {photo.identity}".encode())
    mark = gallery.mark(which.digest())
    if gallery.holds(mark):
        return _Read(photo, b"", mark, before=True)
    return _Read(photo, content, mark)


def _require_usable(gallery: Gallery, name: str) -> None:
    """Raise unless somebody can be enrolled under a name: one that cannot is no reason to stop."""
    usable = checked_name(name)
    person = gallery.person(usable)
    require_no_id([usable], () if person is None else (person.id,))


def _not_embedded(row: _Read) -> Chosen:
    return Chosen(None, None, () if row.before else (row.refusal,))


def _stored(
    gallery: Gallery, rows: Sequence[_Read], found: Sequence[Chosen], expires: datetime | None
) -> Iterator[Enrolment]:
    warnings: list[tuple[str, ...]] = []
    new = []
    for row, chosen in zip(rows, found, strict=True):
        if chosen.embedding is None or chosen.quality is None:
            before = ENROLLED_BEFORE if expires is None else KEEPS_ITS_DATE
            warnings.append((before,) if row.before else ())
            continue
        name = row.photo.identity
        warnings.append(suspicions(gallery, name, chosen.embedding))
        new.append(NewTemplate(name, chosen.embedding, chosen.quality.score, expires, row.mark))
    stored = iter(gallery.enrol_many(new))
    for row, chosen, words in zip(rows, found, warnings, strict=True):
        template = None if chosen.embedding is None else next(stored)
        yield Enrolment(row.photo.where, template, chosen.quality, chosen.reasons, words)
