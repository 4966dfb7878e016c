"""What people see: pictures that are kept, and a window on a display that nobody sees."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageGrab
from typer.testing import CliRunner

from facesdk import FaceEngine
from facesdk.bench.film import people, swaying, write_film
from facesdk.cli.main import app
from facesdk.errors import EXIT_UNAVAILABLE
from facesdk.live.capture import State
from facesdk.live.events import Left, Seen
from facesdk.live.profiling import Profiler
from facesdk.live.showing import PictureFolder, drawn
from facesdk.live.snapshot import Snapshot, TrackView
from sdk.live.films import face

AT = "2026-11-26T20:00:00.{:03}Z"


def shot(*labels: str) -> Snapshot:
    image = np.full((240, 320, 3), 90, np.uint8)
    tracks = tuple(TrackView(i + 1, face(80 + 100 * i, 100), True, 1.0) for i in range(len(labels)))
    return Snapshot(0, image, 0.0, AT.format(0), State.LIVE, "", tracks, Profiler().profile())


def test_everybody_has_a_box_and_the_picture_stays_as_it_was() -> None:
    moment = shot("a", "b")
    picture = drawn(moment)
    assert (moment.image == 90).all()
    changed = np.any(picture != 90, axis=2)
    for x in (80, 180):
        assert changed[70:130, x - 33 : x - 28].any()
    assert not changed[200:].any()


def test_a_folder_keeps_the_newest_pictures_and_leaves_other_files_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.jpg").write_text("not yours")
    folder = PictureFolder(tmp_path, most=3)
    for number in range(6):
        kept = folder.keep(Seen(0.0, AT.format(number), number, face(9, 9)), shot("a"))
        assert kept is not None
        with Image.open(kept) as image:
            assert image.size == (320, 240)
    assert folder.keep(Left(0.0, AT.format(9), 1, 1.0, 3), shot()) is None
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == [
        *(f"2026-11-26T20-00-00.{n:03}Z-{n}-seen.jpg" for n in (3, 4, 5)),
        "mine.jpg",
    ]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    engine = FaceEngine.load(min_face=40)
    pictures = swaying(people(1, 200, engine), 30, width=320, height=240)
    return write_film(tmp_path_factory.mktemp("film") / "film.mp4", pictures)


def test_the_verb_keeps_pictures_only_if_it_is_asked(film: Path, tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["live", str(film)]).exit_code == 0
    assert list(film.parent.iterdir()) == [film]
    target = tmp_path / "kept"
    done = CliRunner().invoke(app, ["live", str(film), "--snapshots", str(target)])
    assert done.exit_code == 0
    (kept,) = target.iterdir()
    assert kept.name.endswith("-1-seen.jpg")


def test_a_window_needs_a_display_and_tk(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    if importlib.util.find_spec("_tkinter") is not None:
        done = CliRunner().invoke(app, ["live", str(film), "--window"])
        assert done.exit_code == EXIT_UNAVAILABLE
        assert "needs a display" in done.stderr
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "_tkinter" else find(name)
    )
    done = CliRunner().invoke(app, ["live", str(film), "--window"])
    assert done.exit_code == EXIT_UNAVAILABLE
    assert "sudo apt install python3-tk" in done.stderr
    assert done.stdout == ""


@pytest.fixture
def display(tmp_path: Path) -> Iterator[str]:
    program = shutil.which("Xvfb")
    assert program, "Xvfb is not installed: run `make xvfb`"
    read, write = os.pipe()
    command = [program, "-displayfd", str(write), "-screen", "0", "640x480x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL) as server:
        os.close(write)
        with os.fdopen(read) as stream:
            number = stream.readline().strip()
        yield f":{number}"
        server.terminate()


@pytest.mark.slow
def test_a_window_shows_the_film_with_boxes_and_ends_with_it(film: Path, display: str) -> None:
    assert importlib.util.find_spec("_tkinter"), "this Python was built without Tk"
    command = [sys.executable, "-m", "facesdk", "live", str(film), "--repeat", "--window"]
    environment = {**os.environ, "DISPLAY": display}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as ran:
        assert ran.stdout is not None
        assert "seen" in ran.stdout.readline()
        end = time.monotonic() + 30
        blue = grey = 0
        while time.monotonic() < end and not (blue and grey):
            screen = np.asarray(ImageGrab.grab(xdisplay=display).convert("RGB")).astype(int)
            blue = int((np.abs(screen - (52, 152, 219)).sum(axis=2) < 6).sum())  # the box
            grey = int((np.abs(screen - 110).sum(axis=2) < 30).sum() > 10_000)  # the background
            time.sleep(0.1)
        ran.send_signal(signal.SIGINT)
        out, err = ran.communicate(timeout=30)
    assert blue > 100
    assert grey
    assert ran.returncode == 0, err
    assert "visits" in out
    assert err == ""
