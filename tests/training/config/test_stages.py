from __future__ import annotations

from pathlib import Path

import pytest

from facesdk.errors import InputError
from facesdk_training.config import toml
from facesdk_training.config.run import RunConfig
from facesdk_training.config.stages import (
    Stage,
    require_same_beginning,
    stage_of_step,
    stages_of,
    total_steps,
)


def test_stages_share_the_steps_and_override_the_network() -> None:
    staged: RunConfig = toml.read(Path("compactfacenet-staged"))
    stages = stages_of(staged, 1001)
    assert [(stage.first_step, stage.last_step) for stage in stages] == [
        (0, 250),
        (250, 500),
        (500, 1001),
    ]
    variants = [stage.network.variant for stage in stages]
    assert variants == ["float", "binary-activations", "QB"]
    assert staged.final_network.variant == "QB"


def staged(*changes: str) -> list[Stage]:
    """Three stages: steps 0 to 25, to 50, to 100, with changes."""
    config = toml.read(Path("compactfacenet-staged"), ["epochs=10", *changes])
    return stages_of(config, total_steps(config, 10))


def test_a_step_belongs_to_one_stage() -> None:
    numbers = [stage_of_step(staged(), step).number for step in (0, 24, 25, 49, 50, 99, 100)]
    assert numbers == [0, 0, 1, 1, 2, 2, 2]


@pytest.mark.parametrize(
    ("step", "changes"),
    [
        (25, ["stages.1.learning_rate=0.5"]),
        (25, ["stages.1.network.variant=QB"]),
        (49, ["stages.2.learning_rate=0.1"]),
        (60, ["epochs=10"]),
        (20, ["stages=[{share=1,network={variant='float'}},{share=3}]"]),
        (51, ["stages=[{share=1,network={variant='float'}},{share=1,network={variant="
              "'binary-activations'}},{share=1},{share=1}]"]),
    ],
)  # fmt: skip
def test_stages_that_were_not_entered_may_change(step: int, changes: list[str]) -> None:
    require_same_beginning(staged(), staged(*changes), step)


@pytest.mark.parametrize(
    ("step", "changes", "message"),
    [
        (26, ["stages.1.learning_rate=0.5"], "stages.1 was entered at step 25 of the 26 .* 0.5 in"),
        (1, ["stages.0.network.variant=QB"], "stages.0 .* network.variant would be 'QB' instead"),
        (30, ["stages.0.share=2"], r"stages.0 .* would end at step 40 instead of 25"),
        (30, ["epochs=20"], r"stages.0 .* would end at step 50 instead of 25"),
        (60, ["stages=[{share=1,network={variant='float'}}]"], "stages.0 .* would end at step 100"),
    ],
)
def test_stages_that_were_entered_may_not(step: int, changes: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        require_same_beginning(staged(), staged(*changes), step)


def test_a_run_of_one_stage_may_become_longer() -> None:
    short, long = (toml.read(Path("compactfacenet"), [f"epochs={count}"]) for count in (2, 9))
    require_same_beginning(stages_of(short, 20), stages_of(long, 90), 15)
