"""The runs that printed tables rest on can still be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from facesdk_training.runs import folder as run_folder
from facesdk_training.runs import record as run_record

RUNS = Path(__file__).parents[3] / "training" / "runs"
FOLDERS = sorted(path.parent for path in RUNS.rglob(run_folder.CONFIG))


@pytest.mark.parametrize("run", FOLDERS, ids=lambda run: run.relative_to(RUNS).as_posix())
def test_a_committed_run_says_what_was_trained(run: Path) -> None:
    config = run_record.config_of(run)
    assert run_record.engine_of(run) == "keras"
    stored = run_folder.read_record(run / run_folder.CONFIG)
    assert stored["config"] == _plain(config.to_dict())
    assert run_folder.read_record(run / run_folder.CALIBRATION)["thresholds"]
    assert run_folder.read_log(run)


def _plain(value: object) -> object:
    """What JSON makes of it."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, (list, tuple)) else value


def test_there_are_runs() -> None:
    assert len(FOLDERS) == 15
