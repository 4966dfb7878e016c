"""Runs are found, summed up, and laid beside each other."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from typer.testing import CliRunner

from facesdk.cli import vocabulary
from facesdk.cli.main import app
from facesdk.errors import InputError
from facesdk_training.config import toml
from facesdk_training.runs import folder as run_folder
from facesdk_training.runs.comparison import differences, find_runs, summary

COMMITTED = Path(__file__).parents[3] / "training/runs"
RECORD = {"network": {"architecture": "CompactFaceNet"}, "objective": "cosface"}


def run(folder: Path, accuracies: list[float], **changes: object) -> Path:
    folder.mkdir(parents=True)
    config = toml.parse({**RECORD, **changes}, "x").to_dict()
    run_folder.write_record(folder / run_folder.CONFIG, {"config": config})
    for step, accuracy in enumerate(accuracies, start=1):
        row = {"step": step, "stage": 0, "seconds": 2.0, "validation_accuracy": accuracy}
        run_folder.append_log(folder, row)
    return folder


def test_a_run_in_a_line(tmp_path: Path) -> None:
    made = run(tmp_path / "a", [0.5, 0.9, 0.7])
    found = summary(made)
    assert (found.network, found.objective, found.state) == (
        "CompactFaceNet QB",
        "cosface",
        "figures only",
    )
    assert (found.steps, found.seconds, found.best["validation_accuracy"]) == (3, 6.0, 0.9)
    assert found.best["validation_tar_at_fmr_0.01"] is None
    (made / run_folder.WEIGHTS).touch()
    assert summary(made).state == "finished"


def test_a_compressed_run_has_no_log_but_figures(tmp_path: Path) -> None:
    made = run(tmp_path / "small", [])
    measured = {"validation_accuracy": 0.8, "validation_tar_at_fmr_0.01": 0.4, "thresholds": []}
    run_folder.write_record(made / run_folder.CALIBRATION, measured)
    found = summary(made)
    assert found.best["validation_accuracy"] == 0.8
    assert found.best["validation_tar_at_fmr_0.01"] == 0.4
    assert found.best["validation_tar_at_fmr_0.001"] is None
    run_folder.append_log(made, {"step": 1, "stage": 0, "validation_accuracy": 0.7})
    assert summary(made).best["validation_accuracy"] == 0.7


def test_what_differs_is_found_at_any_depth(tmp_path: Path) -> None:
    first = summary(run(tmp_path / "a", []))
    other = summary(
        run(tmp_path / "b", [], epochs=2.0, schedule={"learning_rate": 0.5}, stages=[{"share": 1}])
    )
    assert differences([first, first]) == {}
    found = differences([first, other])
    assert found["epochs"] == (6.0, 2.0)
    assert found["schedule.learning_rate"] == (0.002, 0.5)
    assert found["stages.0.share"] == (None, 1.0)
    assert "batch_size" not in found


def test_the_engines_of_runs_are_among_what_differs(tmp_path: Path) -> None:
    runs = [run(tmp_path / name, []) for name in ("earlier", "other")]
    record = run_folder.read_record(runs[1] / run_folder.CONFIG)
    run_folder.write_record(runs[1] / run_folder.CONFIG, {**record, "engine": "torch"})
    assert differences([summary(each) for each in runs]) == {"engine": ("keras", "torch")}


def test_runs_are_found_below_folders_and_their_lack_is_said(tmp_path: Path) -> None:
    run(tmp_path / "x/y/a", [])
    run(tmp_path / "b", [])
    assert find_runs([tmp_path]) == (tmp_path / "b", tmp_path / "x/y/a")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no run in"):
        find_runs([tmp_path / "empty"])
    with pytest.raises(InputError, match="is no folder"):
        find_runs([tmp_path / "nowhere"])


def test_the_verbs(tmp_path: Path) -> None:
    run(tmp_path / "a", [0.5])
    assert "give two or more" in CliRunner().invoke(app, ["train", "compare", str(tmp_path)]).stderr
    run(tmp_path / "b", [0.75], epochs=2.5)
    listed = CliRunner().invoke(app, ["train", "list", str(tmp_path)])
    assert listed.exit_code == 0, listed.stderr
    assert "0.7500" in listed.stdout
    compared = CliRunner().invoke(app, ["train", "compare", str(tmp_path), "--json"])
    record = json.loads(compared.stdout)
    assert record["differences"] == {"epochs": [6.0, 2.5]}
    best = [row["best"]["validation_accuracy"] for row in record["compared"]]
    assert best == [0.5, 0.75]
    jsonschema.validate(record, vocabulary.schema("train compare"))
    listed = CliRunner().invoke(app, ["train", "list", str(tmp_path), "--json"])
    jsonschema.validate(json.loads(listed.stdout), vocabulary.schema("train list"))
    assert "epochs" in CliRunner().invoke(app, ["train", "compare", str(tmp_path)]).stdout


def test_a_recipe_and_all_keys_are_shown() -> None:
    shown = CliRunner().invoke(app, ["train", "show-config"])
    assert "learning_rate  (number, default 0.002)" in shown.stdout
    recipe = CliRunner().invoke(app, ["train", "show-config", "paper"])
    assert recipe.stdout.startswith("objective") and 'kind = "steps"' in recipe.stdout
    refused = CliRunner().invoke(app, ["train", "show-config", "nothing"])
    assert refused.exit_code == 2 and "no recipe of that name" in refused.stderr


def test_committed_runs_are_listed() -> None:
    assert len(find_runs([COMMITTED])) >= 10
    for folder in find_runs([COMMITTED]):
        assert summary(folder).steps >= 0
