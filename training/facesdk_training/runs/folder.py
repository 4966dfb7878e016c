"""The run folder, the only state of a training run.

=================  =================================================================================
file               content
=================  =================================================================================
config.json        what was asked for, the training engine, and the SHA-256 of data and teacher, see
                   :mod:`facesdk_training.runs.record`
log.jsonl          a JSON object per validation: step, stage, loss, learning rate, speed, figures
tensorboard/       the same figures for TensorBoard
checkpoints/       all that ``--resume`` needs, in the engine's own form; the last two saves
best.h5            the weights with the best validation figure so far, in the layout of the Keras
                   network
latent.npz         the last weights in few bytes, to start another run from; written at the end and
                   when a run is interrupted
network.keras      the layers of a network that no configuration describes, in a compressed run
weights.h5         the best weights, nuisances taken out of them; a run that has it is finished
projection.npz     of a run with several teachers: from their joined vectors to the student's length
calibration.json   validation figures and thresholds of ``weights.h5``
=================  =================================================================================
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.files import sha256_of, write_atomic
from facesdk_training.data.joining import PROJECTION

CONFIG = "config.json"
LOG = "log.jsonl"
TENSORBOARD = "tensorboard"
CHECKPOINTS = "checkpoints"
BEST = "best.h5"
LATENT = "latent.npz"
NETWORK = "network.keras"
WEIGHTS = "weights.h5"
CALIBRATION = "calibration.json"


def write_record(path: Path, record: dict[str, Any]) -> None:
    """Writes a JSON file in one step.

    Raises:
        InputError: The file cannot be written.
    """
    write_atomic(path, (json.dumps(record, indent=2) + "\n").encode())


def read_record(path: Path) -> dict[str, Any]:
    """Reads a JSON file of a run.

    Raises:
        InputError: The file is missing or no JSON object.
    """
    try:
        record = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(
            f"{path.parent} is not a finished run of `facesdk train`: "
            f"cannot read {path.name} ({error.strerror})"
        ) from None
    except ValueError as error:
        raise InputError(f"{path} is not valid JSON ({error})") from None
    if not isinstance(record, dict):
        raise InputError(f"{path} must hold a JSON object")
    return record


def write_projection(run: Path, projection: NDArray[np.float32]) -> None:
    """Keeps what several teachers' joined vectors were projected with.

    Raises:
        InputError: The file cannot be written.
    """
    stream = io.BytesIO()
    np.savez(stream, projection=projection)
    write_atomic(run / PROJECTION, stream.getvalue())


def require_no_remains(run: Path) -> None:
    """Raises if a folder without a configuration holds other files that a run would go on with.

    Raises:
        InputError: It does; the message names one.
    """
    for name in (CHECKPOINTS, LOG, WEIGHTS):
        if (run / name).exists():
            raise InputError(
                f"{run} holds {name} of a run but not its {CONFIG}: choose another --output"
            )


def append_log(run: Path, figures: Mapping[str, Any]) -> None:
    """Adds a line to a run's log.

    Raises:
        InputError: The log cannot be written.
    """
    try:
        with (run / LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps(figures) + "\n")
    except OSError as error:
        raise InputError(f"cannot write {run / LOG}: {error.strerror}") from None


def read_log(run: Path) -> list[dict[str, float]]:
    """The rows of a run's log, oldest first; a last line that was not written whole is left out.

    Raises:
        InputError: The log cannot be read, or a line of it is no JSON.
    """
    try:
        lines = (run / LOG).read_text(encoding="utf-8").splitlines(keepends=True)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(f"cannot read {run / LOG}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{run / LOG} is not valid UTF-8: {error}") from None
    try:
        return [json.loads(line) for line in lines if line.endswith("\n")]
    except ValueError as error:
        raise InputError(f"{run / LOG} is not valid JSON: {error}") from None


def forget_log_after(run: Path, step: int, count: str = "step") -> None:
    """Drops the rows of steps that were not saved, because they will be computed again.

    Args:
        run: The run folder.
        step: The last step that was saved.
        count: Which figure of a row counts its steps.

    Raises:
        InputError: The log cannot be read or written.
    """
    if (run / LOG).exists():
        rows = [row for row in read_log(run) if row[count] <= step]
        write_atomic(run / LOG, "".join(json.dumps(row) + "\n" for row in rows).encode())


def best_figure(run: Path, name: str, stage: int) -> float | None:
    """The best value of a figure in a stage of a run; None before the first validation."""
    return max((row[name] for row in read_log(run) if row["stage"] == stage), default=None)


def best_weights(run: Path) -> Path:
    """The file of the best weights.

    Raises:
        InputError: The run has none.
    """
    path = run / BEST
    if not path.is_file():
        raise InputError(
            f"{run} has no {BEST}, with which it would end: put it back, or start a new run"
        )
    return path


def weights_sha256(run: Path) -> str:
    """SHA-256 (hex) of a finished run's weights.

    Raises:
        InputError: The run has none.
    """
    try:
        return sha256_of(run / WEIGHTS)
    except OSError:
        raise InputError(f"{run} has no {WEIGHTS}: finish it with `--resume`") from None
