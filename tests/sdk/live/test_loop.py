"""The loop: on scripted faces, whose truth is known, and on people in a film."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from facesdk import FaceEngine
from facesdk.bench.film import people, swaying, write_film
from facesdk.detection.refined import RefinedDetector
from facesdk.detection.registry import load_detector
from facesdk.detection.turns import AnyTurn, upright_only
from facesdk.errors import InputError, SourceLostError
from facesdk.live.capture import Captured, State
from facesdk.live.events import Event, Left, Seen, SourceChanged
from facesdk.live.looking import Looker
from facesdk.live.loop import Live, Settings
from facesdk.live.sources.opening import open_source
from facesdk.live.sources.source import Frame, Source
from facesdk.live.tracking import TrackingSettings
from facesdk.results import Face
from sdk.live.films import FakeClock, Script, face, frames
from sdk.photos import encode

LOST = SourceLostError("the cable is out")


class Stage:
    """A detector, and a looker, that know where everybody is: picture n has the faces of row n.

    The number of a picture is the level of its pixels.
    """

    def __init__(self, rows: Sequence[Sequence[Face]]) -> None:
        self.rows = rows
        self.searched: list[int] = []
        self.looked: list[int] = []

    @property
    def detector(self) -> Stage:
        return self

    def detect(self, image: np.ndarray) -> list[Face]:
        number = int(image[0, 0, 0])
        self.searched.append(number)
        return list(self.rows[number])

    def look(self, image: np.ndarray, expected: Sequence[Face]) -> list[Face]:
        number = int(image[0, 0, 0])
        self.looked.append(number)
        return list(self.rows[number])


def live(stage: Stage, source: Source, **options: object) -> Live:
    settings = Settings(**{"every": 4, **options})  # type: ignore[arg-type]
    return Live(source, stage, None, settings, looker=stage)  # type: ignore[arg-type]


def names(events: Sequence[Event]) -> list[str]:
    return [event.name for event in events]


def test_one_who_comes_and_goes() -> None:
    stage = Stage([[face(100 + i, 100)] if 10 <= i < 60 else [] for i in range(120)])
    loop = live(stage, Script(frames(120)))
    seen, left = list(loop.run())
    assert isinstance(seen, Seen)
    assert isinstance(left, Left)
    assert seen.track == left.track == 1
    # searched in pictures 0, 4, 8, 12; found there and in the two looks that follow
    assert seen.time == pytest.approx(14 / 25)
    assert left.seconds == pytest.approx((59 - 12) / 25)
    assert left.pictures == 48
    assert left.time == pytest.approx(59 / 25 + 1.0, abs=2 / 25)
    assert seen.at.endswith("Z")


def test_the_whole_picture_is_searched_every_nth_time_and_faces_are_followed_between() -> None:
    stage = Stage([[face(100, 100)]] * 40)
    list(live(stage, Script(frames(40))).run())
    assert stage.searched == list(range(0, 40, 4))
    assert stage.looked == [i for i in range(40) if i % 4]


def test_a_picture_without_faces_is_searched_once_not_in_four_turns() -> None:
    stage = Stage([[]] * 8)
    turning = type("Engine", (), {"detector": AnyTurn(stage, sure=0.99)})()  # type: ignore[arg-type]
    list(Live(Script(frames(8)), turning, None, Settings(every=4), looker=stage).run())  # type: ignore[arg-type]
    assert stage.searched == [0, 4]


def test_nothing_is_looked_for_where_nobody_is() -> None:
    stage = Stage([[]] * 40)
    assert list(live(stage, Script(frames(40))).run()) == []
    assert stage.looked == []


def test_who_is_there_at_the_end_leaves_then() -> None:
    stage = Stage([[face(100, 100), face(400, 100)]] * 30)
    events = list(live(stage, Script(frames(30))).run())
    assert names(events) == ["seen", "seen", "left", "left"]
    assert {event.track for event in events} == {1, 2}  # type: ignore[attr-defined]


def test_a_loss_is_told_and_the_visit_goes_on() -> None:
    stage = Stage([[face(100, 100)]] * 40)
    source = Script([*frames(20), LOST], frames(20), paced=True)
    gate = threading.Semaphore(1)

    def before() -> None:
        """One picture at a time, so that none is dropped."""
        if source._now and isinstance(source._now[0], Frame):
            assert gate.acquire(timeout=5)

    source._before = before
    loop = live(stage, source, every=1, give_up=0.1)
    events = []
    for event in _released(loop, gate):
        events.append(event)
    told = [event for event in events if isinstance(event, SourceChanged)]
    assert [event.state for event in told] == ["reconnecting", "live"]
    assert "the cable is out" in told[0].message
    assert names(events).count("seen") == 1


def test_who_was_there_before_a_long_loss_is_not_there_after_it() -> None:
    stage = Stage([[face(100, 100)]] * 40)
    source = Script([*frames(20), LOST], LOST, frames(20), paced=True)  # 0.5 + 1 seconds
    gate = threading.Semaphore(1)

    def before() -> None:
        if source._now and isinstance(source._now[0], Frame):
            assert gate.acquire(timeout=5)

    source._before = before
    patience = TrackingSettings(patience=0.5)
    told = _released(live(stage, source, every=1, tracking=patience), gate)
    assert names(told) == ["seen", "source", "source", "source", "left", "seen", "left"]


def _released(loop: Live, gate: threading.Semaphore) -> list[Event]:
    """All events; each picture that was looked at lets the next one be read."""
    see = loop._see

    def one(captured: object) -> object:
        yield from see(captured)  # type: ignore[arg-type]
        gate.release()

    loop._see = one  # type: ignore[method-assign, assignment]
    return list(loop.run())


def test_a_source_that_is_not_there_is_an_error() -> None:
    loop = live(Stage([]), Script(LOST, paced=True))
    with pytest.raises(InputError, match="cable"):
        list(loop.run())


def test_it_stops_when_it_is_told_and_everybody_leaves() -> None:
    stage = Stage([[face(100, 100)]] * 256)
    loop = live(stage, Script(frames(200)))
    events = []
    for event in loop.run():
        events.append(event)
        if isinstance(event, Seen):
            loop.stop()
    assert names(events) == ["seen", "left"]
    assert len(stage.searched) + len(stage.looked) == 3


def test_it_ends_after_the_seconds_also_where_nobody_is() -> None:
    stage = Stage([[]] * 256)
    loop = live(stage, Script(frames(200)), seconds=1.0)
    assert list(loop.run()) == []
    assert loop.profile().frames == 26


def test_it_ends_after_the_seconds_of_one_picture_that_is_repeated(tmp_path: Path) -> None:
    (tmp_path / "one.png").write_bytes(encode(np.zeros((48, 64, 3), np.uint8), "PNG"))
    source = open_source(str(tmp_path), fps=8, repeat=True)
    loop = live(Stage([[]]), source, seconds=1.0)
    see = loop._see

    def one(captured: Captured) -> Iterator[Event]:
        assert captured.number < 20
        return see(captured)

    loop._see = one  # type: ignore[method-assign]
    assert list(loop.run()) == []
    assert loop.profile().frames == 9


@pytest.mark.parametrize(
    ("first", "patient"), [([*frames(3), LOST], False), (LOST, True)], ids=["lost", "never there"]
)
def test_it_ends_after_the_seconds_also_without_a_camera(first: Any, patient: bool) -> None:
    stage, clock = Stage([[]] * 256), FakeClock()
    source = Script(first, LOST, LOST, ZeroDivisionError("goes on without an end"), paced=True)
    settings = Settings(every=4, seconds=2.0, patient=patient)
    loop = Live(source, stage, None, settings, looker=stage, clock=clock)  # type: ignore[arg-type]
    events = []
    for event in loop.run():
        events.append(event)
        clock.now = 2.0
    assert names(events) == ["source"]


def test_a_snapshot_shows_the_newest_picture() -> None:
    stage = Stage([[face(100 + i, 100)] for i in range(30)])
    loop = live(stage, Script(frames(30)))
    assert loop.snapshot() is None
    assert loop.wait(-1, 0.01) is None
    list(loop.run())
    shot = loop.snapshot()
    assert shot is not None
    assert shot.number == 29
    assert int(shot.image[0, 0, 0]) == 29
    assert not shot.image.flags.writeable
    (track,) = shot.tracks
    assert track.id == 1
    assert track.found
    assert track.face.box[0] == pytest.approx(100 + 29 - 30, abs=3)
    assert shot.state is State.ENDED
    record = shot.to_dict()
    assert (record["width"], record["height"]) == (64, 48)
    assert record["profile"]["frames"] == 30
    assert set(record["profile"]["stages_ms"]) == {"read", "detect", "look", "track", "frame"}
    assert loop.wait(29, 0.01) is None


def test_whoever_waits_gets_each_picture_while_it_runs() -> None:
    stage = Stage([[]] * 256)
    source = Script(frames(256))
    loop = live(stage, source)
    known, ready = threading.Semaphore(0), threading.Event()

    def before() -> None:
        ready.set()
        known.acquire(timeout=5)

    source._before = before
    runner = threading.Thread(target=lambda: list(loop.run()), daemon=True)
    runner.start()
    assert ready.wait(5)
    number = -1
    for expected in range(20):
        known.release()
        shot = loop.wait(number, 5.0)
        assert shot is not None
        assert shot.number == expected
        number = shot.number
    loop.stop()
    for _ in range(300):
        known.release()
    runner.join(5)
    assert not runner.is_alive()


@pytest.fixture(scope="module")
def engine() -> FaceEngine:
    return FaceEngine.load(min_face=40)


@pytest.fixture(scope="module")
def film(engine: FaceEngine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "people.mp4"
    return write_film(path, swaying(people(3, 200, engine), 60))


def test_people_in_a_film_are_followed_in_every_picture(engine: FaceEngine, film: Path) -> None:
    loop = Live(open_source(str(film)), engine, settings=Settings(every=8))
    events = list(loop.run())
    assert names(events) == ["seen"] * 3 + ["left"] * 3
    left = [event for event in events if isinstance(event, Left)]
    assert {event.track for event in left} == {1, 2, 3}
    assert min(event.pictures for event in left) >= 55  # of 60: the looks find them too
    profile = loop.profile()
    assert profile.frames == 60
    assert profile.dropped == 0
    assert set(profile.stages) == {"read", "detect", "look", "track", "frame"}
    assert profile.stages["detect"].n == 8
    assert profile.kernel_path


@pytest.mark.parametrize("beside", [True, False])
def test_a_look_finds_the_face_where_a_search_does(
    engine: FaceEngine, film: Path, beside: bool
) -> None:
    source = open_source(str(film))
    source.open()
    looker = Looker.beside(upright_only(engine.detector)) if beside else Looker.load()
    for _ in range(5):
        frame = source.read()
        assert isinstance(frame, Frame)
        searched = engine.detect(frame.image).faces
        looked = looker.look(frame.image, searched)
        assert len(looked) == len(searched) == 3
        for one in searched:
            nearest = min(looked, key=lambda other: abs(other.box - one.box).sum())
            eyes = np.linalg.norm(one.landmarks[1] - one.landmarks[0])
            apart = np.linalg.norm(nearest.landmarks - one.landmarks, axis=1).mean()
            assert apart < 0.08 * eyes
    source.close()


def test_a_look_beyond_the_border_or_far_away_finds_nothing(engine: FaceEngine) -> None:
    image = np.zeros((100, 100, 3), np.uint8)
    looker = Looker.load()
    assert looker.look(image, []) == []
    assert looker.look(image, [face(-500, 20), face(1e9, 0), face(50, 50, 0.1)]) == []


class Watched:
    """A refiner or a detector that counts what it is asked, and answers as it was told."""

    sha256 = "0" * 64

    def __init__(self, score: float) -> None:
        self.score, self.asked = score, 0

    def decide(self, photo: object, squares: np.ndarray, least: float = 0.7) -> list[Face]:
        self.asked += len(squares)
        return [Face(box, self.score, np.zeros((5, 2), np.float32)) for box in squares]

    def detect(self, image: np.ndarray, max_faces: int | None = None) -> list[Face]:
        self.asked += 1
        return []


@pytest.mark.parametrize(("score", "windows"), [(0.96, 0), (0.94, 2)])
def test_the_detector_is_asked_only_where_onet_is_unsure(score: float, windows: int) -> None:
    refiner, detector = Watched(score), Watched(0)
    looker = Looker(detector, refiner)  # type: ignore[arg-type]
    looked = looker.look(np.zeros((300, 400, 3), np.uint8), [face(50, 50), face(200, 50)])
    assert refiner.asked == 2
    assert detector.asked == windows
    assert len(looked) == 2 - windows


def test_a_look_takes_the_networks_that_are_there() -> None:
    detector = load_detector("finder", turned=False)
    assert isinstance(detector, RefinedDetector)
    looker = Looker.beside(detector)
    assert looker._refiner is detector.refiner
    assert isinstance(looker._detector, RefinedDetector)
    assert looker._detector.finder is detector.finder
    other = Looker.beside(load_detector("mtcnn", turned=False))
    assert isinstance(other._detector, RefinedDetector)
