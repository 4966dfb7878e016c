from __future__ import annotations

from pathlib import Path

import pytest

from facesdk_training.config import toml
from facesdk_training.config.run import ScheduleConfig
from facesdk_training.config.schedules import learning_rate_at


def test_the_papers_schedule_is_the_papers() -> None:
    paper = toml.read(Path("paper"))
    steps = paper.steps_per_epoch
    assert (paper.epochs, steps, paper.batch_size) == (100, 10_000, 64)
    rates = {
        epoch: learning_rate_at(paper.schedule, epoch * steps, 100 * steps, steps)
        for epoch in (0, 39, 40, 69, 70, 89, 90, 99)
    }
    expected = [1e-2, 1e-2, 1e-3, 1e-3, 1e-4, 1e-4, 1e-5, 1e-5]
    assert list(rates.values()) == pytest.approx(expected)


def test_the_cosine_schedule_warms_up_and_ends_at_zero() -> None:
    schedule = ScheduleConfig(learning_rate=1.0, warmup_steps=10)
    rates = [learning_rate_at(schedule, step, 110, 50) for step in range(111)]
    assert rates[:10] == pytest.approx([step / 10 for step in range(1, 11)])
    assert rates[10] == 1.0
    assert rates[60] == pytest.approx(0.5)
    assert rates[110] == pytest.approx(0.0)
    assert rates[10:] == sorted(rates[10:], reverse=True)
