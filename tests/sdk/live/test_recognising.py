"""Identification of the people in a film, against who is in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from facesdk import FaceEngine, samples
from facesdk.bench.film import people, swaying, write_film
from facesdk.gallery.sqlite import SqliteGallery
from facesdk.images import decode
from facesdk.live.events import Identified, Left
from facesdk.live.loop import Live, Settings
from facesdk.live.recognising import Recogniser
from facesdk.live.snapshot import TrackView
from facesdk.live.sources.opening import open_source
from facesdk.live.tracking import Tracker, TrackingSettings
from facesdk.live.voting import VotingSettings
from facesdk.results import Face
from sdk.live.films import face


@pytest.fixture(scope="module")
def engine() -> FaceEngine:
    return FaceEngine.load(min_face=40)


@pytest.fixture(scope="module")
def film(engine: FaceEngine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "people.mp4"
    return write_film(path, swaying(people(3, 200, engine), 60))


@pytest.fixture
def gallery(
    engine: FaceEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SqliteGallery]:
    with SqliteGallery.open(
        tmp_path / "door.db", embedder=engine.embedder, key=tmp_path / "key", create=True
    ) as opened:
        yield opened


def test_people_get_their_names_once_and_strangers_are_unknown(
    engine: FaceEngine, film: Path, gallery: SqliteGallery
) -> None:
    for photo in (samples.OBAMA, samples.OBAMA2):
        gallery.enrol("Barack", engine.embed(photo), quality=1.0)
    loop = Live(open_source(str(film)), engine, gallery, Settings(every=8))
    events = list(loop.run())
    told = [event for event in events if isinstance(event, Identified)]
    names = Counter(row.verdict.person.name if row.verdict.person else None for row in told)
    assert names == {"Barack": 2, None: 1}  # two pictures of him, and one of somebody else
    assert len({row.track for row in told}) == 3  # each told once
    left = {event.track: event for event in events if isinstance(event, Left)}
    for row in told:
        assert left[row.track].verdict is not None
        assert left[row.track].verdict.person == row.verdict.person  # type: ignore[union-attr]
        record = row.to_dict()
        assert (record["person"] or {}).get("name") == (
            row.verdict.person and row.verdict.person.name
        )
        assert record["threshold"] <= 1
        assert "embedding" not in str(record)
    stages = loop.profile().stages
    assert {"assess", "align", "embed", "identify"} <= set(stages)
    # a few looks each, not one in every picture
    assert stages["identify"].n <= 20
    shot = loop.snapshot()
    assert shot is not None
    labels = [track.label for track in shot.tracks]
    assert sum("Barack" in label for label in labels) == 2
    assert sum("unknown" in label for label in labels) == 1
    assert all(track["quality_score"] >= 0.5 for track in shot.to_dict()["tracks"])


def test_a_face_that_is_too_poor_says_so_in_the_record(engine: FaceEngine) -> None:
    dark = decode.load(samples.OBAMA) // 8
    found = engine.detect(dark).faces[0]
    quality = engine.quality(dark, found)
    record = TrackView(1, found, True, 0.0, quality=quality).to_dict()
    assert record["quality_score"] == round(quality.score, 4)
    assert record["reasons"] == list(quality.reasons) != []
    assert TrackView(1, found, True, 0.0).to_dict()["quality_score"] is None


def test_somebody_who_is_enrolled_meanwhile_is_recognised(
    engine: FaceEngine, film: Path, gallery: SqliteGallery
) -> None:
    loop = Live(
        open_source(str(film)),
        engine,
        gallery,
        Settings(every=8, voting=VotingSettings(refresh=0.2)),
    )
    names = []
    for event in loop.run():
        if isinstance(event, Identified):
            person = event.verdict.person
            names.append(person and person.name)
            if len(names) == 3:  # all are unknown to an empty gallery
                gallery.enrol("Joe", engine.embed(samples.BIDEN), quality=1.0)
    assert names == [None, None, None, "Joe"]


class Slow:
    """An engine and a gallery that count what is asked of them."""

    def __init__(self, scores: dict[int, float]) -> None:
        self.scores, self.embedded = scores, Counter[int]()

    def quality(self, image: np.ndarray, face: Face) -> object:
        column = int(face.box[0] // 100)
        score = self.scores.get(column, 1.0)
        return type("Q", (), {"score": score, "acceptable": score >= 0.5, "reasons": ()})()

    def embed(self, image: np.ndarray, face: Face) -> int:
        self.embedded[int(face.box[0] // 100)] += 1
        return 0

    def identify(self, embedding: object, **_: object) -> object:
        from facesdk.gallery.gallery import Identification

        return Identification(None, 0.1, 0.4, None, None, 1, "", ())


def test_a_crowd_takes_turns_and_bad_pictures_are_not_embedded() -> None:
    double = Slow({1: 0.3})
    recogniser = Recogniser(double, double)  # type: ignore[arg-type]
    tracker = Tracker(TrackingSettings(confirm=1))
    crowd = [face(100 * i + 50, 50) for i in range(5)]
    most = 0
    for number in range(100):
        time = number / 25
        tracker.predict(time)
        tracker.update(crowd, time, complete=True)
        before = sum(double.embedded.values())
        recogniser.see(np.zeros((1, 1, 3), np.uint8), tracker.tracks, time)
        most = max(most, sum(double.embedded.values()) - before)
    assert most == 1
    assert set(double.embedded) == {0, 2, 3, 4}
    assert min(double.embedded.values()) >= 3
    assert all(recogniser.verdict(t.id) for t in tracker.tracks if t.face.box[0] // 100 != 1)
    for track in tracker.tracks:
        recogniser.forget(track.id)
    assert recogniser._votes == recogniser._quality == recogniser._assessed == {}


def test_a_face_with_impossible_landmarks_is_passed_over(engine: FaceEngine) -> None:
    tracker = Tracker(TrackingSettings(confirm=1))
    plain = face(50, 50)
    mirrored = Face(plain.box, 1.0, plain.landmarks[[1, 0, 2, 4, 3]])
    tracker.update([mirrored], 0.0, complete=True)
    recogniser = Recogniser(engine, Slow({}))  # type: ignore[arg-type]
    image = np.zeros((100, 100, 3), np.uint8)
    assert recogniser.see(image, tracker.tracks, 0.0) == []
