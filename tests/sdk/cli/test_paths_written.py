"""No verb writes over a file that it was given to read."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from facesdk import samples
from facesdk.cli.main import app
from facesdk.models import registry


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for photo in (samples.OBAMA, samples.OBAMA2):
        shutil.copy(photo, tmp_path)
    shutil.copy(registry.resolve(registry.DEFAULT_RECOGNIZER), tmp_path / "mine.tflite")
    with zipfile.ZipFile("people.zip", "w") as archive:
        archive.write(samples.OBAMA, "obama/1.jpg")
    Path("words").write_text("correct horse battery")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "spared"),
    [
        ("verify obama.jpg obama2.jpg --picture obama2.jpg", "obama2.jpg"),
        ("verify obama.jpg obama2.jpg --picture link.jpg", "obama2.jpg"),
        ("calibrate mine.tflite people.zip --aligned -o people.zip", "people.zip"),
        ("evaluate folder mine.tflite --images people.zip --report people.zip", "people.zip"),
        ("evaluate folder mine.tflite --images people.zip --report mine.tflite", "mine.tflite"),
        ("bench model mine.tflite -o mine.tflite", "mine.tflite"),
        ("models pack mine.tflite -o ./mine.tflite", "mine.tflite"),
        ("export words --gallery door.db --passphrase words", "words"),
    ],
)
def test_it_is_refused_and_stays(folder: Path, words: str, spared: str) -> None:
    (folder / "link.jpg").symlink_to("obama2.jpg")
    before = (folder / spared).read_bytes()
    done = CliRunner().invoke(app, words.split())
    assert done.exit_code == 2, done.output
    assert "it is read as well, name another file" in done.stderr
    assert done.stderr.count("\n") == 1
    assert (folder / spared).read_bytes() == before


def test_a_model_is_still_edited_in_its_place(folder: Path) -> None:
    words = "models edit mine.tflite --set name=mine -o mine.tflite"
    done = CliRunner().invoke(app, words.split())
    assert done.exit_code == 0, done.output
