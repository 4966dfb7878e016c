"""``facesdk train detector`` and ``facesdk data scenes`` as a person types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from facesdk.cli.main import app
from facesdk_training.runs import finder as finder_file

TINY = [
    *("--set", "network.stem=4", "--set", "network.channels=[8,8,8,8]"),
    *("--set", "network.blocks=[0,0,0,0]", "--set", "scenes.canvases=[64]"),
    *("--set", "schedule.batch=2", "--set", "schedule.held_scenes=1", "--device", "cpu"),
]


def run(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, [str(word) for word in words])
    said = done.output + (str(done.exception) if done.exception else "")
    return done.exit_code, said


@pytest.fixture
def given(stores: list[Path]) -> list[object]:
    return [word for store in stores for word in ("--scenes", store)]


def test_a_run_is_trained_told_and_not_overwritten(given, tmp_path):
    words = ["train", "detector", *given, "-o", tmp_path, "--budget", "0.5s", *TINY]
    code, said = run(*words, "--json")
    assert code == 0, said
    report = json.loads(said[said.index("{") :])
    assert report["run"] == str(tmp_path)
    assert report["scenes"] == finder_file.read(tmp_path / "finder.npz").scenes > 0
    code, said = run("train", "detector", *given, "-o", tmp_path, "--resume", "--device", "cpu")
    assert code == 0, said
    assert "facesdk convert finder" in said
    code, said = run(*words)
    assert code == 2
    assert "already holds a run" in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--device", "tpu"], "device"),
        (["--set", "schedule.speed=3"], "there is no such key"),
        (["--set", "scenes.alone=2"], "from 0 to 1"),
        (["--budget", "0"], "budget"),
        (["--budget", "600"], "such as 90s"),
        (["--config", "nothing"], "no recipe of that name: use one of finder"),
        (["--start", "missing.npz"], "cannot read"),
        (["--resume"], "no run to resume"),
    ],
)
def test_what_cannot_be_trained_is_named(given, tmp_path, words, message):
    code, said = run("train", "detector", *given, "-o", tmp_path / "run", *TINY, *words)
    assert code == 2, said
    assert message in said
    assert not (tmp_path / "run" / "finder.npz").exists()


def test_missing_photos_are_named(tmp_path):
    code, said = run("train", "detector", "--scenes", tmp_path / "no", "-o", tmp_path / "r", *TINY)
    assert code == 2
    assert "cannot read" in said
    code, said = run("data", "scenes", tmp_path / "no", "-o", tmp_path / "s")
    assert code == 2


def test_scenes_are_labelled_and_counted(tmp_path):
    from facesdk.samples import OBAMA

    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(OBAMA.read_bytes())
    code, said = run("data", "scenes", tmp_path / "photos", "-o", tmp_path / "s", "--close", "0")
    assert code == 0, said
    assert "1 of 1 photos" in said
