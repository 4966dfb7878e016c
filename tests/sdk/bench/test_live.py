"""The bench of live recognition: what it times is what ran."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facesdk import FaceEngine
from facesdk.bench.film import people, swaying, write_film, write_people
from facesdk.bench.live import Film, bench_live, strangers
from facesdk.bench.live_report import LiveReport
from facesdk.errors import InputError
from facesdk.live.loop import Settings
from facesdk.live.sources.video import VideoSource
from facesdk.measure.timing import Policy


@pytest.fixture(scope="module")
def engine() -> FaceEngine:
    return FaceEngine.load(min_face=40)


@pytest.fixture(scope="module")
def report(engine: FaceEngine, tmp_path_factory: pytest.TempPathFactory) -> LiveReport:
    folder = tmp_path_factory.mktemp("films")
    films = []
    for count in (0, 1):
        path = folder / f"{count}.mp4"
        write_people(path, count, 30, engine, width=320, height=240)
        films.append(Film(f"{count} people", VideoSource(path)))
    (folder / "gallery").mkdir()
    with strangers(folder / "gallery", engine, 20) as gallery:
        return bench_live(
            engine,
            films,
            Policy(30, 5, 0.0),
            gallery=gallery,
            settings=Settings(every=5),
            min_face=40,
        )


def test_the_report_names_the_detector(engine: FaceEngine, report: LiveReport) -> None:
    assert report.to_dict()["detector"] == engine.detector.id


def test_each_stage_is_timed_as_often_as_it_ran(report: LiveReport) -> None:
    nobody, one = report.cases
    for case in report.cases:
        assert (case.width, case.height, case.frames, case.dropped) == (320, 240, 30, 0)
        assert case.frame.n == case.stages["read"].n == len(case.samples) == 30
        assert case.stages["detect"].n == 6
        assert case.seconds > 0
        assert case.fps == pytest.approx(30 / case.seconds)
        assert case.cpu_seconds > 0
    assert (nobody.visits, nobody.names) == (0, 0)
    assert "look" not in nobody.stages
    assert (one.visits, one.names) == (1, 1)
    assert one.stages["look"].n == 24
    assert one.stages["embed"].n == one.stages["identify"].n >= 2
    assert report.templates == 21
    assert report.notes == ("0 people: nobody was seen",)


def test_a_film_that_ends_early_says_nothing_of_memory(
    engine: FaceEngine, report: LiveReport, tmp_path: Path
) -> None:
    assert report.memory is not None and not any("memory" in note for note in report.notes)
    write_people(tmp_path / "short.mp4", 0, 10, engine, width=320, height=240)
    films = [Film("short", VideoSource(tmp_path / "short.mp4"))]
    short = bench_live(
        engine, films, Policy(30, 0, 0.0), gallery=None, settings=Settings(), min_face=40
    )
    assert short.memory is None
    assert any("ended after 10 of 30 pictures" in note for note in short.notes)


def test_whole_pictures_are_at_least_their_stages(report: LiveReport) -> None:
    for case in report.cases:
        inside = sum(row.mean * row.n for name, row in case.stages.items() if name != "read")
        assert inside <= case.frame.mean * case.frame.n
        assert case.samples.sum() == pytest.approx(case.frame.mean * 30)


def test_searches_and_looks_are_judged_and_whole_pictures_are_not(report: LiveReport) -> None:
    said = [flag.message for flag in report.flags if flag.code == "few-runs"]
    assert any("1 people: detect: only 6 runs" in line for line in said)
    assert not any("frame" in flag.message for flag in report.flags)


def test_people_of_a_film_stay_in_their_columns(engine: FaceEngine) -> None:
    pictures = list(swaying(people(3, 90, engine), 20, width=320, height=240))
    assert all(picture.shape == (240, 320, 3) for picture in pictures)
    background = np.all(pictures[0] == 110, axis=2)
    assert background.mean() > 0.4
    assert any(not np.array_equal(pictures[0], other) for other in pictures[1:])


def test_a_film_that_cannot_be_is_refused(engine: FaceEngine, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="people of a film"):
        write_people(tmp_path / "a.mp4", 21, 5, engine, width=320, height=240)
    with pytest.raises(InputError, match="sides of a film"):
        write_people(tmp_path / "a.mp4", 1, 5, engine, width=32, height=24)
    with pytest.raises(InputError, match="needs a picture"):
        write_film(tmp_path / "a.mp4", [])
    with pytest.raises(InputError, match="nothing to look at"):
        bench_live(engine, [], Policy(1, 0), gallery=None, settings=Settings(), min_face=40)
