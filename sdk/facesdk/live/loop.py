"""The loop: picture after picture, search or follow, and say what happens."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from facesdk import tracing
from facesdk.detection.turns import upright_only
from facesdk.engine import FaceEngine
from facesdk.gallery.gallery import DEFAULT_FPIR, Gallery
from facesdk.live.capture import Capture, Captured, Pace, State
from facesdk.live.events import Event, Identified, Left, Seen, SourceChanged, wall_clock
from facesdk.live.looking import Looker
from facesdk.live.profiling import STAGES, Profile, Profiler
from facesdk.live.recognising import Recogniser
from facesdk.live.schedule import Schedule
from facesdk.live.snapshot import Snapshot, TrackView
from facesdk.live.sources.source import Source
from facesdk.live.tracking import Changes, Track, Tracker, TrackingSettings
from facesdk.live.voting import Verdict, VotingSettings
from facesdk.results import Face, Quality
from facesdk.tracing import stage

_WAIT = 0.2
"""Seconds after which the loop looks whether it is to stop."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How to look.

    Attributes:
        pace: How a file is read.
        patient: Whether to go on trying where the first connection fails.
        give_up: Seconds without a picture after which a camera or stream is given up; None never.
        seconds: End after so many seconds of the source, of a camera or stream with those in which
            it is lost; None goes on to its end.
        share: Share of the time that searches of the whole picture may take.
        every: Search every so many pictures instead; None leaves it to ``share``.
        threads: Threads each network of the following may use.
        tracking: When a track begins and ends.
        voting: How the pictures of a track make one verdict.
        fpir: The false positive identification rate that each search of the gallery aims at.
    """

    pace: Pace = Pace.EVERY
    patient: bool = False
    give_up: float | None = None
    seconds: float | None = None
    share: float = 0.5
    every: int | None = None
    threads: int = 1
    tracking: TrackingSettings = field(default_factory=TrackingSettings)
    voting: VotingSettings = field(default_factory=VotingSettings)
    fpir: float = DEFAULT_FPIR


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    captured: Captured
    at: str
    tracks: tuple[TrackView, ...]


class Live:
    """Faces of a camera, stream, film or folder, followed from picture to picture.

    One thread runs :meth:`run`; any thread may ask for a snapshot or stop it. Memory does not grow
    with time: there is one picture in work, one that waits, and the newest one that was looked at.

    Example:
        >>> live = Live(open_source("0"), FaceEngine.load(min_face=40))
        >>> for event in live.run():
        ...     print(event.to_dict())

    Args:
        source: Where pictures come from; it is opened and closed in here.
        engine: Detects faces, upright ones only; with a gallery it assesses and embeds them too.
        gallery: Who is enrolled, by the engine's model; without one nobody is identified.
        settings: How to look.
        looker: Looks for faces at expected places; None loads the packaged detector for it.
        clock: Seconds of a monotonic clock.
    """

    def __init__(
        self,
        source: Source,
        engine: FaceEngine,
        gallery: Gallery | None = None,
        settings: Settings | None = None,
        *,
        looker: Looker | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings or Settings()
        self._detector, self._clock = upright_only(engine.detector), clock
        self._capture = Capture(
            source,
            pace=self.settings.pace,
            patient=self.settings.patient,
            give_up=self.settings.give_up,
            clock=clock,
        )
        self._looker = looker or Looker.beside(self._detector, self.settings.threads)
        self._schedule = Schedule(self.settings.share, self.settings.every)
        self._tracker = Tracker(self.settings.tracking)
        self._recogniser = (
            Recogniser(engine, gallery, self.settings.voting, self.settings.fpir)
            if gallery is not None
            else None
        )
        self._profiler = Profiler(clock)
        self._time = 0.0
        self._stopped = threading.Event()
        self._lost = False
        self._news = threading.Condition()
        self._view: _View | None = None

    def run(self) -> Iterator[Event]:
        """What happens, as it happens, until the source ends or :meth:`stop` is called.

        Whoever is still there at the end leaves then. To be run once.

        Raises:
            InputError: The source cannot be opened, or is lost and another try would not help.
        """
        self._capture.start()
        try:
            while not (self._stopped.is_set() or self._capture.exhausted):
                came = self._capture.next(_WAIT)
                if isinstance(came, Captured):
                    yield from self._see(came)
                elif came is not None and self._told(came.state):
                    yield SourceChanged(self._time, wall_clock(), came.state.value, came.message)
                now = self._time if isinstance(came, Captured) else self._capture.elapsed
                if self.settings.seconds is not None and now >= self.settings.seconds:
                    break
            for track in self._tracker.finish():
                yield self._left(track)
        finally:
            self._stopped.set()
            self._capture.stop()
            self._profiler.end()
            with self._news:
                self._news.notify_all()

    def stop(self) -> None:
        """Let :meth:`run` end after the picture that it is looking at."""
        self._stopped.set()
        self._capture.halt()

    def snapshot(self) -> Snapshot | None:
        """The newest picture that was looked at; None before the first."""
        with self._news:
            view = self._view
        return None if view is None else self._snapshot(view)

    def wait(self, after: int, timeout: float) -> Snapshot | None:
        """The newest picture, once there is one that the caller does not know.

        Args:
            after: Number of the picture that the caller has; -1 for none.
            timeout: Seconds to wait at most.

        Returns:
            None where none came in time, or none will.
        """

        def fresh() -> bool:
            return self._view is not None and self._view.captured.number > after

        with self._news:
            self._news.wait_for(lambda: fresh() or self._stopped.is_set(), timeout)
            view = self._view if fresh() else None
        return None if view is None else self._snapshot(view)

    def profile(self) -> Profile:
        """Where the time goes: at most half a second old, and of all pictures after the end."""
        capture = self._capture
        return self._profiler.profile(
            dropped=capture.dropped,
            unreadable=capture.source.unreadable,
            reconnects=capture.reconnects,
        )

    def times(self, stage_name: str) -> tuple[float, ...]:
        """Milliseconds of the last runs of a stage of :data:`facesdk.live.profiling.STAGES`."""
        return self._profiler.times(stage_name)

    def _see(self, captured: Captured) -> Iterator[Event]:
        image, self._time = captured.frame.image, captured.frame.time
        image.flags.writeable = False
        began = time.perf_counter()
        with tracing.record() as profile:
            with stage("track"):
                self._tracker.predict(self._time)
            faces, complete = self._find(captured)
            with stage("track"):
                changes = self._tracker.update(faces, self._time, complete=complete)
            verdicts = (
                self._recogniser.see(image, self._tracker.tracks, self._time)
                if self._recogniser
                else []
            )
        times = {name: ms for name in STAGES if (ms := profile.total_ms(name))}
        times["read"] = captured.read_ms
        times["frame"] = 1e3 * (time.perf_counter() - began)
        self._profiler.add(captured.number, times)
        at = wall_clock()
        tracks = tuple(self._viewed(track) for track in self._tracker.tracks)
        with self._news:
            self._view = _View(captured, at, tracks)
            self._news.notify_all()
        yield from self._events(changes, verdicts, at)

    def _find(self, captured: Captured) -> tuple[list[Face], bool]:
        """Faces of a picture, and whether the whole of it was searched."""
        image, now = captured.frame.image, captured.frame.time
        if self._schedule.due(now):
            began = self._clock()
            with stage("detect"):
                found = self._detector.detect(image)
            self._schedule.searched(now, self._clock() - began)
            return found, True
        expected = [track.face for track in self._tracker.candidates]
        if not expected:
            return [], False
        with stage("look"):
            return self._looker.look(image, expected), False

    def _events(
        self, changes: Changes, verdicts: list[tuple[Track, Verdict]], at: str
    ) -> Iterator[Event]:
        for track in changes.ended:
            yield self._left(track)
        for track in changes.begun:
            yield Seen(self._time, at, track.id, track.face)
        for track, verdict in verdicts:
            quality = self._quality(track)
            score = 0.0 if quality is None else quality.score
            yield Identified(self._time, at, track.id, verdict, score, track.face)

    def _left(self, track: Track) -> Left:
        seconds, verdict = track.last - track.first, self._verdict(track)
        if self._recogniser:
            self._recogniser.forget(track.id)
        return Left(self._time, wall_clock(), track.id, seconds, track.hits, verdict)

    def _verdict(self, track: Track) -> Verdict | None:
        return self._recogniser.verdict(track.id) if self._recogniser else None

    def _quality(self, track: Track) -> Quality | None:
        return self._recogniser.quality(track.id) if self._recogniser else None

    def _viewed(self, track: Track) -> TrackView:
        return TrackView(
            track.id,
            track.face,
            track.found is not None,
            self._time - track.first,
            self._verdict(track),
            self._quality(track),
        )

    def _snapshot(self, view: _View) -> Snapshot:
        frame = view.captured.frame
        return Snapshot(
            view.captured.number,
            frame.image,
            frame.time,
            view.at,
            self._capture.state,
            self._capture.message,
            view.tracks,
            self.profile(),
        )

    def _told(self, state: State) -> bool:
        """Whether a change of state is worth an event: a loss is, and the end of one."""
        was, self._lost = self._lost, state is State.RECONNECTING
        return self._lost or (was and state is State.LIVE)
