from __future__ import annotations

import importlib.util
import json
import signal
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from facesdk.errors import DependencyError, InputError
from facesdk_training.cli import options
from facesdk_training.cli.train import app
from facesdk_training.config import toml
from facesdk_training.keras import loading
from facesdk_training.runs import folder as run_folder
from facesdk_training.runs import latent
from training.faces import write_data, write_teacher
from training.small_runs import small_config


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    """A run of 4 steps."""
    data = write_data(tmp_path / "data", {"a": 44})
    teacher = write_teacher(tmp_path / "teacher.tflite", 192)
    return [
        *("distill", "--data", str(data), "--teacher", str(teacher)),
        *("--output", str(tmp_path / "run"), "--cache", str(tmp_path / "cache")),
    ]


OPTIONS = tuple(
    word
    for assignment in (
        "validation.sets=['a']",
        "validation.share=0.7",
        "validation.every=2",
        "epochs=1",
        "batch_size=12",
        "network.stages=[[64, 1], [96, 1]]",
    )
    for word in ("--set", assignment)
)


SETS = OPTIONS[:4]
"""The sets and the share of them to hold out."""


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_an_interrupted_run_resumes_and_reports(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def append_and_interrupt(run: Path, figures: dict[str, float]) -> None:
        append_log(run, figures)
        signal.raise_signal(signal.SIGINT)

    append_log = run_folder.append_log
    handler = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(run_folder, "append_log", append_and_interrupt)
    interrupted = invoke(*arguments, *OPTIONS)
    assert interrupted.exit_code == 130, interrupted.output
    assert "saved at step 2 of" in interrupted.stderr
    assert "--resume" in interrupted.stderr
    assert signal.getsignal(signal.SIGINT) is handler

    monkeypatch.setattr(run_folder, "append_log", append_log)
    done = invoke("distill", "--output", str(tmp_path / "run"), "--resume", "--json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    run = tmp_path / "run"
    steps = [json.loads(line)["step"] for line in (run / run_folder.LOG).read_text().splitlines()]
    assert steps == sorted(set(steps))
    assert report["steps"] == steps[-1] > 2
    assert report["weights_sha256"] == run_folder.weights_sha256(run)
    assert (
        report["thresholds"] == run_folder.read_record(run / run_folder.CALIBRATION)["thresholds"]
    )
    config = run_folder.read_record(run / run_folder.CONFIG)
    assert config["teacher"]["name"] == "projection"
    assert config["crops"]["train"] + config["crops"]["validation"] <= 44 * 4

    again = invoke(*arguments, "--resume")
    assert isinstance(again.exception, InputError)
    assert "is finished already" in str(again.exception)


def test_run_trains_a_classifier_from_a_file(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", {"a": 50})
    config = tmp_path / "my.toml"
    config.write_text(
        f"""
        objective = "cosface"
        epochs = 1
        batch_size = 16
        [network]
        architecture = "CompactFaceNet"
        stem_channels = [8, 32]
        stages = [[32, 1]]
        [data]
        folder = "{data}"
        [validation]
        sets = ["a"]
        share = 0.7
        """
    )
    done = invoke("run", str(config), "--output", str(tmp_path / "run"), "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["steps"] >= 2
    finished = loading.load(tmp_path / "run")
    assert finished.sha256 == json.loads(done.stdout)["weights_sha256"]
    assert finished.contract is not None
    assert (finished.contract.name, finished.contract.dim) == ("compactfacenet-qb", 192)
    assert finished.contract.source == "facesdk train run, cosface over labelled identities"


def started(run: Path, folder: Path) -> None:
    """The folder of a run that was just begun, on other data."""
    run.mkdir()
    write_teacher(folder / "teacher.tflite", 24)
    validation = {"sets": ["a"], "share": 0.7}
    config = small_config(folder, validation=validation).to_dict()
    record = {"data_sha256": "0" * 64, "crops": {"train": 64}, "config": config}
    run_folder.write_record(run / run_folder.CONFIG, record)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ((), "already holds a run: add --resume"),
        (("--resume", "--set", "batch_size=16"), "leave out batch_size=16"),
        (("--resume",), "began with another data"),
    ],
)
def test_a_run_is_not_mixed_with_another(
    arguments: list[str], tmp_path: Path, extra: tuple[str, ...], message: str
) -> None:
    started(tmp_path / "run", tmp_path)
    result = invoke(*arguments, *extra)
    assert isinstance(result.exception, InputError), result.output
    assert message in str(result.exception)


def test_a_run_without_a_checkpoint_says_that_it_begins(
    arguments: list[str], tmp_path: Path
) -> None:
    started(tmp_path / "run", tmp_path)
    result = invoke(*arguments, "--resume")
    assert f"{tmp_path / 'run'} has no checkpoint yet: it begins at step 0" in result.stderr
    run_folder.append_log(tmp_path / "run", {"step": 3})
    result = invoke(*arguments, "--resume")
    assert "has logged 3 steps but has no checkpoint to go on from" in str(result.exception)


def test_what_is_left_of_another_run_is_not_gone_on_with(
    arguments: list[str], tmp_path: Path
) -> None:
    (tmp_path / "run" / run_folder.CHECKPOINTS).mkdir(parents=True)
    result = invoke(*arguments, *OPTIONS)
    assert isinstance(result.exception, InputError), result.output
    assert "holds checkpoints of a run but not its config.json" in str(result.exception)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (("--resume",), "holds no run to resume"),
        (("--set", "network.variant=Q"), "variant must be one of 'QB'"),
        (("--set", "network.depth=3"), "CompactFaceNet has no depth"),
        (("--set", "network.architecture=ZZ", "--data", "nowhere"), "architecture must be one of"),
        (("--set", "epochs=0"), "must be above 0"),
        (("--set", "validation.sets=['z']"), "no identity with two trusted crops"),
        ((*SETS, "--set", "validation.share=0.3"), "positive and"),
        (("--set", "data.sets=['z']"), "has no set z"),
        (("--set", "network.input_height=113"), "crops have 112x112 pixels, but the network ta"),
        (
            (*SETS, "--set", "objective=softmax", "--set", "network.input_width=113"),
            "crops have 112x112 pixels, but the network takes 113x112",
        ),
        (("--set", "teacher.model="), "set teacher.model, or give --teacher"),
        (("--set", "data.folder="), "set data.folder, or give --data"),
        ((*SETS, "--set", "objective=softmax", "--set", "data.min_crops=9"), "0 identities have 9"),
        (("--set", "start_from=none.npz", *OPTIONS), "cannot read the weights none.npz"),
    ],
)
def test_unusable_options_are_one_clear_error(
    arguments: list[str], tmp_path: Path, extra: tuple[str, ...], message: str
) -> None:
    result = invoke(*arguments, *extra)
    assert isinstance(result.exception, InputError), result.output
    assert message in str(result.exception)
    assert not (tmp_path / "run" / run_folder.CONFIG).exists()


def test_weights_of_another_network_start_no_run(arguments: list[str], tmp_path: Path) -> None:
    latent.save(tmp_path / "latent.npz", {"conv1_1": [np.ones(3, np.float32)]}, ())
    start = f"start_from={tmp_path / 'latent.npz'}"
    result = invoke(*arguments, *OPTIONS, "--set", start)
    assert isinstance(result.exception, InputError), result.output
    assert "latent.npz is of another network: it has the layers conv1_1" in str(result.exception)
    assert not (tmp_path / "run" / run_folder.CONFIG).exists()


def test_a_run_of_another_version_is_refused(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    run_folder.write_record(tmp_path / "run" / run_folder.CONFIG, {"distillation": {"epochs": 1}})
    result = invoke(*arguments, "--resume")
    assert isinstance(result.exception, InputError), result.output
    assert "was not written by this version of facesdk" in str(result.exception)


def test_a_run_folder_that_cannot_be_made_is_named(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file")
    result = invoke(*arguments, *OPTIONS)
    assert isinstance(result.exception, InputError), result.output
    assert "cannot create folder" in str(result.exception)


def test_a_teacher_of_another_length_is_refused(arguments: list[str], tmp_path: Path) -> None:
    write_teacher(tmp_path / "teacher.tflite", 128)
    result = invoke(*arguments, *OPTIONS)
    assert isinstance(result.exception, InputError)
    assert "has 128 numbers, but the student's has 192" in str(result.exception)


def test_a_misspelt_later_stage_is_named_before_anything_is_computed(
    arguments: list[str], tmp_path: Path
) -> None:
    stages = "stages=[{share=1,network={variant='float'}},{share=1,network={variannt='QB'}}]"
    result = invoke(*arguments, *OPTIONS, "--set", stages)
    assert isinstance(result.exception, InputError), result.output
    assert "stages.1.network: CompactFaceNet has no variannt" in str(result.exception)
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "cache").exists(), "the teacher has not been asked"


@pytest.mark.slow
def test_a_later_stage_can_be_mended_on_resuming_and_an_entered_one_cannot(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(run: Path, figures: dict[str, float]) -> None:
        append_log(run, figures)
        signal.raise_signal(signal.SIGINT)

    append_log = run_folder.append_log
    monkeypatch.setattr(run_folder, "append_log", interrupt)
    stages = "stages=[{share=1,network={variant='float'}},{share=1,learning_rate=1000.0}]"
    more = ("--set", "batch_size=10", "--set", "validation.every=100", "--set", stages)
    interrupted = invoke(*arguments, *OPTIONS, *more)
    assert interrupted.exit_code == 130, interrupted.output
    monkeypatch.undo()

    resume = ("distill", "--output", str(tmp_path / "run"), "--resume", "--set")
    refused = invoke(*resume, "stages.0.network.variant=binary-activations")
    assert isinstance(refused.exception, InputError), refused.output
    assert "stages.0 was entered at step 0" in str(refused.exception)
    assert "would be 'binary-activations' instead of 'float'" in str(refused.exception)
    done = invoke(*resume, "stages.1.learning_rate=0.5", "--json")
    assert done.exit_code == 0, done.output
    stored = run_folder.read_record(tmp_path / "run" / run_folder.CONFIG)
    assert stored["engine"] == "keras"
    assert [stage["learning_rate"] for stage in stored["config"]["stages"]] == [1.0, 0.5]


@pytest.mark.slow
def test_distillation_learns_from_labelled_crops_only_on_demand(
    arguments: list[str], tmp_path: Path
) -> None:
    manifest = tmp_path / "data" / "manifest.csv"
    lines = manifest.read_text().splitlines()
    unlabelled = [line.split(",") for line in lines[-24:]]
    for row in unlabelled:
        row[1] = ""
    manifest.write_text("\n".join([*lines[:-24], *(",".join(row) for row in unlabelled)]) + "\n")
    counts = []
    for name, labelled_only in (("all", "false"), ("labelled", "true")):
        out = ("--output", str(tmp_path / name), "--set", f"data.labelled_only={labelled_only}")
        done = invoke(*arguments, *out, *OPTIONS)
        assert done.exit_code == 0, done.output
        crops = run_folder.read_record(tmp_path / name / run_folder.CONFIG)["crops"]
        counts.append(sum(crops.values()))
    assert counts == [176, 152]


def test_a_teacher_is_a_model_file_or_a_network() -> None:
    for teacher, own, other in (
        (Path("t.tflite"), "model", "network"),
        (Path("t.tflite.pack"), "model", "network"),
        (Path("runs/float"), "network", "model"),
        (Path("t.keras"), "network", "model"),
    ):
        given = toml.assigned({}, options.changes(None, teacher, None, None))
        assert given == {"teacher": {own: str(teacher), other: ""}}


@pytest.mark.parametrize("missing", ["cv2", "pydantic"])
def test_a_library_that_is_missing_is_installed_by_the_extra_for_training(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == missing else found(name)
    )
    done = CliRunner().invoke(app, ["run", "paper"])
    assert isinstance(done.exception, DependencyError)
    assert f"needs {missing}" in str(done.exception)
    assert "pip install 'facesdk-edge[train]'" in str(done.exception)


def test_what_the_engine_cannot_do_is_said_before_the_teacher_looks(
    arguments: list[str], tmp_path: Path
) -> None:
    done = invoke(*arguments, *OPTIONS, "--set", "blends=0.25")
    assert isinstance(done.exception, InputError)
    assert 'the training engine "keras" has no blends' in str(done.exception)
    assert not (tmp_path / "run").exists()
    assert not (tmp_path / "cache").exists()
