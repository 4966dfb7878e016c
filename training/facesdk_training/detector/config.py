"""What training a finder is asked to do: the tables of its TOML file.

Every table is a dataclass here, every key a field; :mod:`facesdk_training.detector.toml` reads
files. Nothing here needs more than Python, so that a program on a lent computer can build one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

from facesdk.errors import InputError
from facesdk_training.architectures.finder import FinderPlan
from facesdk_training.detector.scenes.config import SceneConfig

_FORBID_OTHER_KEYS = {"extra": "forbid", "allow_inf_nan": False}


@dataclass(frozen=True, slots=True)
class LossConfig:
    """Weights of the parts of the loss.

    Attributes:
        box: Weight of the boxes (EIoU).
        points: Weight of the landmarks at the start.
        late_points: The same at the end; it grows over the second half of the run.
        hard: How much more a cell without a face weighs that is taken for one with certainty.
    """

    __pydantic_config__: ClassVar[Any] = _FORBID_OTHER_KEYS

    box: float = 3.0
    points: float = 10.0
    late_points: float = 30.0
    hard: float = 2.0

    def __post_init__(self) -> None:
        if min(self.box, self.points, self.late_points, self.hard) < 0:
            raise InputError("loss: weights must be at least 0")


@dataclass(frozen=True, slots=True)
class ScheduleConfig:
    """How long and how fast.

    Attributes:
        budget: Seconds of training, evaluations included. The learning rate follows this clock.
        batch: Scenes per step.
        learning_rate: Of AdamW, reached after ``warmup`` steps, then falling by a half cosine.
        warmup: Steps of rising learning rate.
        weight_decay: Of the kernels; biases, batch-norm and 1-bit kernels have none.
        average: Share of the old averaged weights that each step keeps.
        evaluate_every: Seconds between evaluations on held-out photos.
        held_scenes: Scenes of an evaluation.
        reuse: How often each scene is trained with, as it is or mirrored. On a CPU, making scenes
            costs more than training with them: 3 or 4 there.
    """

    __pydantic_config__: ClassVar[Any] = _FORBID_OTHER_KEYS

    budget: float = 420.0
    batch: int = 64
    learning_rate: float = 4e-3
    warmup: int = 100
    weight_decay: float = 0.02
    average: float = 0.998
    evaluate_every: float = 60.0
    held_scenes: int = 192
    reuse: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.budget) and self.budget > 0):
            raise InputError("schedule.budget: must be a positive number of seconds")
        if self.batch < 2 or self.held_scenes < 1 or self.warmup < 1:
            raise InputError(
                "schedule: batch must be at least 2, held_scenes and warmup at least 1"
            )
        if not (self.learning_rate > 0 and self.weight_decay >= 0 and 0 <= self.average < 1):
            raise InputError("schedule: learning_rate, weight_decay or average out of range")
        if self.reuse < 1 or self.evaluate_every <= 0:
            raise InputError("schedule: reuse must be at least 1, evaluate_every above 0")


@dataclass(frozen=True, slots=True)
class FinderConfig:
    """One training run of a finder.

    Attributes:
        seed: Of the weights and of the scenes, below 2**32.
        start: A finished ``finder.npz`` to go on from; empty for random weights.
    """

    __pydantic_config__: ClassVar[Any] = _FORBID_OTHER_KEYS

    seed: int = 0
    start: str = ""
    network: FinderPlan = field(default_factory=FinderPlan)
    scenes: SceneConfig = field(default_factory=SceneConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**32:
            raise InputError(f"seed: must be between 0 and {2**32 - 1}, but is {self.seed}")
