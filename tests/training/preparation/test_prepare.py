"""``facesdk data prepare``: what is kept, what is dropped; interruptions leave no trace."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from facesdk import samples
from facesdk.detection.registry import load_detector
from facesdk.errors import InputError
from facesdk.recognition.alignment import align
from facesdk_training.cli.data import app
from facesdk_training.data.records import FaceDataset, FaceRecord, read_records
from facesdk_training.preparation import prepare as preparation
from facesdk_training.preparation.cropping import CropOutcome, CropSettings
from facesdk_training.preparation.prepare import PreparationOptions, PreparationReport, prepare
from facesdk_training.preparation.selection import SelectionRules
from facesdk_training.preparation.sources import open_source
from facesdk_training.preparation.store import CropStore

ALIGNED = PreparationOptions(
    CropSettings(32, "png", True, 20), SelectionRules(None, 1, 2), shard_size=7
)


def noise(seed: int, side: int = 32) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8))


def write_crops(folder: Path, people: int, crops: int, side: int = 32) -> Path:
    for person in range(people):
        (folder / f"p{person:02d}").mkdir(parents=True)
        for crop in range(crops):
            noise(1000 * person + crop, side).save(folder / f"p{person:02d}" / f"{crop}.png")
    return folder


def run(
    source: Path, out: Path, options: PreparationOptions = ALIGNED, workers: int = 1
) -> PreparationReport:
    return prepare(open_source(source, aligned=True), out, options, workers=workers)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def records(folder: Path, split: str) -> list[FaceRecord]:
    return list(read_records(FaceDataset.open(folder), split))


def dropped(folder: Path) -> dict[str, str]:
    with (folder / "dropped.csv").open(newline="") as file:
        return {row["source"]: row["reason"] for row in csv.DictReader(file)}


def test_aligned_crops_keep_their_pixels_and_labels(tmp_path: Path) -> None:
    source = write_crops(tmp_path / "faces", people=3, crops=5)
    report = run(source, tmp_path / "out")
    assert (report.train, report.validation, report.people) == (9, 6, 3)
    dataset = FaceDataset.open(tmp_path / "out")
    dataset.verify()
    assert dataset.identities == ("p00", "p01", "p02")
    assert [shard.examples for shard in dataset.splits["train"]] == [7, 2]
    rows = [*records(tmp_path / "out", "train"), *records(tmp_path / "out", "validation")]
    assert len({row.source for row in rows}) == 15
    for row in rows:
        assert row.identity == dataset.identities[row.label] == row.source.split("/")[0]
        assert np.isnan(row.cos_to_identity)
        with Image.open(source / row.source) as original:
            np.testing.assert_array_equal(
                np.asarray(Image.open(io.BytesIO(row.image))), np.asarray(original)
            )


def test_two_crops_a_person_are_held_out_where_one_is_left(tmp_path: Path) -> None:
    source = tmp_path / "faces"
    for crops in (1, 2, 3, 6):
        write_crops(source / str(crops), people=1, crops=crops)
        for path in (source / str(crops) / "p00").iterdir():
            noise(crops * 100 + int(path.stem)).save(path)
    noise(9999).save(source / "unlabelled.png")
    run(source, tmp_path / "out")
    held_out = [row.identity for row in records(tmp_path / "out", "validation")]
    assert sorted(held_out) == ["3/p00", "3/p00", "6/p00", "6/p00"]
    train = records(tmp_path / "out", "train")
    assert (
        sorted(row.identity for row in train)
        == ["", "1/p00", *["2/p00"] * 2, "3/p00"] + ["6/p00"] * 4
    )
    assert [row.label for row in train if not row.identity] == [-1]


def test_what_is_left_out_is_listed_with_the_reason(tmp_path: Path) -> None:
    source = write_crops(tmp_path / "faces", people=3, crops=4)
    (source / "p01" / "again.png").write_bytes((source / "p00" / "0.png").read_bytes())
    (source / "0-unlabelled.png").write_bytes((source / "p00" / "1.png").read_bytes())
    (source / "p00" / "broken.png").write_bytes(b"\x89PNG\r\n")
    noise(5, side=40).save(source / "p00" / "large.png")
    smooth = Image.fromarray(np.tile(np.arange(0, 256, 8, dtype=np.uint8), (32, 1))).convert("RGB")
    smooth.save(source / "p02" / "smooth.png")
    smooth.point(lambda value: value // 2 + 20).save(source / "p02" / "smooth-dark.png")
    (source / "p03").mkdir()
    noise(77).save(source / "p03" / "0.png")
    (tmp_path / "drop.txt").write_text("p01/0.png 1\nmissing/1.png\n")
    options = PreparationOptions(
        ALIGNED.crops, SelectionRules(30, 2, 0), drop=tmp_path / "drop.txt", shard_size=100
    )
    report = run(source, tmp_path / "out", options)
    assert dropped(tmp_path / "out") == {
        "0-unlabelled.png": "duplicate",
        "p00/broken.png": "unreadable",
        "p00/large.png": "wrong_size",
        "p01/0.png": "in_drop_list",
        "p01/again.png": "duplicate",
        "p02/smooth.png": "near_duplicate",
        "p03/0.png": "few_images",
    }
    assert report.dropped == {
        "duplicate": 2,
        "few_images": 1,
        "in_drop_list": 1,
        "near_duplicate": 1,
        "unreadable": 1,
        "wrong_size": 1,
    }
    assert (report.other_names, report.unknown_list_entries) == (1, 1)
    assert report.train + report.validation + sum(report.dropped.values()) == report.photos
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == report.to_dict()
    for sheet in ("contact-sheet.jpg", "near-duplicates.jpg"):
        assert Image.open(tmp_path / "out" / sheet).size[0] > 32


def test_a_keep_list_is_all_that_is_used(tmp_path: Path) -> None:
    source = write_crops(tmp_path / "faces", people=2, crops=3)
    (tmp_path / "keep.txt").write_text("p00\\1.png 0\np01\n")
    options = PreparationOptions(
        ALIGNED.crops, SelectionRules(None, 1, 0), keep=tmp_path / "keep.txt"
    )
    assert run(source, tmp_path / "out", options).dropped == {"not_in_keep_list": 2}
    kept = {row.source for row in records(tmp_path / "out", "train")}
    assert kept == {"p00/1.png", "p01/0.png", "p01/1.png", "p01/2.png"}


@pytest.mark.parametrize("name", [b"p\xff/0.png", b"p/\xff.png"])
def test_a_name_that_is_not_utf8_is_refused_before_anything_is_written(
    name: bytes, tmp_path: Path
) -> None:
    source = write_crops(tmp_path / "crops", 2, 2)
    path = source / os.fsdecode(name)
    path.parent.mkdir()
    noise(1).save(path)
    with pytest.raises(InputError, match="is no text in this system's encoding"):
        run(source, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_photos_are_detected_and_aligned_with_a_margin(tmp_path: Path) -> None:
    source = tmp_path / "photos"
    for name in ("obama", "obama2", "biden"):
        (source / name.rstrip("2")).mkdir(parents=True, exist_ok=True)
        photo = Image.open(Path(samples.__file__).with_name(f"{name}.jpg"))
        photo.thumbnail((300, 300))
        photo.save(source / name.rstrip("2") / f"{name}.png")
    noise(1, side=64).save(source / "biden" / "noise.png")
    options = PreparationOptions(CropSettings(128, "png", False, 40), SelectionRules(30, 1, 0))
    report = prepare(open_source(source), tmp_path / "out", options, workers=1)
    assert report.dropped == {"undetected": 1}
    assert dropped(tmp_path / "out") == {"biden/noise.png": "undetected"}
    detector = load_detector(min_face=40)
    for row in records(tmp_path / "out", "train"):
        crop = np.asarray(Image.open(io.BytesIO(row.image)))
        assert crop.shape == (128, 128, 3)
        photo = np.asarray(Image.open(source / row.source))
        expected = align(photo, detector.detect(photo)[0].landmarks)
        difference = np.abs(crop[8:-8, 8:-8].astype(int) - expected.astype(int))
        assert difference.mean() < 0.5


def test_a_run_that_stops_anywhere_ends_with_the_same_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_crops(tmp_path / "faces", people=8, crops=9)
    run(source, tmp_path / "whole")
    add, calls = preparation.CropStore.add, iter(range(100))

    def add_once(store: Any, outcomes: Any) -> None:
        if next(calls) == 1:
            raise KeyboardInterrupt
        add(store, outcomes)

    write, written = preparation.write_shard, iter(range(100))

    def write_twice(path: Path, rows: Any) -> Any:
        if next(written) == 2:
            raise InputError("disk full")
        return write(path, rows)

    cropped: list[str] = []
    crop = preparation.Cropper.crop

    def count(cropper: Any, photo: Any) -> Any:
        cropped.append(photo.source)
        return crop(cropper, photo)

    monkeypatch.setattr(preparation.Cropper, "crop", count)
    monkeypatch.setattr(preparation.CropStore, "add", add_once)
    monkeypatch.setattr(preparation, "write_shard", write_twice)
    with pytest.raises(KeyboardInterrupt):
        run(source, tmp_path / "out")
    with pytest.raises(InputError, match="disk full"):
        run(source, tmp_path / "out")
    assert not (tmp_path / "out" / "dataset.json").exists()
    run(source, tmp_path / "out")
    assert content(tmp_path / "out") == content(tmp_path / "whole")
    assert len(cropped) == 72 + 32, "only the job that was interrupted is done twice"


def test_worker_processes_make_the_same_files(tmp_path: Path) -> None:
    source = write_crops(tmp_path / "faces", people=5, crops=14)
    run(source, tmp_path / "one")
    run(source, tmp_path / "two", workers=2)
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_a_finished_dataset_is_left_as_it_is(tmp_path: Path) -> None:
    source = write_crops(tmp_path / "faces", people=2, crops=3)
    report = run(source, tmp_path / "out")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    assert run(source, tmp_path / "out") == report
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == before
    noise(5).save(source / "p00" / "new.png")
    with pytest.raises(InputError, match="other photos or options"):
        run(source, tmp_path / "out")


def test_folders_that_hold_something_else_are_refused(tmp_path: Path) -> None:
    source = write_crops(tmp_path / "faces", people=2, crops=3)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.tfrecord").write_text("mine")
    with pytest.raises(InputError, match="holds other files"):
        run(source, tmp_path / "out")
    (tmp_path / "out" / "work.sqlite").write_text("no database" * 100)
    with pytest.raises(InputError, match="cannot use"):
        run(source, tmp_path / "out")
    assert (tmp_path / "out" / "mine.tfrecord").read_text() == "mine"


def test_a_damaged_store_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    store = CropStore(tmp_path / "work.sqlite", "mine")
    store.add((n, CropOutcome("", "", b"s", b"p", bytes(5000))) for n in range(40))
    store.close()
    size = (tmp_path / "work.sqlite").stat().st_size
    with (tmp_path / "work.sqlite").open("r+b") as file:
        file.seek(size // 8)
        file.write(b"\xff" * (size * 3 // 4))
    store = CropStore(tmp_path / "work.sqlite", "mine")
    for read in (store.numbers, store.outcomes, lambda: store.crop(20)):
        with pytest.raises(InputError, match="delete it to start again"):
            read()


def test_no_usable_photo_is_an_error(tmp_path: Path) -> None:
    source = write_crops(tmp_path / "faces", people=1, crops=2, side=16)
    with pytest.raises(InputError, match=r"no photo is left.*wrong_size"):
        run(source, tmp_path / "out")


def test_the_command_prints_a_report(tmp_path: Path) -> None:
    source = write_crops(tmp_path / "faces", people=2, crops=4)
    arguments = ["prepare", str(source), "--aligned", "--side", "32", "--workers", "1"]
    done = CliRunner().invoke(app, [*arguments, "-o", str(tmp_path / "out"), "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert (report["train"], report["validation"], report["people"]) == (4, 4, 2)
    assert report["people_by_crops"] == {"2": 2}
    (warning,) = report["warnings"]
    assert warning.startswith("0 of 2 people have 3 crops for training or more")
    again = CliRunner().invoke(app, [*arguments, "-o", str(tmp_path / "out")])
    assert f"facesdk: warning: {warning}\n" in again.stderr
    assert "8 of 8 photos, 2 people" in again.stdout
    wrong = CliRunner().invoke(app, [*arguments, "--encoding", "gif"])
    assert isinstance(wrong.exception, InputError)


@pytest.mark.parametrize(
    ("people", "crops", "warnings"),
    [
        (2, 5, []),
        (2, 2, ["0 of 2 people have 3", "no crop is held out"]),
        (1, 6, ["1 of 1 people"]),
    ],
)
def test_a_dataset_that_cannot_be_trained_on_is_said_so(
    tmp_path: Path, people: int, crops: int, warnings: list[str]
) -> None:
    source = write_crops(tmp_path / "faces", people=people, crops=crops)
    arguments = ["prepare", str(source), "--aligned", "--side", "32", "--workers", "1", "--json"]
    done = CliRunner().invoke(app, [*arguments, "-o", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)["warnings"]
    assert len(found) == len(warnings)
    for sentence, start in zip(found, warnings, strict=True):
        assert sentence.startswith(start)


def prepare_crops(source: Path, out: Path) -> list[str]:
    """Arguments of ``facesdk data``."""
    options = ("--aligned", "--encoding", "png", "--shard-size", "40", "--workers", "2")
    return ["prepare", str(source), *options, "-o", str(out)]


def prepare_here(source: Path, out: Path) -> None:
    """In this process, which has loaded TensorFlow."""
    done = CliRunner().invoke(app, prepare_crops(source, out))
    assert done.exit_code == 0, done.output


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_crops(tmp_path_factory.mktemp("many") / "faces", people=40, crops=25, side=112)


@pytest.fixture(scope="module")
def undisturbed(many: Path) -> dict[str, bytes]:
    """What a preparation that nobody kills writes."""
    out = many.parent / "whole"
    prepare_here(many, out)
    return content(out)


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["crop", "write"])
def test_kill_9_leaves_nothing_behind_but_finished_work(
    many: Path, undisturbed: dict[str, bytes], tmp_path: Path, moment: str
) -> None:
    out = tmp_path / "out"

    def started() -> bool:
        if moment == "write":
            return any(out.glob("*.tfrecord"))
        try:
            with sqlite3.connect(out / "work.sqlite") as database:
                return bool(database.execute("SELECT count(*) FROM photos").fetchone()[0])
        except sqlite3.Error:
            return False

    command = [sys.executable, "-m", "facesdk", "data", *prepare_crops(many, out)]
    process = subprocess.Popen(command, start_new_session=True)
    while not started():
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (out / "dataset.json").exists()
    deadline = time.monotonic() + 60
    while _session_is_alive(process.pid):
        assert time.monotonic() < deadline, "the workers outlive their parent"
        time.sleep(0.1)
    prepare_here(many, out)
    assert content(out) == undisturbed


def _session_is_alive(session: int) -> bool:
    try:
        os.killpg(session, 0)
    except ProcessLookupError:
        return False
    return True
