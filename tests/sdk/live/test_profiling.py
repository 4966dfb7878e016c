"""Times, rates and the state of the computer, with a clock and a computer that the test makes."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from facesdk.live.profiling import KEPT, Profiler
from facesdk.measure.conditions import Reading, read_conditions
from facesdk.measure.throttling import Throttling
from sdk.live.films import FakeClock


class Computer:
    """A computer that becomes hot and is slowed down."""

    def __init__(self) -> None:
        self.asked = 0
        self.reading = replace(
            read_conditions(),
            temperature=50.0,
            throttling=Throttling("test", (), ("under-voltage",)),
        )

    def __call__(self) -> Reading:
        self.asked += 1
        return self.reading


def test_rates_are_of_the_last_seconds() -> None:
    clock = FakeClock()
    profiler = Profiler(clock, Computer())
    assert profiler.profile().fps == 0
    for number in range(200):  # 20 of 40 pictures a second are looked at, then 5 of 10
        clock.now += 0.05
        profiler.add(2 * number, {"frame": 7.0})
    profile = profiler.profile(dropped=3, unreadable=2, reconnects=1)
    assert profile.fps == pytest.approx(20, rel=0.02)
    assert profile.source_fps == pytest.approx(40, rel=0.02)
    assert (profile.frames, profile.dropped) == (200, 3)
    assert (profile.unreadable, profile.reconnects) == (2, 1)
    for number in range(200, 240):
        clock.now += 0.2
        profiler.add(2 * number, {"frame": 7.0})
    assert profiler.profile().fps == pytest.approx(5, rel=0.05)
    assert profiler.profile().source_fps == pytest.approx(10, rel=0.05)
    clock.now += 60
    assert profiler.profile().fps == 0  # nothing comes any more


def test_stages_are_counted_where_they_ran_and_only_the_last_are_kept() -> None:
    clock = FakeClock()
    profiler = Profiler(clock, Computer())
    for number in range(KEPT + 100):
        profiler.add(
            number, {"frame": float(number), **({"detect": 9.0} if number % 4 == 0 else {})}
        )
    clock.now += 1
    stages = profiler.profile().stages
    assert set(stages) == {"detect", "frame"}
    assert stages["frame"].n == KEPT
    assert stages["frame"].minimum == 100
    assert stages["detect"].n == (KEPT + 100) // 4
    assert profiler.times("frame")[-1] == KEPT + 99


def test_the_last_profile_is_of_everything() -> None:
    profiler = Profiler(FakeClock(), Computer())
    profiler.add(0, {"frame": 1.0})
    assert profiler.profile().frames == 1
    profiler.add(1, {"frame": 1.0})
    assert profiler.profile().frames == 1  # made a moment ago
    profiler.end()
    assert profiler.profile().frames == 2


def test_heat_and_throttling_are_told_and_the_computer_is_not_asked_all_the_time() -> None:
    clock, computer = FakeClock(), Computer()
    profiler = Profiler(clock, computer)
    assert profiler.profile().temperature == 50
    assert profiler.profile().throttled == ()  # what was before is not of this run
    computer.reading = replace(
        computer.reading,
        temperature=82.0,
        throttling=Throttling("test", ("throttled",), ("under-voltage", "throttled")),
    )
    for _ in range(100):
        clock.now += 0.1
        profiler.profile()
    profile = profiler.profile()
    assert profile.temperature == 82
    assert profile.throttled == ("throttled",)
    assert computer.asked <= 4
    assert profile.memory
    record = json.loads(json.dumps(profile.to_dict()))
    assert record["throttled"] == ["throttled"]
    assert record["temperature_c"] == 82
    assert record["kernel_path"] == profile.kernel_path
