"""Stage-wise binarization: which form of the network is trained in which steps.

A float network is an easier start than a binary one, and its weights a better one than random
numbers: B. Martinez et al., "Training Binary Neural Networks with Real-to-Binary Convolutions",
ICLR 2020, and Z. Liu et al., "ReActNet", ECCV 2020, binarize activations first and weights last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from facesdk_training.architectures.registry import Config, configure
from facesdk_training.config.run import RunConfig, StageConfig


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the run.

    Attributes:
        number: From 0.
        first_step: Its first step.
        last_step: The step behind its last.
        config: What differs from the run's configuration.
    """

    number: int
    first_step: int
    last_step: int
    config: StageConfig


def stages_of(config: RunConfig, total_steps: int) -> list[Stage]:
    """The stages, each with its share of the steps; one of all steps if none are configured."""
    shares = config.stages or (StageConfig(share=1.0),)
    ends = np.cumsum([stage.share for stage in shares])
    bounds = [0, *(round(total_steps * end / ends[-1]) for end in ends)]
    return [
        Stage(number, bounds[number], bounds[number + 1], stage)
        for number, stage in enumerate(shares)
    ]


def network_config(config: RunConfig, stage: StageConfig | None = None) -> Config:
    """The architecture's configuration in a stage, by default in the last one."""
    stage = stage or (config.stages[-1] if config.stages else StageConfig(share=1.0))
    fields = {name: _tuples(value) for name, value in {**config.network, **stage.network}.items()}
    return configure(fields.pop("architecture"), **fields)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(part) for part in value) if isinstance(value, (list, tuple)) else value
