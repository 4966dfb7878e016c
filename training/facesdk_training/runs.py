"""The run folder, the only state of a training run.

=================  =================================================================================
file               content
=================  =================================================================================
config.json        what was asked for, and the digests of the data and the teacher it was asked of
log.jsonl          one JSON object a validation: step, loss, learning rate, validation figures
checkpoints/       weights, optimizer and step of the last saves; enough to resume
weights.h5         the final weights (Keras HDF5); a run that has it is finished
calibration.json   validation figures and thresholds of the final weights
=================  =================================================================================
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from facesdk.errors import InputError
from facesdk.files import write_atomic

CONFIG = "config.json"
LOG = "log.jsonl"
CHECKPOINTS = "checkpoints"
WEIGHTS = "weights.h5"
CALIBRATION = "calibration.json"


def make_folder(run: Path) -> None:
    """Makes a run's folder and those above it; one that exists is used.

    Raises:
        InputError: It cannot be made.
    """
    try:
        run.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the run folder {run}: {error.strerror}") from None


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
            f"{path.parent} is not a finished run of `facesdk train distill`: "
            f"cannot read {path.name} ({error.strerror})"
        ) from None
    except ValueError as error:
        raise InputError(f"{path} is not valid JSON ({error})") from None
    if not isinstance(record, dict):
        raise InputError(f"{path} must hold a JSON object")
    return record


def append_log(run: Path, figures: dict[str, float]) -> None:
    """Adds a line to a run's log.

    Raises:
        InputError: The log cannot be written.
    """
    try:
        with (run / LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps(figures) + "\n")
    except OSError as error:
        raise InputError(f"cannot write {run / LOG}: {error.strerror}") from None


def weights_sha256(run: Path) -> str:
    """SHA-256 (hex) of a finished run's weights.

    Raises:
        InputError: The run has none.
    """
    try:
        return hashlib.sha256((run / WEIGHTS).read_bytes()).hexdigest()
    except OSError:
        raise InputError(
            f"{run} has no {WEIGHTS}: finish it with `facesdk train distill --resume`"
        ) from None
