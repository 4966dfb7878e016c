"""The trial that needs no faces."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from facesdk.errors import InputError
from facesdk_converters.cli.compress import app
from facesdk_converters.compression.example import write_people
from facesdk_training.data.crops import FaceCrops
from facesdk_training.runs.contract import contract_of


def test_drawn_people_differ_more_than_their_crops(tmp_path: Path) -> None:
    crops = FaceCrops(write_people(tmp_path / "a", people=6, crops=4))
    again = FaceCrops(write_people(tmp_path / "b", people=6, crops=4))
    assert crops.digest == again.digest
    images = np.stack([crops.image(row) for row in range(len(crops))]).astype(float)
    colours = images[:, 60:80, 40:72].mean(axis=(1, 2))  # of the skin; light is its length
    colours /= np.linalg.norm(colours, axis=1, keepdims=True)
    people = np.array([row.identity for row in crops.records])
    same = people[:, np.newaxis] == people[np.newaxis]
    away = np.linalg.norm(colours[:, np.newaxis] - colours[np.newaxis], axis=2)
    own = away[same & ~np.eye(len(people), dtype=bool)]
    assert np.median(own) < 0.3 * np.median(away[~same])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--example", "filters"], "brings its own network"),
        ([], "name a method"),
        (["twn", "run", "--recipe", "deep-compression"], "a chain is `facesdk compress RUN"),
        (["run", "--recipe", "deep-compression", "--set", "bits=2"], "settings are in the file"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(app, arguments)
    assert isinstance(result.exception, InputError)
    assert message in str(result.exception)


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    result = CliRunner().invoke(app, ["--example", "-o", str(tmp_path)])
    assert isinstance(result.exception, InputError)
    assert "holds something" in str(result.exception)


@pytest.mark.slow
def test_the_trial_ends_in_a_smaller_run(tmp_path: Path) -> None:
    out = tmp_path / "trial"
    result = CliRunner().invoke(app, ["--example", "-o", str(out), "--json"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    before, last = report["before"], report["steps"][-1]["after"]
    assert [row["method"] for row in report["steps"]] == ["filters", "magnitude", "k-means"]
    assert last["weights"] < before["weights"]
    assert last["file_bytes"] < before["file_bytes"]
    assert last["file_packed_bytes"] < 0.5 * before["file_packed_bytes"]
    assert before["validation_accuracy"] > 0.7
    assert contract_of(out / "compressed").thresholds
