"""The training engines by name: what trains a network, and writes the same run folder."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from facesdk.errors import InputError, require_extra
from facesdk_training.config.run import RunConfig
from facesdk_training.data.material import Material
from facesdk_training.data.teacher import TeacherRuntime

DEFAULT = "keras"
"""What trains where nobody names another: a key of :data:`ENGINES`."""

OnStep = Callable[[int, float, float], None]
"""Called after each step with the number of finished steps, the loss, and the crops per second
since the last validation."""


class Trainer(Protocol):
    """A run that can be interrupted after any step and goes on as if it had not been.

    Attributes:
        total_steps: Steps of the whole run.
        notes: What was asked for and could not be had, one line each.
    """

    total_steps: int
    notes: Sequence[str]

    @property
    def step(self) -> int:
        """Number of finished steps."""

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run folder: the first of several workers does."""

    def stop(self) -> None:
        """Makes :meth:`train` save and return after the current step; safe in a signal handler."""

    def train(self, on_step: OnStep) -> bool:
        """Trains to the last step, or until :meth:`stop`; True when the run is finished."""


class TrainingEngine(Protocol):
    """Makes trainers; started once per process, before anything is computed."""

    def saved_step(self, run: Path) -> int | None:
        """Finished steps of a run's last checkpoint that can be read; None if there is none.

        Raises:
            InputError: As :func:`facesdk_training.runs.checkpoints.last_intact`.
        """

    def require_possible(self, config: RunConfig) -> None:
        """Sees that this engine can do what is asked, before a teacher embeds all crops.

        Raises:
            InputError: It cannot, or a layer that the loss looks at is not there.
        """

    def teacher_runtime(self, config: RunConfig) -> TeacherRuntime:
        """What asks the teachers about all crops."""

    def trainer(self, run: Path, config: RunConfig, material: Material) -> Trainer:
        """A trainer, at the last checkpoint of the run folder if it has one.

        Raises:
            InputError: The configuration does not fit the material.
        """


@dataclass(frozen=True, slots=True)
class Entry:
    """A training engine that may be installed.

    Attributes:
        module: Has ``start(threads: int | None) -> TrainingEngine``; imported on use.
        extra: The extra of facesdk that installs what it needs.
        packages: Modules that must be there.
    """

    module: str
    extra: str
    packages: tuple[str, ...]


ENGINES: Mapping[str, Entry] = MappingProxyType(
    {
        "keras": Entry("facesdk_training.keras.engine", "train", ("tensorflow", "larq")),
        "torch": Entry("facesdk_training.torch.engine", "train-torch", ("torch", "h5py")),
    }
)


def require(name: str) -> None:
    """Sees that an engine can be started.

    Raises:
        InputError: There is no such engine.
        DependencyError: Its extra is not installed.
    """
    if name not in ENGINES:
        raise InputError(f"unknown training engine {name!r}: choose one of {', '.join(ENGINES)}")
    entry = ENGINES[name]
    for package in entry.packages:
        require_extra(package, extra=entry.extra)


def start(name: str, threads: int | None = None) -> TrainingEngine:
    """Loads a training engine.

    Args:
        name: A key of :data:`ENGINES`.
        threads: Threads to compute with; None for all processors.

    Raises:
        InputError: There is no such engine.
        DependencyError: Its extra is not installed.
    """
    require(name)
    entry = ENGINES[name]
    engine: TrainingEngine = importlib.import_module(entry.module).start(threads)
    return engine
