from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from facesdk.errors import InputError
from facesdk_training.config.run import RunConfig
from facesdk_training.keras import checkpoints
from facesdk_training.keras import trainer as trainer_module
from facesdk_training.keras.checkpoints import saved_step
from facesdk_training.keras.networks.build import build_embedder
from facesdk_training.keras.optimizers import optimized_groups
from facesdk_training.keras.trainer import DivergedError
from facesdk_training.keras.weights import latent_weights, restore_latent, save_latent
from facesdk_training.runs import folder as run_folder
from facesdk_training.runs.record import config_of
from training.small_runs import (
    DIM,
    HIDDEN,
    NUISANCES,
    losses_of,
    small_config,
    trainer_of,
    write_material,
)

TESTS = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_material(tmp_path_factory.mktemp("material"))


@pytest.fixture(scope="module")
def undisturbed(
    material: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[float]]:
    """A finished run and its losses."""
    run = tmp_path_factory.mktemp("uninterrupted")
    return run, losses_of(trainer_of(run, small_config(material)))


@pytest.fixture
def uninterrupted(undisturbed: tuple[Path, list[float]]) -> Path:
    return undisturbed[0]


@pytest.fixture(scope="module")
def stopped(material: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[float]]:
    """A run that was stopped after three steps, to be copied, and its losses."""
    run = tmp_path_factory.mktemp("stopped") / "run"
    return run, losses_of(trainer_of(run, small_config(material, epochs=1)), stop_at=3)


@pytest.fixture
def copy_of_stopped(stopped: tuple[Path, list[float]], tmp_path: Path) -> Path:
    return Path(shutil.copytree(stopped[0], tmp_path / "run"))


@pytest.fixture
def unfinished(undisturbed: tuple[Path, list[float]], tmp_path: Path) -> Path:
    """A copy of a whole run without its weights, with checkpoints of the last two validations."""
    run = Path(shutil.copytree(undisturbed[0], tmp_path / "run"))
    (run / run_folder.WEIGHTS).unlink()
    return run


STAGES = {"stages": [{"share": 1, "network": {"variant": "float"}}, {"share": 1}]}


@pytest.fixture(scope="module")
def staged(material: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[float]]:
    """A finished run of two stages, and its losses."""
    run = tmp_path_factory.mktemp("staged")
    return run, losses_of(trainer_of(run, small_config(material, epochs=1, **STAGES)))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(
            {"optimizer": {"ema_decay": 0.9, "clip_norm": 1.0}},
            id="distillation",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"objective": "softmax", "optimizer": {"float_weights": "sgd"}},
            id="softmax with dropout",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_resumed_run_has_the_losses_of_one_that_was_not_interrupted(
    material: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    config = small_config(material, epochs=1, **changes)
    losses = losses_of(trainer_of(tmp_path / "whole", config))
    assert_same_in_parts(config, tmp_path / "whole", losses, tmp_path / "parts")


@pytest.mark.slow
def test_a_resumed_run_of_stages_has_the_losses_of_one_that_was_not_interrupted(
    material: Path, staged: tuple[Path, list[float]], tmp_path: Path
) -> None:
    config = small_config(material, epochs=1, **STAGES)
    assert_same_in_parts(config, *staged, tmp_path / "parts")


def assert_same_in_parts(
    config: RunConfig, whole: Path, expected: list[float], parts: Path
) -> None:
    """A run that is stopped twice has the losses of a whole one, and its log."""
    losses: list[float] = []
    for stop_at in (2, 4, None):
        losses += losses_of(trainer_of(parts, config), stop_at)
    assert losses == pytest.approx(expected, rel=1e-4)
    kept = ("step", "stage", "images", "learning_rate")
    logs = [run_folder.read_log(run) for run in (whole, parts)]
    assert [row["loss"] for row in logs[0]] == pytest.approx(
        [row["loss"] for row in logs[1]], rel=1e-4
    )
    assert [[row[key] for key in kept] for row in logs[0]] == [
        [row[key] for key in kept] for row in logs[1]
    ]


def test_training_learns(uninterrupted: Path) -> None:
    losses = [row["loss"] for row in run_folder.read_log(uninterrupted)]
    assert losses[-1] < 0.9 * losses[0]


def test_a_finished_run_has_thresholds_and_the_pairs_behind_them(uninterrupted: Path) -> None:
    record = run_folder.read_record(uninterrupted / run_folder.CALIBRATION)
    assert record["identities"] * 4 == record["crops"]
    for row in record["thresholds"]:
        assert row["positive_pairs"] == record["identities"] * 6
        pairs = record["crops"] * (record["crops"] - 1) // 2
        assert row["positive_pairs"] + row["negative_pairs"] == pairs
    teacher = run_folder.read_record(uninterrupted / run_folder.CONFIG)["teacher"]
    assert teacher["validation_accuracy"] > 0.95


def test_the_best_weights_by_validation_are_kept(uninterrupted: Path) -> None:
    best = max(row["validation_accuracy"] for row in run_folder.read_log(uninterrupted))
    record = run_folder.read_record(uninterrupted / run_folder.CALIBRATION)
    assert record["validation_accuracy"] == pytest.approx(best, abs=1e-6)
    assert (uninterrupted / run_folder.WEIGHTS).read_bytes() == (
        uninterrupted / run_folder.BEST
    ).read_bytes()


def test_nothing_partial_is_left_behind_and_curves_are_written(uninterrupted: Path) -> None:
    names = {path.name for path in uninterrupted.iterdir()}
    assert names == {
        *(
            run_folder.BEST,
            run_folder.CALIBRATION,
            run_folder.CHECKPOINTS,
            run_folder.CONFIG,
            run_folder.LATENT,
            run_folder.LOG,
        ),
        *(run_folder.TENSORBOARD, run_folder.WEIGHTS),
    }
    events = list((uninterrupted / run_folder.TENSORBOARD).iterdir())
    tags = {
        value.tag
        for event in tf.compat.v1.train.summary_iterator(str(events[0]))
        for value in event.summary.value
    }
    assert {"loss", "learning_rate", "images_per_second", "validation_accuracy"} <= tags


def test_nuisances_are_taken_out_of_what_is_kept(material: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    losses_of(trainer_of(run, small_config(material, network=HIDDEN, nuisances=NUISANCES)))
    kept, last = (weights_of(run, name) for name in (run_folder.WEIGHTS, run_folder.BEST))
    (kernel, bias), (before, _) = kept.pop("embedding"), last.pop("embedding")
    assert np.linalg.matrix_rank(kernel, 1e-4) == np.linalg.matrix_rank(before) - 3
    assert bias.shape == (DIM,)
    (correction,), (other,) = kept.pop("head_correction"), last.pop("head_correction")
    change = np.linalg.lstsq(before, kernel, rcond=None)[0]
    assert np.abs(other).max() > 0
    np.testing.assert_allclose(correction, other @ change, atol=1e-3 * np.abs(other).max())
    for layer, values in kept.items():
        for own, other in zip(values, last[layer], strict=True):
            np.testing.assert_array_equal(own, other)
    assert run_folder.read_record(run / run_folder.CALIBRATION)["thresholds"]


def weights_of(run: Path, name: str) -> dict[str, list[np.ndarray]]:
    model = build_embedder(config_of(run).final_network)
    model.load_weights(run / name)
    return {layer.name: layer.get_weights() for layer in model.layers}


@pytest.mark.slow
def test_a_loss_that_is_no_number_stops_the_run(material: Path, copy_of_stopped: Path) -> None:
    config = small_config(material, epochs=1)
    trainer = trainer_of(copy_of_stopped, config)
    first = trainer._network.model.trainable_variables[0]
    first.assign(tf.fill(first.shape, np.nan))
    with pytest.raises(DivergedError, match=r"not finite at step 4: .*, of step 3, is kept"):
        trainer.train()
    assert trainer_of(copy_of_stopped, config).step == 3


def test_the_average_follows_the_weights_as_defined(material: Path, tmp_path: Path) -> None:
    config = small_config(material, epochs=1, optimizer={"ema_decay": 0.5})
    trainer = trainer_of(tmp_path / "run", config)
    expected = trainer._network.embedder.trainable_variables[0].numpy()
    got = []

    def on_step(step: int, loss: float, speed: float) -> None:
        nonlocal expected
        decay = min(0.5, step / (9 + step))
        trained = trainer._network.embedder.trainable_variables[0].numpy()
        expected = decay * expected + (1 - decay) * trained
        got.append(trainer._network.kept.trainable_variables[0].numpy())
        np.testing.assert_allclose(got[-1], expected, atol=1e-6)

    trainer.train(on_step)
    assert len(got) == trainer.total_steps


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["bfloat16-convolutions", "mixed_bfloat16", "mixed_float16"])
def test_reduced_precision_trains_float32_variables(
    material: Path, stopped: tuple[Path, list[float]], tmp_path: Path, precision: str
) -> None:
    exact = stopped[1]
    config = small_config(material, epochs=1, precision=precision)
    trainer = trainer_of(tmp_path / "run", config)
    losses = losses_of(trainer, stop_at=3)
    assert {variable.dtype for variable in trainer._network.model.trainable_variables} == {
        tf.float32
    }
    assert losses[0] == pytest.approx(exact[0], rel=0.05)
    assert losses[-1] == pytest.approx(exact[-1], rel=0.2)


@pytest.mark.slow
def test_a_later_stage_begins_with_the_weights_of_the_one_before(
    material: Path, tmp_path: Path
) -> None:
    config = small_config(material, epochs=1, **STAGES)
    trainer = trainer_of(tmp_path / "run", config)
    before = trainer._stages[1].first_step
    losses_of(trainer, stop_at=before - 1)
    trained = trainer._network.weights()
    losses_of(trainer_of(tmp_path / "run", config), stop_at=before)
    trainer = trainer_of(tmp_path / "run", config)
    losses_of(trainer, stop_at=before + 1)
    second = trainer._network
    assert second.model.get_layer("stage1_unit1_conv").kernel_quantizer is not None
    for name in ("stem1_conv", "embedding"):
        distance = np.abs(second.weights()[name][0] - trained[name][0]).max()
        assert distance < 0.02, name  # two small steps apart
    signs = np.sign(second.weights()["stage1_unit1_conv"][0])
    assert np.mean(signs == np.sign(trained["stage1_unit1_conv"][0])) > 0.95


@pytest.mark.slow
def test_the_state_is_saved_before_a_stage_is_entered(
    material: Path,
    staged: tuple[Path, list[float]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever goes wrong there, `--resume` goes on from the last step of the stage before."""
    config = small_config(material, epochs=1, **STAGES)
    whole = staged[1]
    first = trainer_of(tmp_path / "run", config)
    boundary = first._stages[0].last_step
    losses: list[float] = []

    def refuse(weights: Any) -> None:
        raise MemoryError("no room for the second network")

    monkeypatch.setattr(trainer_module._Network, "inherit", lambda self, weights: refuse(weights))
    with pytest.raises(MemoryError):
        first.train(lambda step, loss, speed: losses.append(loss))
    monkeypatch.undo()
    assert saved_step(tmp_path / "run") == len(losses) == boundary
    mended = replace(config.stages[1], learning_rate=0.5)
    second = trainer_of(tmp_path / "run", replace(config, stages=(config.stages[0], mended)))
    assert second._stage.number == 0
    losses += losses_of(second)
    assert losses[: boundary + 1] == pytest.approx(whole[: boundary + 1], rel=1e-4)
    assert losses[-1] != pytest.approx(whole[-1], rel=1e-6)


@pytest.mark.slow
def test_a_checkpoint_of_another_network_is_refused(material: Path, copy_of_stopped: Path) -> None:
    config = small_config(material, epochs=1)
    wider = replace(config, network=replace(config.network, stages=((32, 1), (96, 1))))
    with pytest.raises(InputError, match=r"ckpt-3 does not fit stage 0 of the run"):
        trainer_of(copy_of_stopped, wider)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [cut, empty, Path.unlink])
@pytest.mark.parametrize("part", ["index", "data-00000-of-00001"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_gone_on_from(
    unfinished: Path, damage: Any, part: str
) -> None:
    last, before = (row["step"] for row in run_folder.read_log(unfinished)[:-3:-1])
    damage(unfinished / run_folder.CHECKPOINTS / f"ckpt-{last}.{part}")
    found = checkpoints.found(unfinished)
    assert found.step == before
    (note,) = found.notes
    assert f"cannot read the checkpoint {unfinished}" in note
    assert f"ckpt-{last}: " in note and note.endswith(f"; going on from step {before}")


def test_a_run_whose_last_checkpoint_is_damaged_goes_on(material: Path, unfinished: Path) -> None:
    last, before = (row["step"] for row in run_folder.read_log(unfinished)[:-3:-1])
    cut(unfinished / run_folder.CHECKPOINTS / f"ckpt-{last}.index")
    trainer = trainer_of(unfinished, small_config(material))
    assert trainer.step == before and len(trainer.notes) == 1
    assert run_folder.read_log(unfinished)[-1]["step"] == before
    assert saved_step(unfinished) == before


def test_a_list_of_checkpoints_that_is_lost_is_made_anew(unfinished: Path) -> None:
    last = saved_step(unfinished)
    empty(unfinished / run_folder.CHECKPOINTS / "checkpoint")
    assert checkpoints.found(unfinished).step == last
    checkpoints.forget_after(unfinished, last)
    named = tf.train.latest_checkpoint(str(unfinished / run_folder.CHECKPOINTS))
    assert named == checkpoints.path_of(unfinished, last)


def test_a_run_without_a_checkpoint_that_can_be_read_is_refused(
    material: Path, unfinished: Path
) -> None:
    folder, log = unfinished / run_folder.CHECKPOINTS, run_folder.read_log(unfinished)
    for path in folder.iterdir():
        empty(path)
    with pytest.raises(InputError, match=r"ckpt-\d+: .*has no other: put back the file"):
        trainer_of(unfinished, small_config(material))
    shutil.rmtree(folder)
    with pytest.raises(InputError, match=r"has logged 14 steps but has no checkpoint to go on"):
        trainer_of(unfinished, small_config(material))
    assert run_folder.read_log(unfinished) == log


@contextmanager
def no_room() -> Iterator[None]:
    """No file can grow beyond a few bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    state = tf.train.Checkpoint(values=tf.Variable(tf.zeros(1000)))
    manager = checkpoints.manager_of(tmp_path, state)
    with no_room(), pytest.raises(InputError) as caught:
        checkpoints.save(manager, 1)
    assert str(caught.value) == f"cannot write {tmp_path}: File too large"
    assert list(tmp_path.iterdir()) == []


def test_weights_are_made_without_a_scratch_file(material: Path, tmp_path: Path) -> None:
    """HDF5 ends the process where it cannot write one."""
    model, copy = (build_embedder(small_config(material).final_network) for _ in range(2))
    with no_room():
        content = trainer_module._hdf5(model)
    (tmp_path / "weights.h5").write_bytes(content)
    copy.load_weights(tmp_path / "weights.h5")
    for one, two in zip(model.get_weights(), copy.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_checkpoints_of_earlier_versions_lack_the_interval(tmp_path: Path) -> None:
    saved = tf.train.Checkpoint(step=tf.Variable(3))
    path = checkpoints.manager_of(tmp_path, saved).save(checkpoint_number=3)
    step, interval = tf.Variable(0), tf.Variable([0.0, 0.0])
    checkpoints.restore(path, 0, {"step": step}, {"interval": interval})
    assert (int(step), interval.numpy().tolist()) == (3, [0.0, 0.0])


def test_a_loss_in_the_log_is_of_all_steps_since_the_row_before(
    material: Path, tmp_path: Path
) -> None:
    config = small_config(material)
    losses = losses_of(trainer_of(tmp_path / "run", config), stop_at=2)
    losses += losses_of(trainer_of(tmp_path / "run", config), stop_at=3)
    (row,) = run_folder.read_log(tmp_path / "run")
    assert row["loss"] == pytest.approx(np.mean(losses), rel=1e-6)


def test_a_run_can_end_where_it_was_interrupted(
    material: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, config = tmp_path / "run", small_config(material, epochs=0.1)
    losses = losses_of(trainer_of(run, small_config(material)), stop_at=2)
    monkeypatch.setattr(trainer_module.Trainer, "_finish", lambda self: None)
    assert losses_of(trainer_of(run, config)) == []  # and is killed before it is finished
    monkeypatch.undo()
    losses_of(trainer_of(run, config))
    (row,) = run_folder.read_log(run)
    assert (row["step"], row["loss"]) == (2, pytest.approx(np.mean(losses), rel=1e-6))
    assert (run / run_folder.WEIGHTS).is_file()


def test_an_end_that_was_interrupted_begins_with_the_same_weights(
    material: Path, unfinished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def measured(self: Any, before: Any) -> Any:
        kept = self._network.kept
        kept.set_weights([2 * weights for weights in kept.get_weights()])
        return before

    def interrupt(path: Path, record: Any) -> None:
        raise InputError("no room")

    best = (unfinished / run_folder.BEST).read_bytes()
    trainer = trainer_of(unfinished, small_config(material, statistics=1))
    monkeypatch.setattr(trainer_module.Trainer, "_with_statistics", measured)
    monkeypatch.setattr(run_folder, "write_record", interrupt)
    with pytest.raises(InputError, match="no room"):
        trainer.train()
    assert (unfinished / run_folder.BEST).read_bytes() == best
    monkeypatch.undo()
    (unfinished / run_folder.BEST).unlink()
    with pytest.raises(InputError, match=r"has no best.h5, with which it would end"):
        trainer.train()


def test_binary_kernels_have_an_optimizer_of_their_own(material: Path) -> None:
    config = small_config(
        material, optimizer={"float_weights": "sgd", "weight_decay": 0.1, "binary_weights": "adam"}
    )
    model = build_embedder(config.final_network)
    floats, binary = optimized_groups(config.optimizer, model)
    names = [model.trainable_variables[index].name for index in binary.indices]
    assert names == ["stage1_unit1_conv/kernel:0", "stage2_unit1_conv/kernel:0"]
    assert type(floats.optimizer).__name__ == "SGD"
    assert type(binary.optimizer).__name__ == "Adam"
    assert not binary.optimizer.weight_decay
    assert sorted([*floats.indices, *binary.indices]) == list(range(len(model.trainable_variables)))


def test_latent_weights_keep_every_sign_in_eight_bits(material: Path, tmp_path: Path) -> None:
    network = small_config(material).final_network
    model, copy = build_embedder(network), build_embedder(network)
    latent_weights(model)[0][0, 0, 0, :2].assign([1e-9, -1e-9])
    model.get_layer("stem1_bn").moving_variance.assign([1e6] * 8)
    save_latent(tmp_path / "latent.npz", model)
    assert restore_latent(tmp_path / "latent.npz", copy) == []
    for one, two in zip(latent_weights(model), latent_weights(copy), strict=True):
        np.testing.assert_array_equal(np.sign(two), np.where(one.numpy() < 0, -1, 1))
        np.testing.assert_allclose(two, one, atol=1 / 127)
    images = np.random.default_rng(0).normal(size=(2, 112, 96, 3)).astype(np.float32)
    np.testing.assert_allclose(copy(images), model(images), atol=1e-5)


def test_latent_weights_of_another_shape_are_refused(material: Path, tmp_path: Path) -> None:
    config = small_config(material)
    save_latent(tmp_path / "latent.npz", build_embedder(config.final_network))
    wider = replace(config, network=replace(config.network, embedding_length=32))
    with pytest.raises(InputError, match="other shapes for layer embedding"):
        restore_latent(tmp_path / "latent.npz", build_embedder(wider.final_network))
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(InputError, match="cannot read the weights"):
        restore_latent(tmp_path / "broken.npz", build_embedder(config.final_network))


def process(material: Path, run: Path, every: int, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "training.small_runs", str(material), str(run), str(every)],
        cwd=TESTS,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def printed(output: str) -> dict[int, float]:
    return {int(step): float(loss) for step, loss in map(str.split, output.splitlines())}


@pytest.mark.slow
def test_a_run_killed_while_it_saves_loses_nothing_before(
    material: Path, undisturbed: tuple[Path, list[float]], tmp_path: Path
) -> None:
    expected = dict(enumerate(undisturbed[1], start=1))
    run = tmp_path / "killed"
    folder = run / run_folder.CHECKPOINTS
    saved, seen = 0, {}
    for _ in range(2):  # a run that was killed, and one that had gone on
        victim = process(material, run, 2)
        while victim.poll() is None:  # a save writes to temporary names first: kill on sight
            names = os.listdir(folder) if folder.exists() else []
            if any("temp" in name for name in names) and (saved_step(run) or 0) >= saved + 2:
                victim.send_signal(signal.SIGKILL)
                break
            time.sleep(0.0005)
        seen |= printed(victim.communicate()[0])
        if victim.returncode == 0:
            break
        assert (saved_step(run) or 0) >= saved + 2
        saved = saved_step(run) or 0
    else:
        validation = {"sets": ["a"], "share": 0.5, "every": 2}
        last = losses_of(trainer_of(run, small_config(material, validation=validation)))
        seen |= dict(enumerate(last, start=saved + 1))
    assert saved > 0, "no save was interrupted"
    assert seen == pytest.approx(expected, rel=1e-3)
    steps = [row["step"] for row in run_folder.read_log(run)]
    assert steps == sorted(set(steps))
