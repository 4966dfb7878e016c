"""Checkpoints of the training engine ``keras``: TensorFlow's files, the last two saves.

TensorFlow writes a checkpoint under temporary names, and names it in the file ``checkpoint`` when
all of it is there; so a process that is killed while it saves loses nothing but the steps since the
save before.
"""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import tensorflow as tf

from facesdk.errors import InputError, one_line
from facesdk.files import write_atomic
from facesdk_training.runs import checkpoints
from facesdk_training.runs import folder as run_folder

_NAME = re.compile(r"ckpt-(\d+)")
_REASON = re.compile(r"; ([^;]+?)(?: \[Op:\w+\])?$")
_KEPT = 2


def found(run: Path) -> checkpoints.Found:
    """See :func:`facesdk_training.runs.checkpoints.last_intact`."""
    return checkpoints.last_intact(run, _steps(run), lambda step: _problem(path_of(run, step)))


def saved_step(run: Path) -> int | None:
    """Finished steps of the last complete checkpoint of a run; None if there is none."""
    return next(reversed(_steps(run)), None)


def path_of(run: Path, step: int) -> str:
    """What TensorFlow calls the checkpoint of a step: the beginning of its files' names."""
    return str(run / run_folder.CHECKPOINTS / f"ckpt-{step}")


def manager_of(folder: Path, checkpoint: tf.train.Checkpoint) -> tf.train.CheckpointManager:
    """What saves into a folder, which is made."""
    return tf.train.CheckpointManager(checkpoint, str(folder), max_to_keep=_KEPT)


def forget_after(run: Path, step: int | None) -> None:
    """Lets the file ``checkpoint`` name those up to a step, and none without one.

    Raises:
        InputError: It cannot be written.
    """
    names = [f"ckpt-{each}" for each in _steps(run) if step is not None and each <= step]
    if names:
        lines = [f'all_model_checkpoint_paths: "{name}"\n' for name in names]
        last = f'model_checkpoint_path: "{names[-1]}"\n'
        write_atomic(_list_of(run), "".join([last, *lines]).encode())
        return
    try:
        _list_of(run).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(f"cannot remove {_list_of(run)}: {error.strerror}") from None


def save(manager: tf.train.CheckpointManager, step: int) -> None:
    """Writes a checkpoint, and removes all but the last two.

    Raises:
        InputError: It cannot be written.
    """
    try:
        manager.save(checkpoint_number=step)
    except tf.errors.OpError as error:
        with suppress(OSError):
            shutil.rmtree(Path(manager.directory) / f"ckpt-{step}_temp")
        raise InputError(f"cannot write {manager.directory}: {_reason(error)}") from None


def restore(path: str, stage: int, objects: dict[str, Any], added: dict[str, Any]) -> None:
    """Sets objects to what a checkpoint holds.

    Args:
        path: See :func:`path_of`.
        stage: Number of the stage that they are of.
        objects: What it must hold, by the names under which it was saved.
        added: What checkpoints of earlier versions lack: there, these stay as they are.

    Raises:
        InputError: It is of other objects.
    """
    stored = {name.partition("/")[0] for name, _ in tf.train.list_variables(path)}
    known = {name: value for name, value in added.items() if name in stored}
    try:
        tf.train.Checkpoint(**objects, **known).restore(path).assert_existing_objects_matched()
    except (AssertionError, ValueError):
        raise InputError(
            f"{path} does not fit stage {stage} of the run: it was written by another version of "
            "facesdk, which can go on with it"
        ) from None


def _steps(run: Path) -> list[int]:
    """Of those that the file ``checkpoint`` names; without it, of all that are there."""
    folder = run / run_folder.CHECKPOINTS
    try:
        state = tf.train.get_checkpoint_state(str(folder))
    except ValueError:  # it is empty
        state = None
    if state is None:
        names = [path.stem for path in folder.glob("ckpt-*.index")]
    else:
        names = [Path(path).name for path in state.all_model_checkpoint_paths]
    return sorted(int(match[1]) for match in map(_NAME.fullmatch, names) if match)


def _list_of(run: Path) -> Path:
    return run / run_folder.CHECKPOINTS / "checkpoint"


def _problem(path: str) -> str:
    try:
        reader = tf.train.load_checkpoint(path)
        for name in reader.get_variable_to_dtype_map():
            reader.get_tensor(name)  # compares the digest that is stored beside it
    except (tf.errors.OpError, LookupError, ValueError, RuntimeError) as error:
        return f"cannot read the checkpoint {path}: {one_line(error, 200)}"
    return ""


def _reason(error: tf.errors.OpError) -> str:
    message = one_line(error)
    matched = _REASON.search(message)
    return matched[1] if matched else message
