from __future__ import annotations

import os
import pickle
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

pytest.importorskip("torch.nn", reason="needs PyTorch: `make torch` installs it")

import torch

from facesdk.errors import InputError
from facesdk_training.data.material import gather
from facesdk_training.keras import loading
from facesdk_training.runs import folder as run_folder
from facesdk_training.runs import hdf5, latent
from facesdk_training.runs.record import config_of
from facesdk_training.torch import checkpoints
from facesdk_training.torch.engine import start
from facesdk_training.torch.trainer import DivergedError, Trainer
from facesdk_training.torch.weights import keras_weights, set_keras_weights
from training.networks import faces
from training.small_runs import HIDDEN, NUISANCES, losses_of, small_config, write_material
from training.torch.small_torch_runs import trainer_of

TESTS = Path(__file__).parents[2]
ALIKE = {
    "share": 0.5,
    "weight": 2.0,
    "rows": [{"name": "blur", "share": 0.2, "least": 4.0, "most": 6.0}, {"name": "rotation"}],
}


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_material(tmp_path_factory.mktemp("material"))


@pytest.fixture(scope="module")
def finished(material: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("finished")
    config = small_config(material, statistics=2, optimizer={"clip_norm": 5.0})
    losses = losses_of(trainer_of(run, config))
    assert losses[-1] < losses[0]
    return run


def test_a_finished_run_is_what_keras_would_have_left(finished: Path) -> None:
    calibration = run_folder.read_record(finished / run_folder.CALIBRATION)
    assert calibration["statistics"] in ("training", "undistorted")
    assert [row["fmr"] for row in calibration["thresholds"]]
    rows = run_folder.read_log(finished)
    assert {"step", "stage", "loss", "learning_rate", "validation_accuracy"} <= set(rows[0])
    network = loading.load(finished).model
    assert np.asarray(network(faces(2), training=False)).shape == (2, 24)
    assert set(run_folder.read_record(finished / run_folder.CONFIG)) >= {"engine", "config"}


def test_its_weights_compute_the_same_in_both_engines(finished: Path) -> None:
    from facesdk_training.torch.networks.build import build_embedder
    from facesdk_training.torch.weights import set_keras_weights

    mine = build_embedder(config_of(finished).final_network).eval()
    weights = hdf5.read_weights((finished / run_folder.WEIGHTS).read_bytes())
    assert set_keras_weights(mine, weights, "weights.h5") == []
    x = faces(3)
    with torch.no_grad():
        y = mine(torch.from_numpy(x.transpose(0, 3, 1, 2))).numpy()
    theirs = np.asarray(loading.load(finished).model(x, training=False))
    np.testing.assert_allclose(y, theirs, rtol=1e-3, atol=1e-4)


def test_nuisances_are_taken_out_of_what_is_kept(material: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    losses_of(trainer_of(run, small_config(material, network=HIDDEN, nuisances=NUISANCES)))
    names = run_folder.WEIGHTS, run_folder.BEST
    kept, last = (hdf5.read_weights((run / name).read_bytes()) for name in names)
    (kernel, _), (before, _) = kept.pop("embedding"), last.pop("embedding")
    assert np.linalg.matrix_rank(kernel, 1e-4) == np.linalg.matrix_rank(before) - 3
    (correction,), (other,) = kept.pop("head_correction"), last.pop("head_correction")
    change = np.linalg.lstsq(before, kernel, rcond=None)[0]
    assert np.abs(other).max() > 0
    np.testing.assert_allclose(correction, other @ change, atol=1e-3 * np.abs(other).max())
    for layer, values in kept.items():
        for own, other in zip(values, last[layer], strict=True):
            np.testing.assert_array_equal(own, other)


def test_an_interrupted_run_goes_on_as_if_it_had_not_been(material: Path, tmp_path: Path) -> None:
    config = small_config(
        material,
        optimizer={"ema_decay": 0.9},
        stages=[
            {"share": 1, "network": {"variant": "binary-activations"}},
            {"share": 1},
        ],
    )
    whole = trainer_of(tmp_path / "whole", config)
    losses_of(whole)
    losses_of(trainer_of(tmp_path / "parts", config), stop_at=5)
    rest = trainer_of(tmp_path / "parts", config)
    assert rest.step == 5
    losses_of(rest)
    for name, arrays in keras_weights(whole._learner.network).items():
        for a, b in zip(arrays, keras_weights(rest._learner.network)[name], strict=True):
            np.testing.assert_array_equal(a, b)
    logs = [run_folder.read_log(tmp_path / name) for name in ("whole", "parts")]
    whole_log, parts_log = ([(row["step"], row["loss"]) for row in log] for log in logs)
    assert parts_log == whole_log


def unfinished(finished: Path, folder: Path) -> tuple[Path, int, int]:
    """A copy of a run without its weights, and the steps of its last two states, last first."""
    run = Path(shutil.copytree(finished, folder / "run"))
    (run / run_folder.WEIGHTS).unlink()
    before, last = checkpoints.saved_steps(run)
    return run, last, before


@pytest.mark.parametrize("content", [b"", b"PK", b"hello", pickle.dumps(3), None])
def test_a_damaged_state_is_named_and_the_one_before_is_gone_on_from(
    content: bytes | None, finished: Path, material: Path, tmp_path: Path
) -> None:
    run, last, before = unfinished(finished, tmp_path)
    path = run / run_folder.CHECKPOINTS / f"step-{last}.pt"
    path.write_bytes(path.read_bytes()[:5000] if content is None else content)
    trainer = trainer_of(run, config_of(finished))
    (note,) = (note for note in trainer.notes if "checkpoint" in note)
    assert note.startswith(f"cannot read the checkpoint {path}: ") and "\n" not in note
    assert note.endswith(f"; going on from step {before}")
    assert trainer.step == run_folder.read_log(run)[-1]["step"] == before
    assert checkpoints.saved_steps(run)[-1] == before


def test_a_run_without_a_state_that_can_be_read_is_refused(finished: Path, tmp_path: Path) -> None:
    run, *steps = unfinished(finished, tmp_path)
    for step in steps:
        (run / run_folder.CHECKPOINTS / f"step-{step}.pt").write_bytes(b"")
    with pytest.raises(InputError, match="has no other: put back the file"):
        trainer_of(run, config_of(finished))
    shutil.rmtree(run / run_folder.CHECKPOINTS)
    with pytest.raises(InputError, match="steps but has no checkpoint to go on from"):
        trainer_of(run, config_of(finished))
    assert run_folder.read_log(run) == run_folder.read_log(finished)


def test_a_run_can_end_where_it_was_interrupted(
    material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, config = tmp_path / "run", small_config(material, epochs=0.1)
    losses_of(trainer_of(run, small_config(material)), stop_at=2)
    monkeypatch.setattr(Trainer, "_finish", lambda self: None)
    assert losses_of(trainer_of(run, config)) == []  # and is killed before it is finished
    monkeypatch.undo()
    losses_of(trainer_of(run, config))
    (row,) = run_folder.read_log(run)
    assert row["step"] == 2 and np.isfinite(row["loss"])
    assert (run / run_folder.WEIGHTS).is_file()


def test_an_end_that_was_interrupted_begins_with_the_same_weights(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(self: Any, network: Any, before: Any) -> Any:
        for weight in network.parameters():
            weight.data *= 2
        return before

    def interrupt(path: Path, record: Any) -> None:
        raise InputError("no room")

    run, *_ = unfinished(finished, tmp_path)
    best = (run / run_folder.BEST).read_bytes()
    trainer = trainer_of(run, config_of(finished))
    monkeypatch.setattr(Trainer, "_with_statistics", measured)
    monkeypatch.setattr(run_folder, "write_record", interrupt)
    with pytest.raises(InputError, match="no room"):
        trainer.train()
    assert (run / run_folder.BEST).read_bytes() == best
    (run / run_folder.BEST).unlink()
    with pytest.raises(InputError, match=r"has no best.h5, with which it would end"):
        trainer.train()


def test_a_loss_that_is_no_number_before_the_first_state(material: Path, tmp_path: Path) -> None:
    trainer = trainer_of(tmp_path / "run", small_config(material))
    with torch.no_grad():
        next(trainer._learner.network.parameters()).fill_(float("nan"))
    with pytest.raises(DivergedError, match=r"not finite by step 1: .*; there is no checkpoint y"):
        trainer.train()


@pytest.mark.parametrize(
    "changes",
    [
        {"objective": "softmax", "optimizer": {"float_weights": "sgd", "weight_decay": 1e-3}},
        {"objective": "arcface"},
        {"loss": {"soft_target_weight": 0.5, "label_weight": 0.5}},
        {"loss": {"stranger_weight": 0.5, "pair_weight": 0.5}, "precision": "mixed_bfloat16"},
        {
            "network": {
                "architecture": "MobileFaceNet",
                "stem_channels": 8,
                "stages": [[8, 1], [16, 1]],
                "head_channels": 16,
                "embedding_length": 24,
            },
            "distortions": [{"name": "noise", "share": 0.5}, {"name": "landmarks"}],
        },
        {"alike": ALIKE},
    ],
    ids=["softmax", "arcface", "people", "strangers in bfloat16", "mobile with rows", "alike"],
)
def test_other_runs_learn(changes: dict[str, object], material: Path, tmp_path: Path) -> None:
    config = small_config(material, **changes)
    losses = losses_of(trainer_of(tmp_path / "run", config))
    assert np.mean(losses[-3:]) < losses[0]


def test_a_finished_run_teaches_by_its_layers(
    finished: Path, material: Path, tmp_path: Path
) -> None:
    pair = ["stage2_unit1_prelu", "stage2_unit1_prelu"]
    loss = {"hint_weight": 1.0, "attention_weight": 1.0, "layers": [pair]}

    def taught_by(path: Path, **changes: object) -> Trainer:
        config = small_config(
            material, teacher={"network": str(path)}, loss=loss, epochs=0.5, **changes
        )
        return start(1).trainer(tmp_path / "run", config, gather(small_config(material), None))

    (tmp_path / "run").mkdir()
    trainer = taught_by(finished)
    terms = trainer._learner._beside["terms"]
    x = faces(2)
    (mine,) = terms.teacher.maps(torch.from_numpy(x.transpose(0, 3, 1, 2)), pair[:1])
    theirs = loading.load(finished).model
    theirs = tf.keras.Model(theirs.input, theirs.get_layer(pair[0]).output)
    np.testing.assert_allclose(
        mine.numpy().transpose(0, 2, 3, 1), theirs(x, training=False), rtol=1e-3, atol=1e-3
    )
    assert np.isfinite(losses_of(trainer)).all()
    with pytest.raises(InputError, match=r"own, but .*other.keras is another: use --engine keras"):
        taught_by(tmp_path / "other.keras")
    network = {"architecture": "A", "units": [0, 0, 0, 0], "width": 0.1}
    with pytest.raises(InputError, match="the teacher takes 112x96 but the student 112x112"):
        taught_by(finished, network={**network, "embedding_length": 24, "input_width": 112})


def test_a_budget_of_time_ends_a_run_and_starts_another(material: Path, tmp_path: Path) -> None:
    config = small_config(material, budget=1.5, epochs=1000)
    trainer = trainer_of(tmp_path / "run", config)
    losses_of(trainer)
    rows = run_folder.read_log(tmp_path / "run")
    assert 1.5 <= rows[-1]["seconds"] < 10
    assert rows[-1]["learning_rate"] < rows[0]["learning_rate"]
    assert 0 < trainer.step < 1000
    other = trainer_of(
        tmp_path / "next",
        small_config(material, start_from=str(tmp_path / "run" / run_folder.LATENT)),
    )
    restored = keras_weights(other._learner.network)["embedding"]
    np.testing.assert_array_equal(
        restored[0], keras_weights(trainer._learner.network)["embedding"][0]
    )
    kept = latent.read(tmp_path / "run" / run_folder.LATENT)
    assert set_keras_weights(other._learner.network, kept, "test") == []


def test_a_budget_that_begins_an_entered_stage_anew_is_refused(
    material: Path, tmp_path: Path
) -> None:
    stages = [{"share": 1, "network": {"variant": "float"}}, {"share": 1}]
    config = small_config(material, stages=stages)
    losses_of(trainer_of(tmp_path / "run", config), stop_at=9)
    with pytest.raises(InputError, match=r"has entered stages.1, but .*of 1000 end in stages.0"):
        trainer_of(tmp_path / "run", replace(config, budget=1000.0))


def test_a_budget_counts_validations(
    material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step takes a second and a validation ten, by a clock that nothing else moves."""
    config = small_config(material, budget=40.0)
    config = replace(config, validation=replace(config.validation, every=5))
    trainer = trainer_of(tmp_path / "run", config)
    now = [0.0]
    monkeypatch.setattr("facesdk_training.torch.trainer.time.monotonic", lambda: now[0])

    def taking(seconds: float, function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:
            now[0] += seconds
            return function(*arguments)

        return run

    monkeypatch.setattr(trainer._learner, "step", taking(1.0, trainer._learner.step))
    monkeypatch.setattr(trainer, "_validate", taking(10.0, trainer._validate))
    losses_of(trainer)
    seconds = [row["seconds"] for row in run_folder.read_log(tmp_path / "run")]
    assert seconds == [5.0, 20.0, 35.0, 46.0]  # the budget ends in the third validation


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"precision": "mixed_float16"}, "bfloat16"),
        ({"loss": {"label_weight": 1.0}, "blends": 0.25}, "blends show two people"),
        ({"budget": 5.0, "schedule": {"kind": "steps"}}, "schedule.kind"),
        ({"objective": "softmax", "blends": 0.25}, "blends need a teacher"),
        ({"objective": "softmax", "alike": ALIKE}, "alike is for distillation"),
        ({"alike": ALIKE, "blends": 0.7}, "must be below 1 together"),
    ],
)
def test_what_it_cannot_do_is_refused(
    changes: dict[str, object], message: str, material: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        trainer_of(tmp_path / "run", small_config(material, **changes))


def test_two_processes_hold_the_same_weights(material: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    run = tmp_path / "run"
    environment = {
        **os.environ,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": "2",
        "PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS.parent)]),
        "OMP_NUM_THREADS": "1",
    }
    script = TESTS / "training" / "torch" / "small_torch_runs.py"
    processes = [
        subprocess.Popen(
            [sys.executable, str(script), str(material), str(run)],
            env={**environment, "RANK": str(rank)},
        )
        for rank in range(2)
    ]
    assert [process.wait(300) for process in processes] == [0, 0]
    first, second = (torch.load(run / f"weights-{rank}.pt") for rank in range(2))
    names = [name for name in first if "running" not in name and "num_batches" not in name]
    assert len(names) > 10
    for name in names:
        torch.testing.assert_close(first[name], second[name], rtol=0, atol=0)
    assert (run / run_folder.WEIGHTS).is_file()
