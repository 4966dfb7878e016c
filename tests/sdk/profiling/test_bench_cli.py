"""``facesdk bench`` as scripts use it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from facesdk.cli.main import app
from facesdk.errors import EXIT_BAD_INPUT, EXIT_DOUBTFUL

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
    text = run("mtcnn-rnet", *QUICK)
    for word in ("median", "p95", "kernels", "SHA-256", "CONV_2D", "flag few-runs", "copies"):
        assert word in text
    assert run("model", "mtcnn-rnet", *QUICK).count("CONV_2D") == text.count("CONV_2D")


def test_strict_fails_on_a_flag() -> None:
    run("mtcnn-rnet", *QUICK, "--no-operators", "--strict", status=EXIT_DOUBTFUL)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nothing.tflite",), "neither a file nor a packaged model"),
        (("mtcnn-rnet", "--runs", "0"), "greater than or equal to 1"),
        (("mtcnn-rnet", "--threads", "0"), "greater than or equal to 1"),
        (("mtcnn-rnet", "--threads", "999"), "threads must be 1 to 64"),
        (("mtcnn-rnet", "--format", "pdf"), "pdf"),
        (("mtcnn-rnet", "--json", *QUICK, "-o", "/nowhere/at/all.json"), "cannot write"),
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
