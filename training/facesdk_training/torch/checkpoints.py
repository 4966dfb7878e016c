"""States of a run that was saved, the last two of them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import torch

from facesdk.errors import InputError
from facesdk.files import read_regular, write_atomic
from facesdk_training.runs import folder as run_folder

_KEPT = 2


def saved_steps(run: Path) -> list[int]:
    """Finished steps of the states that are there, ascending."""
    folder = run / run_folder.CHECKPOINTS
    return sorted(int(path.stem.rpartition("-")[2]) for path in folder.glob("step-*.pt"))


def save(run: Path, step: int, state: dict[str, Any]) -> None:
    """Writes a state whole, then removes all but the last two.

    Raises:
        InputError: It cannot be written.
    """
    (run / run_folder.CHECKPOINTS).mkdir(exist_ok=True)
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
    except (OSError, RuntimeError, EOFError, ValueError) as error:
        raise InputError(f"cannot read the state {path}: {error}") from None
    return state


def _path(run: Path, step: int) -> Path:
    return run / run_folder.CHECKPOINTS / f"step-{step}.pt"
