"""``facesdk bench live``: pictures per second of a camera or film, and where the time goes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from facesdk import samples
from facesdk.bench.live_report import LiveCase, LiveReport
from facesdk.bench.report.report import Setting, now
from facesdk.engine import FaceEngine
from facesdk.errors import InputError
from facesdk.gallery.gallery import Gallery, NewTemplate
from facesdk.gallery.sqlite import SqliteGallery
from facesdk.live.events import Identified, Seen
from facesdk.live.loop import Live, Settings
from facesdk.live.sources.source import Frame, Source
from facesdk.measure.conditions import Conditions, read_conditions
from facesdk.measure.distribution import Distribution
from facesdk.measure.environment import describe_environment
from facesdk.measure.memory import Memory, MemoryWatch
from facesdk.measure.timing import Clock, Policy
from facesdk.progress import Progress, unwatched
from facesdk.results import Embedding


@dataclass(frozen=True, slots=True)
class Film:
    """What is looked at.

    Attributes:
        name: How reports call it.
        source: Where its pictures come from; it is opened twice.
    """

    name: str
    source: Source


class _First:
    """The first pictures of a source; tells how far it is."""

    def __init__(self, source: Source, count: int, tick: Progress, what: str) -> None:
        self._source, self._count, self._tick, self._what = source, count, tick, what
        self._read = 0

    @property
    def name(self) -> str:
        return self._source.name

    @property
    def paced(self) -> bool:
        return self._source.paced

    @property
    def unreadable(self) -> int:
        return self._source.unreadable

    def open(self) -> None:
        self._read = 0
        self._source.open()

    def read(self) -> Frame | None:
        self._tick(self._read, self._count, self._what)
        frame = self._source.read() if self._read < self._count else None
        self._read += frame is not None
        return frame

    def close(self) -> None:
        self._source.close()


def strangers(folder: Path, engine: FaceEngine, count: int) -> Gallery:
    """A gallery to search: one of the packaged people, and random unit vectors.

    Args:
        folder: An empty folder for its files.
        engine: Its model, and who embeds the photo.
        count: How many vectors, 0 or more.

    Raises:
        DependencyError: The library ``cryptography`` is not installed (extra ``gallery``).
    """
    made = SqliteGallery.open(
        folder / "gallery.db", embedder=engine.embedder, key=folder / "key", create=True
    )
    one = engine.embed(samples.OBAMA)
    drawn = np.random.default_rng(0).normal(size=(count, one.dim))
    vectors = (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)
    new = [NewTemplate("obama", one, 1.0)]
    new += [
        NewTemplate(f"stranger {number}", Embedding(row, one.model, one.model_id), 1.0)
        for number, row in enumerate(vectors)
    ]
    made.enrol_many(new)
    return made


def bench_live(
    engine: FaceEngine,
    films: Sequence[Film],
    policy: Policy,
    *,
    gallery: Gallery | None,
    settings: Settings,
    min_face: int,
    progress: Progress = unwatched,
) -> LiveReport:
    """Measure live recognition.

    Args:
        engine: Detects, assesses and embeds.
        films: What to look at, at least one.
        policy: How many pictures are timed, and how many before them are not.
        gallery: Who is enrolled; None to identify nobody.
        settings: How to look.
        min_face: What the engine's detector looks for.
        progress: Told what is being done.

    Raises:
        InputError: There is no film, or one has no picture.
    """
    if not films:
        raise InputError("nothing to look at")
    environment, clock = describe_environment(), Clock.measured()
    before = read_conditions()
    cases: list[LiveCase] = []
    memory: Memory | None = None
    for film in films:
        if policy.warm_up:
            first = _First(film.source, policy.warm_up, unwatched, film.name)
            for _ in Live(first, engine, gallery, settings).run():
                pass
        case, memory = _run(film, policy.runs, engine, gallery, settings, progress)
        cases.append(case)
    return LiveReport(
        Setting(
            now(),
            environment,
            Conditions(before, read_conditions()),
            clock,
            policy,
            settings.threads,
        ),
        engine.embedder.name,
        engine.embedder.model_id,
        min_face,
        engine.detector.id,
        None if gallery is None else sum(person.templates for person in gallery.people()),
        tuple(cases),
        memory,
    )


def _run(
    film: Film,
    pictures: int,
    engine: FaceEngine,
    gallery: Gallery | None,
    settings: Settings,
    progress: Progress,
) -> tuple[LiveCase, Memory | None]:
    watch = MemoryWatch()

    def tick(done: int, total: int, what: str, /) -> None:
        watch.tick(done, total)
        progress(done, total, what)

    live = Live(_First(film.source, pictures, tick, film.name), engine, gallery, settings)
    began, cpu = time.perf_counter(), time.process_time()
    visits = names = 0
    for event in live.run():
        visits += isinstance(event, Seen)
        names += isinstance(event, Identified) and event.verdict.person is not None
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
    profile, shot = live.profile(), live.snapshot()
    if shot is None:
        raise InputError(f"{film.name} has no picture")
    frames = live.times("frame")
    height, width = shot.image.shape[:2]
    case = LiveCase(
        film.name,
        width,
        height,
        film.source.paced,
        {name: row for name, row in profile.stages.items() if name != "frame"},
        Distribution.of(frames),
        np.array(frames),
        seconds,
        cpu_seconds,
        profile.frames,
        profile.dropped,
        visits,
        names,
    )
    return case, watch.result()
