"""``--trust``: a model file of one's own runs without a probe."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from facesdk.cli.main import app
from facesdk.files import cache_folder
from facesdk.runtime import probe
from facesdk.samples import OBAMA
from sdk.recognition.test_embedding import SIDE, contract
from sdk.tflite.models import file_of, pooled


@pytest.fixture
def arguments(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    model, said = tmp_path / "mean.tflite", tmp_path / "mean.json"
    model.write_bytes(file_of(pooled(SIDE, "FLOAT32")))
    said.write_text(json.dumps(contract().to_dict()))
    return ["embed", str(OBAMA), "--model", str(model), "--contract", str(said)]


def test_a_model_of_others_is_probed_and_a_trusted_one_is_not(arguments: list[str]) -> None:
    trusted = CliRunner().invoke(app, [*arguments, "--json", "--trust"])
    assert trusted.exit_code == 0
    assert not cache_folder("probes").exists()
    probed = CliRunner().invoke(app, [*arguments, "--json"])
    assert json.loads(probed.output) == json.loads(trusted.output)
    assert len(list(cache_folder("probes").iterdir())) == 1


@pytest.mark.parametrize("verb", [["bench", "ops"], ["bench", "model"]])
def test_benchmarks_probe_models_of_others_unless_they_are_trusted(
    arguments: list[str], verb: list[str]
) -> None:
    model = arguments[arguments.index("--model") + 1]
    words = [*verb, model, "--runs", "1", "--warm-up", "0", "--json"]
    if verb[1] == "model":
        words += ["--cold-starts", "0"]
    trusted = CliRunner().invoke(app, [*words, "--trust"], catch_exceptions=False)
    assert trusted.exit_code == 0, trusted.output
    assert not cache_folder("probes").exists()
    assert CliRunner().invoke(app, words, catch_exceptions=False).exit_code == 0


def test_a_model_that_crashes_is_one_line(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "_PROGRAM", "import os; os.abort()")
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert "mean.tflite crashes the runtime (SIGABRT" in result.output
