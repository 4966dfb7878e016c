"""Stage-wise binarization: which form of the network is trained in which steps.

A float network is an easier start than a binary one, and its weights a better one than random
numbers: B. Martinez et al., "Training Binary Neural Networks with Real-to-Binary Convolutions",
ICLR 2020, and Z. Liu et al., "ReActNet", ECCV 2020, binarize activations first and weights last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from typing import Any

from facesdk.errors import InputError
from facesdk_training.architectures.registry import NetworkConfig
from facesdk_training.config.run import RunConfig, StageConfig


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the run.

    Attributes:
        number: From 0.
        first_step: Its first step.
        last_step: The step after its last; equal to ``first_step`` if its share is less than one.
        network: What it trains.
        learning_rate: Factor of the schedule's peak.
    """

    number: int
    first_step: int
    last_step: int
    network: NetworkConfig
    learning_rate: float


def total_steps(config: RunConfig, steps_per_pass: int) -> int:
    """Steps of a whole run.

    Args:
        config: The configuration.
        steps_per_pass: Steps of one pass over the training crops, an epoch where the configuration
            says no other.
    """
    return max(1, round(config.epochs * (config.steps_per_epoch or steps_per_pass)))


def stages_of(config: RunConfig, steps: int) -> list[Stage]:
    """The stages, each with its share of the steps; one of all steps if none are configured."""
    stages = config.stages or (StageConfig(share=1.0, network=config.network),)
    ends = list(accumulate(stage.share for stage in stages))
    bounds = [0, *(round(steps * end / ends[-1]) for end in ends)]
    return [
        Stage(number, bounds[number], bounds[number + 1], stage.network, stage.learning_rate)
        for number, stage in enumerate(stages)
    ]


def stage_of_step(stages: Sequence[Stage], step: int) -> Stage:
    """The stage that trains a step (the first one is 0); the last stage after all steps."""
    return next((stage for stage in stages if step < stage.last_step), stages[-1])


def require_same_beginning(before: Sequence[Stage], after: Sequence[Stage], step: int) -> None:
    """Raises unless stages that a run has entered stay as they are; later ones may change.

    Args:
        before: The stages of the run so far.
        after: Those it is to go on with.
        step: Finished steps of the run.

    Raises:
        InputError: An entered stage would be another; the message says which, and what of it.
    """
    for old in before:
        if old.first_step == old.last_step or old.first_step >= step:
            continue
        if changes := _changes(old, after, step):
            raise InputError(
                f"stages.{old.number} was entered at step {old.first_step} of the {step} that are "
                f"done, so it stays as it began, but {', '.join(changes)}; stages after it may "
                "change"
            )


def _changes(old: Stage, after: Sequence[Stage], step: int) -> list[str]:
    if old.number >= len(after):
        return ["it would be gone"]
    new = after[old.number]
    then, now = _described(old), _described(new)
    changes = [
        f"{name} would be {now.get(name)!r} instead of {value!r}"
        for name, value in then.items()
        if now.get(name) != value
    ]
    if new.first_step != old.first_step:
        changes.append(f"it would begin at step {new.first_step}")
    if old.last_step < step:
        moved = new.last_step != old.last_step
    else:
        moved = new is not after[-1] and new.last_step < step
    if moved:
        changes.append(f"it would end at step {new.last_step} instead of {old.last_step}")
    return changes


def _described(stage: Stage) -> dict[str, Any]:
    network = {f"network.{name}": value for name, value in asdict(stage.network).items()}
    return {**network, "learning_rate": stage.learning_rate}
