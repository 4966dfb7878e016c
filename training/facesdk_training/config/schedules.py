"""Learning rates as a function of the step."""

from __future__ import annotations

import math

from facesdk_training.config.run import ScheduleConfig


def learning_rate_at(
    config: ScheduleConfig, step: int, total_steps: int, steps_per_epoch: int
) -> float:
    """Linear warm-up to the peak, then the schedule.

    "cosine" goes to 0 at the last step (I. Loshchilov and F. Hutter, "SGDR: Stochastic Gradient
    Descent with Warm Restarts", ICLR 2017, without restarts); "steps" multiplies by ``factor`` at
    every milestone that has been reached.

    Args:
        config: The schedule.
        step: Finished steps, 0 to ``total_steps``.
        total_steps: Length of the run.
        steps_per_epoch: What the milestones count.
    """
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    if config.kind == "steps":
        reached = sum(step >= milestone * steps_per_epoch for milestone in config.milestones)
        return config.learning_rate * config.factor**reached
    progress = (step - config.warmup_steps) / max(1, total_steps - config.warmup_steps)
    return config.learning_rate * 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))
