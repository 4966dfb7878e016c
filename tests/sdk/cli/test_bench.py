"""``facesdk bench`` as scripts use it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from facesdk import samples
from facesdk.bench import model as model_bench
from facesdk.cli.main import app
from facesdk.errors import EXIT_BAD_INPUT, EXIT_DOUBTFUL
from facesdk.measure.conditions import read_conditions

QUICK = ("--runs", "5", "--warm-up", "1", "--cold-starts", "0")


def run(*arguments: str | Path, status: int = 0) -> str:
    done = CliRunner().invoke(app, ["bench", *map(str, arguments)])
    assert done.exit_code == status, f"{done.exit_code}: {done.output} {done.exception!r}"
    return done.stdout if status == 0 else done.stderr


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    target = tmp_path_factory.mktemp("bench") / "report.json"
    options = ("--runs", "6", "--cold-starts", "1", "--sweep", "1", "--sweep", "2", "--json")
    run("compactfacenet-qb", "mtcnn-rnet", *options, "-o", target)
    content: dict[str, Any] = json.loads(target.read_text())
    return content


def test_a_report_says_how_it_was_measured(record: dict[str, Any]) -> None:
    assert (record["schema"], record["schema_version"], record["kind"]) == (
        "facesdk.bench",
        1,
        "models",
    )
    assert record["policy"]["runs"] == 6
    assert record["environment"]["runtime"] in ("litert", "tflite-runtime")
    assert record["conditions"]["seconds"] > 0
    assert record["clock"]["overhead_ns"] > 0
    assert "few-runs" in {flag["code"] for flag in record["flags"]}


def test_a_report_has_each_models_figures(record: dict[str, Any]) -> None:
    for model in record["models"]:
        assert len(model["samples_ms"]) == model["latency_ms"]["n"] == 6
        assert len(model["sha256"]) == 64
        cold = model["cold_start"]
        parts = cold["import_ms"] + cold["load_ms"] + cold["first_ms"]
        assert cold["total_ms"] == pytest.approx(parts, abs=0.01)
        assert cold["peak_bytes"] > 1 << 20
        assert [row["threads"] for row in model["scaling"]] == [1, 2]
        assert model["operators"]["rows"]
    recogniser, rnet = record["models"]
    assert recogniser["macs"].keys() == {"1x1", "32x32"}
    ratio = rnet["latency_ms"]["median"] / recogniser["latency_ms"]["median"]
    assert record["ratios"][0]["median"] == pytest.approx(ratio, rel=0.01)


def test_a_table_is_printed_without_the_verb_model() -> None:
    for verb in ([], ["model"]):
        text = run(*verb, "mtcnn-rnet", *QUICK)
        for word in ("median", "p95", "kernels", "SHA-256", "CONV_2D", "flag few-runs", "copies"):
            assert word in text


def test_strict_fails_on_a_flag() -> None:
    run("mtcnn-rnet", *QUICK, "--no-operators", "--strict", status=EXIT_DOUBTFUL)


def test_the_pipeline_by_size_and_number_of_faces(tmp_path: Path) -> None:
    target = tmp_path / "p.json"
    sizes = ("--synthetic", "160x120", "--synthetic", "120x160", "--faces", "1", "--faces", "2")
    run("pipeline", *sizes, "--runs", "2", "--min-face", "40", "--json", "-o", target)
    record = json.loads(target.read_text())
    assert record["kind"] == "pipeline"
    assert record["min_face"] == 40
    assert [(row["width"], row["height"], row["faces"]) for row in record["cases"]] == [
        (160, 120, [1, 1]),
        (160, 120, [2, 2]),
        (120, 160, [1, 1]),
        (120, 160, [2, 2]),
    ]
    text = run("pipeline", "--image", samples.BIDEN, "--runs", "2", "--min-face", "200")
    for word in ("biden.jpg", "detect", "match", "total", "smallest face 200"):
        assert word in text


def test_operators_alone() -> None:
    text = run("ops", "mtcnn-rnet", "--runs", "2")
    for word in ("each operator alone", "CONV_2D", "Gop/s", "is subtracted"):
        assert word in text


def test_a_slower_model_ends_with_4(tmp_path: Path) -> None:
    path, now = tmp_path / "before.json", tmp_path / "now.json"
    command = ("mtcnn-rnet", *QUICK, "--no-operators", "--json")
    run(*command, "-o", path)
    record = json.loads(path.read_text())
    times = record["models"][0]["latency_ms"]
    for key in ("minimum", "median"):
        times[key] /= 1000
    times["quartiles"] = [times["median"]] * 2
    path.write_text(json.dumps(record))
    run(*command, "--baseline", path, "-o", now, status=EXIT_DOUBTFUL)
    report = json.loads(now.read_text())["baseline"]
    assert report["regressed"]
    assert report["changes"][0]["verdict"] == "slower"
    for key in ("minimum", "median"):
        times[key] *= 1e9
    path.write_text(json.dumps(record))
    assert "faster" in run("mtcnn-rnet", *QUICK, "--no-operators", "--baseline", path)


def test_a_throttled_board_is_flagged_everywhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    firmware = tmp_path / "sys/devices/platform/soc/soc:firmware/get_throttled"
    firmware.parent.mkdir(parents=True)
    firmware.write_text("50005")
    monkeypatch.setattr(model_bench, "read_conditions", lambda: read_conditions(tmp_path))
    text = run("mtcnn-rnet", *QUICK, "--no-operators")
    assert "throttling: under-voltage, throttled" in text
    assert "flag throttled: the processor was slowed down: under-voltage, throttled" in text
    target = tmp_path / "report.json"
    arguments = ("mtcnn-rnet", *QUICK, "--no-operators", "--json", "--strict", "-o", target)
    run(*arguments, status=EXIT_DOUBTFUL)
    record = json.loads(target.read_text())
    assert "throttled" in {flag["code"] for flag in record["flags"]}
    assert record["conditions"]["before"]["throttling"]["now"] == ["under-voltage", "throttled"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("pipeline", "--synthetic", "640"), "must be WIDTHxHEIGHT"),
        (("pipeline", "--synthetic", "4x4"), "sides of a synthetic image"),
        (("pipeline", "--image", "none.jpg"), "none.jpg"),
        (("pipeline", "--image", samples.OBAMA, "--faces", "2"), "--faces needs --synthetic"),
        (("pipeline", "--camera", "99"), "camera 99 cannot be opened"),
        (("pipeline", "--model", "none"), "neither a file nor a packaged model"),
        (("ops", "none"), "neither a file nor a packaged model"),
        (("mtcnn-rnet", "--baseline", "none.json"), "cannot read the baseline none.json"),
        (("mtcnn-rnet", "--baseline", samples.OBAMA), "is not JSON"),
        (("mtcnn-rnet", "--json", "-o", "/"), "cannot write /"),
        (("nothing.tflite",), "neither a file nor a packaged model"),
        (("mtcnn-rnet", "--runs", "0"), "--runs"),
        (("mtcnn-rnet", "--threads", "0"), "--threads"),
        (("mtcnn-rnet", "--threads", "999"), "threads must be 1 to 64"),
        (("mtcnn-rnet", "--format", "pdf"), "pdf"),
        (("mtcnn-rnet", "--format", "csv", "--json"), "--json and --format csv contradict"),
        (("mtcnn-rnet", "--format", "table", "--json"), "--json and --format table contradict"),
        (("mtcnn-rnet", "-o", "/nowhere/at/all.json"), "its folder is missing"),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], message: str) -> None:
    text = run(*arguments, status=EXIT_BAD_INPUT)
    assert message in text
    assert text.splitlines()[-1].startswith("facesdk: ")


def test_a_broken_model_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.tflite"
    path.write_bytes(b"TFL3" * 100)
    assert "is not a usable TFLite model" in run(path, status=EXIT_BAD_INPUT)


def test_live_on_films_that_are_made_for_it(tmp_path: Path) -> None:
    target = tmp_path / "live.json"
    quick = ("--runs", "6", "--warm-up", "2", "--synthetic", "320x240", "--templates", "5")
    run("live", *quick, "--faces", "1", "--faces", "2", "--json", "-o", target)
    record = json.loads(target.read_text())
    assert record["kind"] == "live"
    assert [row["visits"] for row in record["cases"]] == [1, 2]
    assert record["templates"] == 6
    text = run("live", *quick, "--faces", "1")
    for word in ("pictures per second", "film 320x240, 1 face", "detect", "6 templates"):
        assert word in text
    assert "does not exist" in run("live", "no/film.mp4", status=EXIT_BAD_INPUT)
    assert "--faces" in run("live", "0", "--faces", "1", status=EXIT_BAD_INPUT)
