"""``facesdk evaluate lfw`` with the packaged models on a miniature LFW of sample photos."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from facesdk import samples
from facesdk.errors import EXIT_BAD_INPUT

MODEL = "compactfacenet-qb"
PAIRS = "2\t1\nObama\t1\t2\nObama\t1\tBiden\t1\nBiden\t1\t2\nObama\t2\tBiden\t2\n"


def run(*arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "facesdk", "evaluate", "lfw", *arguments],
        capture_output=True,
        text=True,
    )
    assert done.returncode == status, f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


@pytest.fixture
def lfw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The options that name a miniature LFW; the cache folder is in ``tmp_path`` too."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for person, number, sample, mirrored in (
        ("Obama", 1, "obama", False),
        ("Obama", 2, "obama2", False),
        ("Biden", 1, "biden", False),
        ("Biden", 2, "biden", True),
    ):
        folder = tmp_path / "lfw" / person
        folder.mkdir(parents=True, exist_ok=True)
        photo = Image.open(Path(samples.__file__).with_name(f"{sample}.jpg"))
        photo.thumbnail((400, 400))
        if mirrored:
            photo = photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        photo.save(folder / f"{person}_{number:04d}.jpg", quality=95)
    (tmp_path / "pairs.txt").write_text(PAIRS)
    return ["--images", str(tmp_path / "lfw"), "--pairs", str(tmp_path / "pairs.txt")]


def cached(tmp_path: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.npz")}


def test_json_is_one_object_on_stdout(lfw: list[str], tmp_path: Path) -> None:
    done = run(MODEL, *lfw, "--json")
    record: dict[str, Any] = json.loads(done.stdout)
    assert {"accuracy", "std", "folds", "pairs", "tar_at_far", "undetected"} <= set(record)
    assert {"0.01", "0.001"} <= set(record["at_recommended_thresholds"])
    assert (record["folds"], record["pairs"], record["photos"]) == (2, 4, 4)
    assert (record["accuracy"], record["undetected"]) == (1.0, 0)
    before = cached(tmp_path)
    assert len(before) == 2
    assert json.loads(run(MODEL, *lfw, "--json").stdout) == record
    assert cached(tmp_path) == before


def test_saved_embeddings_say_how_many_photos_had_no_face(lfw: list[str], tmp_path: Path) -> None:
    Image.new("RGB", (200, 200)).save(tmp_path / "lfw" / "Biden" / "Biden_0002.jpg")
    saved = tmp_path / "saved.npz"
    first = json.loads(run(MODEL, *lfw, "--save-embeddings", str(saved), "--json").stdout)
    again = json.loads(run(str(saved), *lfw[2:], "--json").stdout)
    assert (first["undetected"], again["undetected"]) == (1, 1)
    arrays = dict(np.load(saved))
    del arrays["undetected"]
    np.savez(saved, **arrays)
    assert json.loads(run(str(saved), *lfw[2:], "--json").stdout)["undetected"] is None
    page = tmp_path / "page.html"
    assert "undetected      unknown" in run(str(saved), *lfw[2:], "--report", str(page)).stdout
    assert "unknown" in page.read_text()


def test_text_says_how_it_was_measured_and_nobody_watches_a_pipe(lfw: list[str]) -> None:
    done = run(MODEL, *lfw)
    for word in ("accuracy", "100.00 %", "4 pairs, 2 folds, 4 photos", "undetected", "finder"):
        assert word in done.stdout
    assert done.stderr == ""


def test_without_cache_nothing_is_written(lfw: list[str], tmp_path: Path) -> None:
    run(MODEL, *lfw, "--no-cache", "--json")
    assert cached(tmp_path) == {}


def test_flip_can_be_chosen(lfw: list[str], tmp_path: Path) -> None:
    both = [json.loads(run(MODEL, *lfw, o, "--json").stdout) for o in ("--flip", "--no-flip")]
    assert [record["flip"] for record in both] == [True, False]
    assert both[0]["threshold_mean"] != both[1]["threshold_mean"]
    assert len(cached(tmp_path)) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "pairs.txt").unlink(), "cannot read the pairs"),
        (lambda folder: (folder / "pairs.txt").write_text("10\t300\n"), "the file is incomplete"),
        (lambda folder: (folder / "lfw/Biden/Biden_0002.jpg").unlink(), "lacks 1 of the 4 photos"),
        (
            lambda folder: (folder / "lfw/Obama/Obama_0001.jpg").write_bytes(b"\xff\xd8\xff"),
            "Obama/Obama_0001.jpg is",
        ),
    ],
)
def test_bad_input_is_one_line(lfw: list[str], tmp_path: Path, change: Any, message: str) -> None:
    change(tmp_path)
    done = run(MODEL, *lfw, "--json", status=EXIT_BAD_INPUT)
    assert done.stdout == ""
    assert message in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_unknown_model_and_contract(lfw: list[str], tmp_path: Path) -> None:
    assert "nonsense" in run("nonsense", *lfw, status=EXIT_BAD_INPUT).stderr
    contract = str(tmp_path / "none.json")
    assert "none.json" in run(MODEL, *lfw, "--contract", contract, status=EXIT_BAD_INPUT).stderr
