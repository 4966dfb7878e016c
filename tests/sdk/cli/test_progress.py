"""Long work shows a bar where somebody looks, and nothing where nobody does."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from facesdk.cli import output
from facesdk.cli.main import app
from facesdk.samples import OBAMA, OBAMA2

Step = tuple[int, int, str]


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("album")
    for number, sample in enumerate((OBAMA, OBAMA2)):
        with Image.open(sample) as photo:
            photo.reduce(2).save(folder / f"{number}.jpg", quality=95)
    (folder / "notes.txt").write_text("no photo")
    return folder


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[Step]:
    found: list[Step] = []

    @contextmanager
    def bar(what: str, *, beside_results: bool = False) -> Iterator[object]:
        yield lambda *step: found.append(step)

    monkeypatch.setattr(output, "progress_bar", bar)
    return found


def run(*arguments: object, status: int = 0) -> str:
    done = CliRunner().invoke(app, list(map(str, arguments)))
    assert done.exit_code == status, done.output
    return done.stdout


@pytest.mark.parametrize("verb", ["detect", "align", "embed"])
def test_verbs_for_photos_take_folders_and_say_how_far_they_are(
    verb: str, album: Path, tmp_path: Path, steps: list[Step]
) -> None:
    where = ["-o", tmp_path] if verb == "align" else []
    rows = run(verb, album, *where, "--min-face", 60, "--json").splitlines()
    assert [json.loads(row)["image"] for row in rows] == [
        str(album / name) for name in ("0.jpg", "1.jpg")
    ]
    assert steps == [(done, 2, "photos") for done in range(3)]


def test_a_single_photo_has_no_bar(album: Path, steps: list[Step]) -> None:
    run("detect", album / "0.jpg", "--min-face", 60)
    assert not steps


def test_a_folder_without_photos_is_one_line(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["detect", str(tmp_path)])
    assert done.exit_code == 2
    assert done.stderr == f"facesdk: {tmp_path} is a directory without photos\n"


def test_verbs_for_galleries_say_how_far_they_are(
    album: Path, tmp_path: Path, steps: list[Step], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("PASS", "a long passphrase")
    gallery, copy, file = tmp_path / "a.db", tmp_path / "b.db", tmp_path / "a.export"
    passphrase = ("--passphrase", "env:PASS")
    for what, *arguments in (
        ("photos", "enrol", "Ada", album, "--gallery", gallery, "--min-face", 60),
        ("templates", "gallery", "check", "--gallery", gallery),
        ("templates", "export", file, "--gallery", gallery, *passphrase),
        ("templates", "import", file, "--gallery", copy, *passphrase),
        ("templates", "rotate-key", "--gallery", gallery),
    ):
        steps.clear()
        run(*arguments)
        assert steps and steps[-1] == (2, 2, what), arguments


def on_terminal(command: list[str], results: Path | None) -> tuple[int, bytes]:
    """Status, and what a terminal shows that has stderr, and stdout where no file takes it."""
    terminal, inside = pty.openpty()
    with results.open("wb") if results else nullcontext(inside) as stdout:
        program = subprocess.Popen(command, stdout=stdout, stderr=inside)
    os.close(inside)
    shown = b""
    with suppress(OSError):  # the end of a terminal that nobody writes to any more
        while part := os.read(terminal, 1 << 16):
            shown += part
    os.close(terminal)
    return program.wait(), shown


def test_the_bar_is_on_the_terminal_and_the_results_are_in_the_file(
    album: Path, tmp_path: Path
) -> None:
    results = tmp_path / "faces.jsonl"
    (album / "broken.jpg").write_bytes(b"\xff\xd8")
    command = [sys.executable, "-m", "facesdk", "detect", str(album), "--json", "--min-face", "60"]
    status, shown = on_terminal(command, results)
    assert status == 2
    assert [len(json.loads(row)["faces"]) for row in results.read_text().splitlines()] == [1, 1]
    assert b"photos" in shown and b"3/3" in shown and b"landmarks" not in shown
    assert b"broken.jpg is" in shown.replace(b"\r\n", b" ")
    status, shown = on_terminal(command, None)
    assert status == 2
    assert shown.count(b"landmarks") == 2 and b"3/3" not in shown
    (album / "broken.jpg").unlink()


def test_a_file_of_messages_has_no_bar(album: Path) -> None:
    command = [sys.executable, "-m", "facesdk", "detect", str(album), "--min-face", "60"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stderr == "facesdk: left out 1 of what lies there (1 .txt)\n"
