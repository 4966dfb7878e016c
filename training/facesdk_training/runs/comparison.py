"""Runs side by side: their figures, and what their configurations do not have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facesdk.errors import InputError
from facesdk_training.runs import folder as run_folder
from facesdk_training.runs.record import FIRST_ENGINE

FIGURES = ("validation_accuracy", "validation_tar_at_fmr_0.01", "validation_tar_at_fmr_0.001")
"""Figures on held-out people; a run may lack some."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run in a line.

    Attributes:
        folder: Its folder.
        state: ``"finished"``, ``"begun"``, or ``"figures only"`` where weights were not kept.
        network: Architecture and variant.
        objective: What was minimised.
        steps: Steps of the last validation; 0 before the first.
        seconds: Time of the steps in the log.
        best: The best value of each of :data:`FIGURES` in the log, or what it was measured with at
            its end where it has no log, as one of ``facesdk compress``; None where neither has it.
        config: The training engine and the configuration, flat:
            ``{"engine": "keras", "schedule.learning_rate": 0.002, ...}``.
    """

    folder: Path
    state: str
    network: str
    objective: str
    steps: int
    seconds: float
    best: Mapping[str, float | None]
    config: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """All but the configuration."""
        return {
            "folder": str(self.folder),
            "state": self.state,
            "network": self.network,
            "objective": self.objective,
            "steps": self.steps,
            "seconds": round(self.seconds),
            "best": dict(self.best),
        }


def summary(folder: Path) -> RunSummary:
    """What a run folder says of itself.

    Raises:
        InputError: The folder is no run of ``facesdk train``.
    """
    record = run_folder.read_record(folder / run_folder.CONFIG)
    config = record.get("config")
    if not isinstance(config, dict):
        raise InputError(f"{folder} was not written by this version of facesdk")
    rows = run_folder.read_log(folder)
    known = rows or _at_its_end(folder)
    best = {
        name: max((row[name] for row in known if name in row), default=None) for name in FIGURES
    }
    network = (config.get("stages") or [{}])[-1].get("network") or config.get("network") or {}
    words = [network.get("architecture", "?"), network.get("variant", "")]
    return RunSummary(
        folder,
        _state(folder),
        " ".join(filter(None, words)),
        str(config.get("objective", "?")),
        int(rows[-1]["step"]) if rows else 0,
        sum(float(row.get("seconds", 0.0)) for row in rows),
        best,
        {"engine": str(record.get("engine", FIRST_ENGINE)), **dict(_flat(config))},
    )


def find_runs(folders: Iterable[Path]) -> tuple[Path, ...]:
    """The run folders among folders and directly or deeper below them, sorted.

    Raises:
        InputError: A folder does not exist, or there is no run in any.
    """
    found: set[Path] = set()
    given = list(folders)
    for folder in given:
        if not folder.is_dir():
            raise InputError(f"{folder} is no folder")
        found |= {path.parent for path in folder.rglob(run_folder.CONFIG)}
    if not found:
        raise InputError(f"there is no run in {', '.join(map(str, given))}")
    return tuple(sorted(found))


def differences(runs: Sequence[RunSummary]) -> dict[str, tuple[Any, ...]]:
    """Keys whose values are not the same in all runs, each with its value in every run.

    A run without the key has None.
    """
    names = sorted({name for run in runs for name in run.config})
    rows = {name: tuple(run.config.get(name) for run in runs) for name in names}
    return {name: row for name, row in rows.items() if any(value != row[0] for value in row)}


def _at_its_end(folder: Path) -> list[dict[str, Any]]:
    path = folder / run_folder.CALIBRATION
    return [run_folder.read_record(path)] if path.exists() else []


def _state(folder: Path) -> str:
    if (folder / run_folder.WEIGHTS).exists():
        return "finished"
    if (folder / run_folder.CHECKPOINTS).exists() or (folder / run_folder.LATENT).exists():
        return "begun"
    return "figures only"


def _flat(table: Mapping[str, Any], path: str = "") -> Iterable[tuple[str, Any]]:
    for name, value in table.items():
        inner = f"{path}.{name}" if path else name
        if isinstance(value, Mapping):
            yield from _flat(value, inner)
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            for number, row in enumerate(value):
                yield from _flat(row, f"{inner}.{number}")
        else:
            yield inner, value
