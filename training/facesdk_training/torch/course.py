"""How far a run is: by steps, or by the clock."""

from __future__ import annotations

from dataclasses import replace

from facesdk.errors import InputError
from facesdk_training.config.run import RunConfig
from facesdk_training.config.schedules import learning_rate_at
from facesdk_training.config.stages import Stage, stage_of_step, stages_of, total_steps

_TICKS = 1_000_000
"""Parts of a budget of time; stages and schedules count them as if they were steps."""


class Course:
    """Which stage a run is in, and what its learning rate is.

    Attributes:
        step: Finished steps.
        seconds: Time spent on them, in this process and those before it.
        stages: The stages, in steps or in ticks of the budget.
    """

    def __init__(self, config: RunConfig, steps_per_pass: int) -> None:
        if config.budget and config.schedule.kind == "steps":
            raise InputError('a budget of time needs schedule.kind = "cosine"')
        self._config = config
        self._length = _TICKS if config.budget else total_steps(config, steps_per_pass)
        self._steps_per_epoch = config.steps_per_epoch or steps_per_pass
        self.stages = stages_of(config, self._length)
        self.step, self.seconds = 0, 0.0
        self.stage_steps = 0

    @property
    def progress(self) -> float:
        """Done share of the run, 0 to 1."""
        return min(1.0, self._position / self._length)

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do."""
        return self._position >= self._length

    @property
    def stage(self) -> Stage:
        """The stage of the next step."""
        return stage_of_step(self.stages, self._position)

    @property
    def expected_steps(self) -> int:
        """Steps of the whole run; an estimate where the clock decides."""
        if not self._config.budget:
            return self._length
        return max(self.step, round(self.step / max(self.progress, 1e-9)))

    def learning_rate(self) -> float:
        """The rate of the next step."""
        stage, schedule = self.stage, self._config.schedule
        done, length = self._position - stage.first_step, stage.last_step - stage.first_step
        if self._config.budget:
            warm = min(1.0, (self.stage_steps + 1) / max(1, schedule.warmup_steps))
            cool = learning_rate_at(replace(schedule, warmup_steps=0), done, length, 1)
            return stage.learning_rate * warm * cool
        rate = learning_rate_at(schedule, done, length, self._steps_per_epoch)
        return stage.learning_rate * rate

    @property
    def _position(self) -> int:
        if self._config.budget:
            return int(self.seconds / self._config.budget * _TICKS)
        return self.step
