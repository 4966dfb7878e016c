"""The programs in examples/ run, and say what is so."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from facesdk import FaceEngine, SavedEmbeddings
from facesdk.models.bundle import ModelBundle
from facesdk.models.registry import DEFAULT_RECOGNIZER, resolve
from facesdk.samples import BIDEN, OBAMA, OBAMA2

FOLDER = Path(__file__).parents[2] / "examples"
DOCS = FOLDER.parent / "docs"
PROGRAMS = sorted(path.name for path in FOLDER.glob("*.py"))


def run(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(FOLDER / name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for photo in (OBAMA, OBAMA2, BIDEN):
        shutil.copy(photo, tmp_path)
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    return tmp_path


@pytest.mark.parametrize("name", PROGRAMS)
def test_each_is_named_in_the_docs_and_has_help(name: str) -> None:
    pages = [page.read_text() for page in DOCS.rglob("*.md")]
    assert any(f"examples/{name})" in page for page in pages)
    assert "usage" in run(name, "--help").stdout


def test_enrol_and_compare() -> None:
    done = run("enrol_and_compare.py", OBAMA, OBAMA2, BIDEN, "nowhere.jpg")
    same, other, missing = done.stdout.splitlines()
    assert "welcome" in same and "unknown" in other and "does not exist" in missing


def test_a_door_knows_its_people(tmp_path: Path) -> None:
    store = tmp_path / "people.npz"
    run("door.py", "enrol", store, OBAMA)
    done = run("door.py", "open", store, OBAMA2, BIDEN, "nowhere.jpg")
    same, other, missing = done.stdout.splitlines()
    assert "welcome, obama" in same and "unknown" in other and "does not exist" in missing


def test_compare_folder(photos: Path) -> None:
    done = run("compare_folder.py", OBAMA, photos)
    rows = [line.split() for line in done.stdout.splitlines()]
    assert [Path(row[-1]).name for row in rows] == ["obama.jpg", "obama2.jpg", "biden.jpg"]
    assert ["same" in row for row in rows] == [True, True, False]
    assert done.stderr.count("left out") == 1 and "broken.jpg" in done.stderr


def test_embed_in_processes(photos: Path) -> None:
    output = photos / "people.npz"
    done = run("embed_in_processes.py", *sorted(photos.glob("*.jpg")), "--output", output)
    assert done.stdout == f"3 of 4 photos -> {output}\n"
    found = SavedEmbeddings.load(output).embeddings()
    assert found[str(photos / "biden.jpg")] == FaceEngine.load().embed(BIDEN)


def test_operators_only() -> None:
    contract = ModelBundle.load(resolve(DEFAULT_RECOGNIZER)).contract
    shown = run("operators_only.py").stdout
    assert shown.startswith(f"(1, {contract.input.height}, {contract.input.width}, 3) -> (1, ")


def test_read_contract() -> None:
    bundle = ModelBundle.load(resolve(DEFAULT_RECOGNIZER))
    shown = run("read_contract.py").stdout
    assert bundle.sha256 in shown
    for threshold in bundle.contract.thresholds:
        assert f"{threshold.fmr:g}: similarity {threshold.similarity:.4f}" in shown
