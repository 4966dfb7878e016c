"""The contract of the command line for scripts, through real processes and real photos."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import facesdk
from facesdk import samples
from facesdk.images import decode, encode
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.models.templates import TEMPLATES
from facesdk.runtime import operator_library
from sdk.command import run_forked

OBAMA, OBAMA2, BIDEN = map(str, (samples.OBAMA, samples.OBAMA2, samples.BIDEN))


def run(*arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    done = run_forked(*arguments)
    assert done.returncode == status, f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def assert_one_line(text: str) -> None:
    assert text.endswith("\n")
    assert text.count("\n") == 1
    assert "Traceback" not in text


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Two people side by side; the one on the right is larger."""
    small = cv2.resize(decode.load(OBAMA), (364, 455), interpolation=cv2.INTER_AREA)
    large = cv2.resize(decode.load(BIDEN), (400, 909), interpolation=cv2.INTER_AREA)
    canvas = np.zeros((909, 800, 3), np.uint8)
    canvas[:455, :364] = small
    canvas[:, 400:] = large
    path = tmp_path_factory.mktemp("crowd") / "crowd.png"
    encode.save(path, canvas)
    return str(path)


def test_verify_same() -> None:
    done = run("verify", OBAMA, OBAMA2, "--json")
    record = json.loads(done.stdout)
    assert set(record) == {
        "same",
        "similarity",
        "threshold",
        "fmr",
        "model",
        "confidence",
        "note",
        "faces",
        "timings_ms",
    }
    assert record["same"] is True
    assert record["similarity"] >= record["threshold"]
    assert len(record["faces"]) == 2
    assert set(record["faces"][0]) == {"box", "score", "landmarks", "reason", "quality"}
    assert all(face["quality"]["acceptable"] for face in record["faces"])
    assert set(record["timings_ms"]) == {"detect", "align", "embed", "match", "total"}
    assert all(value >= 0 for value in record["timings_ms"].values())
    assert done.stderr == ""


def test_a_face_that_is_not_fit_has_a_status_of_its_own(tmp_path: Path) -> None:
    blurred, target = tmp_path / "blurred.png", tmp_path / "verdict.png"
    encode.save(blurred, cv2.GaussianBlur(decode.load(OBAMA2), (0, 0), 25))
    pair = ("verify", OBAMA, str(blurred))
    done = run(*pair, "--json", "--picture", str(target), status=6)
    assert "blurred" in done.stderr
    assert "--allow-low-quality" in done.stderr
    assert done.stderr.count("\n") == 1
    record = json.loads(done.stdout)
    assert record["same"] is None
    assert [face["acceptable"] for face in record["qualities"]] == [True, False]
    assert not target.exists()
    allowed = run(*pair, "--allow-low-quality", "--threshold", "-1")
    assert "blurred" in allowed.stdout
    assert json.loads(run("embed", str(blurred), "--json").stdout)["faces"][0]["quality"]["reasons"]


def test_verify_different_and_save(tmp_path: Path) -> None:
    target = tmp_path / "verdict.png"
    done = run("verify", OBAMA, BIDEN, "--json", "--picture", str(target), status=1)
    assert json.loads(done.stdout)["same"] is False
    picture = decode.load(target)
    assert picture.shape[0] > 400
    assert [path.name for path in tmp_path.iterdir()] == ["verdict.png"]


def test_verify_in_words() -> None:
    text = run("verify", OBAMA, OBAMA2).stdout
    for word in ("SAME PERSON", "similarity", "threshold", "detect", "align", "embed", "match"):
        assert word in text


def test_a_threshold_of_the_caller_has_no_fmr() -> None:
    record = json.loads(run("verify", OBAMA, OBAMA2, "--threshold", "1", "--json", status=1).stdout)
    assert record["fmr"] is None
    assert record["threshold"] == 1


def test_an_fmr_the_model_does_not_have() -> None:
    done = run("verify", OBAMA, OBAMA2, "--fmr", "0.123", status=2)
    assert_one_line(done.stderr)
    assert "0.123" in done.stderr


def test_a_rate_between_the_calibrated_ones() -> None:
    record = json.loads(run("verify", OBAMA, OBAMA2, "--fmr", "0.003", "--json").stdout)
    assert record["fmr"] == 0.003
    assert "between those for an FMR of 0.001 and 0.01" in record["note"]
    assert "note" in run("verify", OBAMA, OBAMA2, "--fmr", "0.003").stdout


def test_a_face_is_picked_by_its_number(crowd: str) -> None:
    assert json.loads(run("verify", crowd, BIDEN, "--json").stdout)["same"]
    assert not json.loads(run("verify", crowd, BIDEN, "--face", "1", "--json", status=1).stdout)[
        "same"
    ]
    assert json.loads(run("verify", crowd, OBAMA, "--face", "1", "--face", "0", "--json").stdout)[
        "same"
    ]
    for numbers, photo in (("0", "2"), "obama.jpg"), (("9", "0"), "crowd"):
        pair = [word for number in numbers for word in ("--face", number)]
        done = run("verify", crowd, OBAMA, *pair, status=5)
        assert_one_line(done.stderr)
        assert photo in done.stderr
        assert "there is no face" in done.stderr
    done = run("verify", crowd, OBAMA, "--face", "7", status=5)
    assert_one_line(done.stderr)
    assert "no face 7" in done.stderr


@pytest.mark.parametrize("verb", ["embed", "align"])
def test_one_number_for_several_photos_picks_in_those_with_several(
    crowd: str, tmp_path: Path, verb: str
) -> None:
    more = ["-o", str(tmp_path)] if verb == "align" else []
    done = run(verb, OBAMA, "--face", "1", *more, status=5)
    assert_one_line(done.stderr)
    assert "there is no face 1; 1 found" in done.stderr
    both = run(verb, crowd, OBAMA, "--face", "1", "--json", *more).stdout.splitlines()
    faces = [json.loads(line)["faces" if verb == "embed" else "crops"][0]["face"] for line in both]
    assert faces == [1, 0]


def test_detect_prints_one_object_a_line(tmp_path: Path, crowd: str) -> None:
    blank = tmp_path / "blank.png"
    encode.save(blank, np.full((90, 120, 3), 128, np.uint8))
    done = run("detect", crowd, str(blank), "--json", "--picture", str(tmp_path / "drawn"))
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert set(first) == {"image", "width", "height", "detector", "faces"}
    assert (first["width"], first["height"], len(first["faces"])) == (800, 909, 2)
    assert first["faces"][0]["box"][0] > first["faces"][1]["box"][0]
    detector = first["detector"]
    assert detector.startswith("finder ")
    assert second == {
        "image": str(blank),
        "width": 120,
        "height": 90,
        "detector": detector,
        "faces": [],
    }
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == [
        "blank.faces.jpg",
        "crowd.faces.jpg",
    ]


def test_detect_does_the_other_photos_after_a_bad_one(tmp_path: Path) -> None:
    done = run("detect", str(tmp_path / "none.jpg"), OBAMA, "--json", status=2)
    assert json.loads(done.stdout)["image"] == OBAMA
    assert_one_line(done.stderr)


def test_two_photos_of_one_name_are_not_saved_over_each_other(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for folder in (tmp_path, tmp_path / "a"):
        encode.save(folder / "p.png", np.zeros((20, 20, 3), np.uint8))
    same = [str(tmp_path / "p.png"), str(tmp_path / "a" / "p.png")]
    for verb in (["detect", "--picture"], ["align", "-o"]):
        done = run(verb[0], *same, verb[1], str(tmp_path / "out"), status=2)
        assert_one_line(done.stderr)
    assert not (tmp_path / "out").exists()


def test_max_faces_keeps_the_largest(crowd: str) -> None:
    both = json.loads(run("detect", crowd, "--json").stdout)["faces"]
    one = json.loads(run("detect", crowd, "--max-faces", "1", "--json").stdout)["faces"]
    assert [face["box"] for face in one] == [both[0]["box"]]
    assert [face["chosen"] for face in both] == [True, False]
    assert one[0]["reason"] == "the only face"
    assert both[0]["reason"] == "the largest trusted face of 2"


def test_embed() -> None:
    lines = run("embed", OBAMA, OBAMA2, "--json").stdout.splitlines()
    records = [json.loads(line) for line in lines]
    assert [record["image"] for record in records] == [OBAMA, OBAMA2]
    for record in records:
        assert set(record) == {"image", "model", "model_id", "dim", "embedding", "faces"}
        (face,) = record["faces"]
        assert set(face) == {"face", "box", "score", "landmarks", "reason", "quality"}
        assert len(record["embedding"]) == record["dim"]
        assert np.linalg.norm(record["embedding"]) == pytest.approx(1, abs=1e-4)
    verified = json.loads(run("verify", OBAMA, OBAMA2, "--json").stdout)
    cosine = float(np.dot(records[0]["embedding"], records[1]["embedding"]))
    assert verified["similarity"] == pytest.approx(cosine, abs=1e-5)


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_align(tmp_path: Path, crowd: str, template: str) -> None:
    done = run("align", crowd, "--all", "--template", template, "-o", str(tmp_path), "--json")
    crops = json.loads(done.stdout)["crops"]
    assert len(crops) == 2
    for crop in crops:
        assert decode.load(crop["path"]).shape == (*TEMPLATES[template].size, 3)


def test_models_lists_real_files() -> None:
    records = json.loads(run("models", "--json").stdout)
    assert {record["task"] for record in records} == {"detection", "recognition"}
    for record in records:
        assert {"name", "task", "path", "sha256", "bytes", "dim", "thresholds"} <= set(record)
        content = Path(record["path"]).read_bytes()
        assert len(content) == record["bytes"]
        assert hashlib.sha256(content).hexdigest() == record["sha256"]
    recogniser = next(r for r in records if r["name"] == "compactfacenet-qb")
    assert recogniser["bytes"] <= 2 * 2**20  # 24 units: decision 50 in docs/build/decisions
    assert {0.01, 0.001} <= {row["fmr"] for row in recogniser["thresholds"]}


def test_thresholds_stand_with_what_they_cost_in_every_help_and_table() -> None:
    contract = ModelBundle.load(registry.resolve("compactfacenet-qb")).contract
    assert len(contract.thresholds) == 3
    listed, shown = run("models").stdout, run("models", "show", "compactfacenet-qb").stdout
    help_text = " ".join(run("verify", "--help").stdout.split())
    for row in contract.thresholds:
        turned_away = f"{100 * row.fnmr:.1f} %"
        in_order = rf"{row.fmr:g} +{row.similarity:.4f} +{turned_away}"
        assert re.search(rf"compactfacenet-qb +{in_order}", listed)
        assert re.search(in_order, shown)
        assert f"{row.fmr:g} turns away {turned_away}" in help_text


def test_models_refuses_what_it_does_not_know() -> None:
    done = run("models", "nonsense", status=2)
    assert_one_line(done.stderr)
    assert "facesdk models --help`" in done.stderr


def test_doctor() -> None:
    record = json.loads(run("doctor", "--json").stdout)
    assert {"runtime", "ops", "cpu", "python", "models"} <= set(record)
    assert set(record["runtime"]) == {"name", "version"}
    assert set(record["ops"]) == {"path", "version", "isa", "why", "available", "unavailable"}
    assert record["ops"]["isa"] == record["ops"]["available"][-1]
    assert record["cpu"]["threads"] >= 1
    assert record["problems"] == []


def test_doctor_says_that_a_path_is_forced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACESDK_OPS_ISA", "reference")
    ops = json.loads(run("doctor", "--json").stdout)["ops"]
    assert ops["isa"] == "reference"
    assert ops["why"] == f"FACESDK_OPS_ISA forces it; {ops['available'][-1]} would be faster"
    assert f"reference: {ops['why']}" in run("doctor").stdout


def test_doctor_reports_a_missing_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FACESDK_OPS_LIBRARY", str(tmp_path / "none.so"))
    record = json.loads(run("doctor", "--json", status=3).stdout)
    assert record["ops"] is None
    assert "none.so" in record["problems"][0]


def test_demo(tmp_path: Path) -> None:
    lines = run("demo", "-o", str(tmp_path), "--json").stdout.splitlines()
    records = [json.loads(line) for line in lines]
    assert [record["same"] for record in records] == [True, False]
    for record in records:
        assert decode.load(record["picture"]).shape[2] == 3


@pytest.mark.parametrize(
    "arguments",
    [
        ["verify", OBAMA],
        ["verify", OBAMA, OBAMA2, OBAMA],
        ["verify", "-x"],
        ["detect"],
        ["detect", OBAMA, "--min-face", "11"],
        ["evaluate", "lfw"],
        ["nonsense"],
        ["--nonsense"],
    ],
)
def test_usage_errors_are_one_line_and_status_2(arguments: list[str]) -> None:
    done = run(*arguments, status=2)
    assert done.stdout == ""
    assert_one_line(done.stderr)
    assert "--help`" in done.stderr


def test_nothing_asked_is_answered_with_the_help() -> None:
    assert "Usage:" in run(status=2).stdout


def test_a_closed_pipe_is_no_verdict() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    for verb in (["verify", OBAMA, OBAMA2], ["detect", OBAMA, OBAMA2], ["models"]):
        done = subprocess.run(
            [sys.executable, "-m", "facesdk", *verb], stdout=writer, stderr=subprocess.PIPE
        )
        assert (done.returncode, done.stderr) == (141, b"")
    os.close(writer)


@pytest.mark.parametrize(
    "verb",
    [
        ["verify", OBAMA, OBAMA2],
        ["verify", OBAMA, OBAMA2, "--json"],
        ["detect", OBAMA],
        ["models"],
        ["models", "show", "compactfacenet-qb"],
        ["--version"],
        ["--help"],
    ],
)
def test_a_full_disk_is_no_verdict(verb: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "facesdk", *verb], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 2
    assert done.stderr == ("facesdk: cannot write the standard output: No space left on device\n")


@pytest.mark.parametrize("message", [["detect", "none.jpg"], ["detect"], ["evaluate", "lfw", "x"]])
def test_a_message_that_cannot_be_written_changes_no_status(message: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "facesdk", *message], stdout=subprocess.PIPE, stderr=full
        )
    assert (done.returncode, done.stdout) == (2, b"")


def test_a_report_to_stdout_follows_what_is_there(tmp_path: Path) -> None:
    """A shell has opened the file: the report goes where it writes, and the file stays its own."""
    bench = ["bench", "compactfacenet-qb", "--runs", "1", "--warm-up", "0", "--cold-starts", "0"]
    options = ["--no-operators", "--json", "--output", "/dev/fd/1"]
    with (tmp_path / "out").open("w") as out:
        out.write("before\n")
        out.flush()
        done = subprocess.run(
            [sys.executable, "-m", "facesdk", *bench, *options], stdout=out, stderr=subprocess.PIPE
        )
    assert done.returncode == 0, done.stderr
    first, report = (tmp_path / "out").read_text().splitlines()
    assert first == "before"
    assert json.loads(report)["schema"] == "facesdk.bench"


def test_a_closed_stderr_is_no_verdict(tmp_path: Path) -> None:
    command = f'exec "{sys.executable}" -m facesdk verify "{OBAMA}" "{tmp_path}/none.jpg" 2>&-'
    assert subprocess.run(["sh", "-c", command]).returncode == 2


def test_ctrl_c_while_modules_load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "numpy.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    # What runs in the background of a script ignores SIGINT, and so do its children.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    command = [sys.executable, "-m", "facesdk", "verify", OBAMA, OBAMA2]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (-signal.SIGINT, "")
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_operator_library_beside_us(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shutil.copy(operator_library.library_path(), tmp_path / "own.so")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(os.path.abspath, sys.path)))
    monkeypatch.setenv("FACESDK_OPS_LIBRARY", "own.so")
    monkeypatch.chdir(tmp_path)
    assert json.loads(run("doctor", "--json").stdout)["ops"]["path"] == str(tmp_path / "own.so")


def test_odd_file_names(tmp_path: Path) -> None:
    """No Unicode, two lines, or beyond the terminal's alphabet: names are printed all the same."""
    for name in (b"\xe9.png", b"two\nlines.png", "日本.png".encode()):
        path = tmp_path / os.fsdecode(name)
        shutil.copy(OBAMA, path)
        saved = path.with_suffix(".verdict.jpg")
        for arguments in (["detect", path], ["verify", path, path, "--picture", saved]):
            done = subprocess.run(
                [sys.executable, "-m", "facesdk", *arguments],
                env={**os.environ, "PYTHONIOENCODING": "latin-1"},
                capture_output=True,
            )
            assert (done.returncode, done.stderr) == (0, b"")
        assert saved.is_file()
        path.write_bytes(b"no image")
        done = subprocess.run(
            [sys.executable, "-m", "facesdk", "detect", path], capture_output=True
        )
        assert (done.returncode, done.stderr.count(b"\n")) == (2, 1)


@pytest.mark.parametrize(
    "verb",
    [
        "detect",
        "align",
        "embed",
        "verify",
        "models",
        "doctor",
        "demo",
        "evaluate lfw",
        "models show",
        "models edit",
        "models pack",
        "models unpack",
        "models summary",
        "train distill",
        "convert mtcnn",
        "convert lce",
    ],
)
def test_every_verb_has_examples_and_json(verb: str) -> None:
    text = run(*verb.split(), "--help").stdout
    assert "--json" in text
    assert f"facesdk {verb}" in text


@pytest.mark.parametrize("group", ["bench", "evaluate", "models", "train", "convert", "data"])
def test_groups_offer_no_completion_of_their_own(group: str) -> None:
    assert "completion" not in run(group, "--help").stdout


def test_version() -> None:
    assert run("--version").stdout.strip() == f"facesdk {facesdk.__version__}"


def test_pipes_and_devices_are_refused_not_awaited(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    pairs = tmp_path / "pairs.txt"
    pairs.write_text("2 1\nA 1 2\nA 1 B 1\nB 1 2\nA 2 B 2\n")
    for path in (str(pipe), "/dev/zero"):
        for arguments in (
            ["detect", path],
            ["embed", OBAMA, "--model", path],
            ["embed", OBAMA, "--contract", path],
            ["evaluate", "lfw", "compactfacenet-qb", "--images", str(tmp_path), "--pairs", path],
            ["evaluate", "lfw", "compactfacenet-qb", "--images", path, "--pairs", str(pairs)],
            ["convert", "mtcnn", "--wheel", path, "--output", str(tmp_path / "models")],
        ):
            done = run(*arguments, status=2)
            assert_one_line(done.stderr)
            assert "not a regular file" in done.stderr
