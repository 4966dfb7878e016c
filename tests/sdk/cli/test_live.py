"""`facesdk live`: its lines, its end, and what it refuses."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

from facesdk import FaceEngine, samples
from facesdk.bench.film import people, swaying, write_film
from facesdk.cli import vocabulary
from facesdk.cli.main import app
from facesdk.errors import EXIT_BAD_INPUT, EXIT_UNAVAILABLE


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    portraits = people(2, 200, FaceEngine.load(min_face=40))
    return write_film(tmp_path_factory.mktemp("film") / "film.mp4", swaying(portraits, 30))


def test_a_line_per_event_and_a_summary(film: Path) -> None:
    done = CliRunner().invoke(app, ["live", str(film), "--json"])
    assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    for row in rows:
        jsonschema.validate(row, vocabulary.schema("live"))
    assert [row["event"] for row in rows] == ["seen", "seen", "left", "left", "summary"]
    assert {row["track"] for row in rows[:2]} == {1, 2}
    assert len(rows[0]["box"]) == 4
    assert len(rows[0]["landmarks"]) == 5
    assert rows[4]["frames"] == 30
    assert rows[4]["counts"] == {"seen": 2, "left": 2}
    assert rows[4]["stages_ms"]["frame"]["n"] == 30


def test_text_for_people(film: Path) -> None:
    done = CliRunner().invoke(app, ["live", str(film), "--seconds", "0.5"])
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert "seen" in lines[0]
    assert "pixels at" in lines[0]
    assert any(line.startswith("  frame") for line in lines)
    assert "14 pictures" in done.stdout
    assert "2 visits" in done.stdout


def test_with_a_gallery_people_have_names(film: Path, tmp_path: Path) -> None:
    where = ["--gallery", str(tmp_path / "door.db"), "--key", str(tmp_path / "key")]
    assert CliRunner().invoke(app, ["enrol", "Joe", str(samples.BIDEN), *where]).exit_code == 0
    done = CliRunner().invoke(app, ["live", str(film), "--json", *where])
    assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    for row in rows:
        jsonschema.validate(row, vocabulary.schema("live"))
    told = [row for row in rows if row["event"] == "identified"]
    names = sorted(row["person"]["name"] if row["person"] else "" for row in told)
    assert names == ["", "Joe"]
    assert rows[-1]["counts"] == {"seen": 2, "identified": 2, "left": 2}
    text = CliRunner().invoke(app, ["live", str(film), *where]).stdout
    assert "Joe  similarity 0." in text
    assert "unknown  after" in text


def test_a_gallery_that_is_not_there_is_one_line(film: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["live", str(film), "--gallery", str(tmp_path / "none.db")])
    assert done.exit_code == EXIT_BAD_INPUT
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_a_summary(film: Path, number: int) -> None:
    command = [sys.executable, "-m", "facesdk", "live", str(film), "--repeat", "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as ran:
        assert ran.stdout is not None
        first = json.loads(ran.stdout.readline())
        ran.send_signal(number)
        out, err = ran.communicate(timeout=60)
    assert ran.returncode == 0, err
    assert err == ""
    rows = [first, *map(json.loads, out.splitlines())]
    assert rows[0]["event"] == "seen"
    assert rows[-1]["event"] == "summary"
    assert rows[-1]["counts"]["seen"] == rows[-1]["counts"]["left"]


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["none.mp4"], EXIT_BAD_INPUT, "does not exist"),
        (["picamera2"], EXIT_UNAVAILABLE, "python3-picamera2"),
        (["97"], EXIT_BAD_INPUT, "camera 97 cannot be opened"),
        (["97", "--size", "big"], EXIT_BAD_INPUT, "WIDTHxHEIGHT"),
        (["97", "--repeat"], EXIT_BAD_INPUT, "can be repeated"),
        (["97", "--real-time"], EXIT_BAD_INPUT, "a pace of its own"),
        (["97", "--key", "k"], EXIT_BAD_INPUT, "give --gallery too"),
        (["97", "--approximate"], EXIT_BAD_INPUT, "give --gallery too"),
        (["97", "--mqtt-name", "door"], EXIT_BAD_INPUT, "give --mqtt too"),
        (["97", "--mqtt", "door"], EXIT_BAD_INPUT, "must be mqtt://HOST"),
        (["http://127.0.0.1:9/"], EXIT_BAD_INPUT, "cannot be reached"),
    ],
)
def test_what_cannot_be_is_one_line(arguments: list[str], status: int, words: str) -> None:
    done = CliRunner().invoke(app, ["live", *arguments])
    assert done.exit_code == status
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
