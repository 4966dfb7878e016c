"""`facesdk train --engine torch` from end to end, with several teachers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

pytest.importorskip("torch.nn", reason="needs PyTorch: `make torch` installs it")

from facesdk.errors import InputError
from facesdk_training.cli.train import app
from facesdk_training.runs import folder as run_folder
from facesdk_training.runs import latent
from training.faces import write_data, write_teacher

SMALL = tuple(
    word
    for assignment in (
        "validation.sets=['a']",
        "validation.share=0.7",
        "validation.every=2",
        "epochs=1",
        "batch_size=12",
        "network.stages=[[64, 1], [96, 1]]",
        "network.embedding_length=20",
    )
    for word in ("--set", assignment)
)

LOOKS = (
    *("--set", "loss.hint_weight=1.0"),
    *("--set", 'loss.layers=[["stage1_unit1_prelu", "pool"]]'),
)


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    data = write_data(tmp_path / "data", {"a": 44})
    teacher = write_teacher(tmp_path / "teacher.tflite", 16)
    more = write_teacher(tmp_path / "more.tflite", 24)
    return [
        *("distill", "--data", str(data), "--teacher", str(teacher), *SMALL),
        *("--set", f"teacher.more=[{{model='{more}'}}]", "--cache", str(tmp_path / "cache")),
    ]


def test_two_teachers_a_budget_and_a_report(arguments: list[str], tmp_path: Path) -> None:
    run = tmp_path / "run"
    asked = [*arguments, "--output", str(run), "--engine", "torch", "--budget", "2s", "--json"]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    assert report["steps"] > 0
    record = run_folder.read_record(run / run_folder.CONFIG)
    assert record["engine"] == "torch"
    assert record["config"]["budget"] == 2.0
    assert " and " in record["teacher"]["name"]
    with np.load(run / run_folder.PROJECTION) as file:
        assert file["projection"].shape == (40, 20)
    again = CliRunner().invoke(app, ["distill", "--output", str(run), "--resume"])
    assert "is finished already" in str(again.exception)


def test_a_run_learns_in_the_space_of_the_run_that_it_starts_from(
    arguments: list[str], tmp_path: Path
) -> None:
    first = tmp_path / "first"
    asked = [*arguments, "--engine", "torch", "--budget", "1s", "--output"]
    assert CliRunner().invoke(app, [*asked, str(first)]).exit_code == 0
    turned = np.load(first / run_folder.PROJECTION)["projection"][:, ::-1] * -1.0
    run_folder.write_projection(first, turned)
    words = {
        "found": ["--set", "seed=2"],
        "beside": ["--set", f"start_from={first / run_folder.LATENT}"],
    }
    projections = {}
    for name, more in words.items():
        assert CliRunner().invoke(app, [*asked, str(tmp_path / name), *more]).exit_code == 0
        with np.load(tmp_path / name / run_folder.PROJECTION) as file:
            projections[name] = file["projection"]
    np.testing.assert_array_equal(projections["beside"], turned)
    np.testing.assert_array_equal(projections["found"], -turned[:, ::-1])


def test_weights_of_another_network_start_no_run(arguments: list[str], tmp_path: Path) -> None:
    latent.save(tmp_path / "latent.npz", {"conv1_1": [np.ones(3, np.float32)]}, ())
    start = ["--set", f"start_from={tmp_path / 'latent.npz'}"]
    asked = [*arguments, "--output", str(tmp_path / "run"), "--engine", "torch", *start]
    done = CliRunner().invoke(app, asked)
    assert isinstance(done.exception, InputError), done.output
    assert "latent.npz is of another network: it has the layers conv1_1" in str(done.exception)
    assert not (tmp_path / "run" / run_folder.CONFIG).exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--engine", "jax"], "unknown training engine 'jax'"),
        (["--budget", "soon"], "--budget must be a time"),
        (["--budget", "5s"], 'the training engine "keras" has no budget'),
        (["--engine", "torch", *LOOKS], "has the operator MAX_POOL_2D"),
        (LOOKS, "use --engine torch for those of teacher.model"),
    ],
)
def test_one_line_says_what_is_wrong(
    words: list[str], message: str, arguments: list[str], tmp_path: Path
) -> None:
    done = CliRunner().invoke(app, [*arguments, "--output", str(tmp_path / "run"), *words])
    assert done.exit_code != 0
    assert message in str(done.exception or done.stderr)
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "cache").exists()  # the teacher has not looked at any crop
