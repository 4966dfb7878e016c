"""States of a run that was saved, the last two of them."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import torch

from facesdk.errors import InputError, one_line
from facesdk.files import make_folder, read_regular, write_atomic
from facesdk_training.runs import checkpoints
from facesdk_training.runs import folder as run_folder

_KEPT = 2
_NAME = re.compile(r"step-(\d+)\.pt")
_PARTS = {"step", "seconds", "stage", "stage_steps", "learner", "batches"}


def found(run: Path) -> checkpoints.Found:
    """See :func:`facesdk_training.runs.checkpoints.last_intact`."""
    return checkpoints.last_intact(run, saved_steps(run), lambda step: _problem(run, step))


def saved_steps(run: Path) -> list[int]:
    """Finished steps of the states that are there, ascending."""
    names = [path.name for path in (run / run_folder.CHECKPOINTS).glob("step-*.pt")]
    return sorted(int(match[1]) for match in map(_NAME.fullmatch, names) if match)


def forget_after(run: Path, step: int) -> None:
    """Sets the states after a step aside, none of which could be read.

    Raises:
        InputError: One cannot be renamed.
    """
    for later in (each for each in saved_steps(run) if each > step):
        path = _path(run, later)
        try:
            path.rename(path.with_suffix(".damaged"))
        except OSError as error:
            raise InputError(f"cannot rename {path}: {error.strerror}") from None


def save(run: Path, step: int, state: dict[str, Any]) -> None:
    """Writes a state whole, then removes all but the last two.

    Raises:
        InputError: It cannot be written.
    """
    make_folder(run / run_folder.CHECKPOINTS)
    stream = io.BytesIO()
    torch.save(state, stream)
    write_atomic(_path(run, step), stream.getvalue())
    for old in saved_steps(run)[:-_KEPT]:
        _path(run, old).unlink(missing_ok=True)


def read(run: Path, step: int, device: torch.device) -> dict[str, Any]:
    """Reads a state.

    Raises:
        InputError: It cannot be read.
    """
    path = _path(run, step)
    try:
        state: dict[str, Any] = torch.load(io.BytesIO(read_regular(path)), map_location=device)
    except OSError as error:
        raise InputError(f"cannot read the checkpoint {path}: {error.strerror}") from None
    except Exception as error:  # pickle raises what the bytes happen to ask for
        raise InputError(f"cannot read the checkpoint {path}: {one_line(error, 200)}") from None
    if not isinstance(state, dict) or not state.keys() >= _PARTS:
        raise InputError(f"cannot read the checkpoint {path}: it is no state of a run")
    return state


def _problem(run: Path, step: int) -> str:
    try:
        read(run, step, torch.device("cpu"))
    except InputError as error:
        return str(error)
    return ""


def _path(run: Path, step: int) -> Path:
    return run / run_folder.CHECKPOINTS / f"step-{step}.pt"
