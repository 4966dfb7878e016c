"""Which checkpoint a run goes on from: the last one that can be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from facesdk.errors import InputError
from facesdk_training.runs import folder as run_folder

Problem = Callable[[int], str]
"""What keeps the checkpoint of a step from being read, in one line; empty if nothing does."""


@dataclass(frozen=True, slots=True)
class Found:
    """Where a run goes on.

    Attributes:
        step: Finished steps of the checkpoint; None for a run that begins.
        notes: Newer checkpoints that cannot be read, one line each.
    """

    step: int | None
    notes: tuple[str, ...] = ()


def last_intact(run: Path, steps: Sequence[int], problem: Problem) -> Found:
    """The last checkpoint of a run that can be read.

    Args:
        run: The run folder.
        steps: Finished steps of its checkpoints, ascending.
        problem: Tries to read one.

    Raises:
        InputError: There are checkpoints and none can be read, or there is none although the run
            has logged steps, which would be logged a second time.
    """
    damaged: list[str] = []
    for step in reversed(steps):
        found = problem(step)
        if not found:
            return Found(step, tuple(f"{words}; going on from step {step}" for words in damaged))
        damaged.append(found)
    if damaged:
        raise InputError(
            f"{'; '.join(damaged)}; {run} has no other: put back the file, or start a new run in "
            "another folder"
        )
    if rows := run_folder.read_log(run):
        raise InputError(
            f"{run} has logged {rows[-1]['step']} steps but has no checkpoint to go on from: put "
            f"back its {run_folder.CHECKPOINTS}, or start a new run in another folder"
        )
    return Found(None)


def words_of_kept(step: int | None) -> str:
    """What is left of a run that stops for good, for the end of a message.

    Args:
        step: Finished steps of its last checkpoint; None without one.
    """
    if step is None:
        return "there is no checkpoint yet"
    return f"the last checkpoint, of step {step}, is kept"
