"""The computer's state, read from the files of computers that this one is not."""

from __future__ import annotations

import mmap
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from facesdk.bench.report.report import Setting, judge
from facesdk.measure.conditions import Conditions, read_conditions
from facesdk.measure.distribution import Distribution
from facesdk.measure.environment import comparable, describe_environment, read_value
from facesdk.measure.flags import judge_computer, judge_memory, judge_times
from facesdk.measure.memory import Memory, MemoryWatch
from facesdk.measure.throttling import parse_get_throttled, read_throttling
from facesdk.measure.timing import Clock, Policy

TICKS = os.sysconf("SC_CLK_TCK")


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture
def raspberry(tmp_path: Path) -> Path:
    """A Raspberry Pi 4 that has been under-voltage once and is capped now."""
    return write(
        tmp_path,
        {
            "proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0",
            "proc/loadavg": "0.25 0.30 0.10 1/120 999\n",
            "proc/stat": f"cpu  {100 * TICKS} 0 {20 * TICKS} {900 * TICKS} 5 0 0 0 0 0\ncpu0 1 2\n",
            "proc/cpuinfo": "processor : 0\nFeatures : fp asimd\nModel : Raspberry Pi 4\n",
            "sys/class/thermal/thermal_zone0/temp": "61342\n",
            "sys/class/thermal/thermal_zone1/temp": "48000\n",
            "sys/devices/platform/soc/soc:firmware/get_throttled": "50002\n",
            **{
                f"sys/devices/system/cpu/cpu{n}/cpufreq/scaling_{key}": value
                for n in range(4)
                for key, value in (("governor", "ondemand\n"), ("cur_freq", "1500000\n"))
            },
        },
    )


def test_a_raspberry_pi_is_read(raspberry: Path) -> None:
    environment = describe_environment(raspberry)
    assert environment.board == "Raspberry Pi 4 Model B Rev 1.4"
    assert environment.governors == ("ondemand",)
    assert not environment.emulated
    reading = read_conditions(raspberry)
    assert reading.frequencies == (1500.0,) * 4
    assert reading.temperature == 61.342
    assert reading.load == 0.25
    assert reading.busy == pytest.approx(120.0)
    assert reading.stolen == 0.0
    assert reading.throttling is not None
    assert reading.throttling.source == "sysfs"
    assert reading.throttling.now == ("frequency capped",)
    assert reading.throttling.since_boot == ("under-voltage", "throttled")


def test_a_computer_that_tells_nothing_is_read(tmp_path: Path) -> None:
    environment = describe_environment(tmp_path)
    assert (environment.board, environment.governors) == (None, ())
    reading = read_conditions(tmp_path)
    assert reading.frequencies == ()
    assert (reading.temperature, reading.throttling, reading.load) == (None, None, None)
    conditions = Conditions(reading, replace(reading, at=reading.at + 1))
    assert (conditions.other_cpus, conditions.stolen_cpus, conditions.throttled) == (None, None, ())
    assert judge_computer(replace(environment, kernel_path="neon"), conditions) == ()


def test_a_value_is_read_without_what_surrounds_it(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(b"Pi \xff 4\0\n")
    assert read_value(path) == "Pi \ufffd 4"
    assert read_value(tmp_path / "missing") == ""
    assert read_value(tmp_path) == ""


@pytest.mark.parametrize("text", ["", "cpu\n", "cpu x y\n", "intr 5\n"])
def test_damaged_files_count_as_unknown(raspberry: Path, text: str) -> None:
    garbled = {
        "proc/stat": text,
        "proc/loadavg": text,
        "sys/class/thermal/thermal_zone0/temp": text,
        "sys/class/thermal/thermal_zone1/temp": text,
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": text,
        "sys/devices/platform/soc/soc:firmware/get_throttled": f"{text}!",
    }
    reading = read_conditions(write(raspberry, garbled))
    assert reading.temperature is None
    assert reading.load is None
    assert reading.throttling is None
    assert len(reading.frequencies) == 3


@pytest.mark.parametrize(
    ("answer", "now", "past"),
    [
        ("throttled=0x0\n", (), ()),
        ("throttled=0x50005", ("under-voltage", "throttled"), ("under-voltage", "throttled")),
        ("0x8", ("soft temperature limit",), ()),
        ("80000", (), ("soft temperature limit",)),
    ],
)
def test_the_firmwares_bits(answer: str, now: tuple[str, ...], past: tuple[str, ...]) -> None:
    found = parse_get_throttled(answer, "vcgencmd")
    assert (found.now, found.since_boot) == (now, past)


@pytest.mark.parametrize("answer", ["", "VCHI initialization failed", "throttled=", "0x", "-1"])
def test_other_answers_are_none(answer: str) -> None:
    with pytest.raises(ValueError, match="not an answer"):
        parse_get_throttled(answer, "vcgencmd")


@pytest.mark.parametrize(
    ("script", "now"),
    [("echo throttled=0x4", ("throttled",)), ("echo broken", None), ("exit 1", None)],
)
def test_vcgencmd_is_asked_where_sysfs_has_no_answer(
    tmp_path: Path, script: str, now: tuple[str, ...] | None
) -> None:
    program = tmp_path / "vcgencmd"
    program.write_text(f'#!/bin/sh\n[ "$1" = get_throttled ] || exit 9\n{script}\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    found = read_throttling(tmp_path / "empty", str(program))
    assert (found.now if found else None) == now


def test_x86_counts_its_throttling(raspberry: Path) -> None:
    (raspberry / "sys/devices/platform/soc/soc:firmware/get_throttled").unlink()
    counter = "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count"
    before = read_conditions(write(raspberry, {counter: "7\n"}))
    same = read_conditions(raspberry)
    more = read_conditions(write(raspberry, {counter: "8\n"}))
    assert Conditions(before, same).throttled == ()
    assert Conditions(before, more).throttled == ("thermal throttling",)


def test_throttling_counts_if_it_holds_or_begins(raspberry: Path) -> None:
    firmware = "sys/devices/platform/soc/soc:firmware/get_throttled"
    past = read_conditions(write(raspberry, {firmware: "40000"}))
    now = read_conditions(write(raspberry, {firmware: "40004"}))
    began = read_conditions(write(raspberry, {firmware: "50000"}))
    assert Conditions(past, past).throttled == ()
    assert Conditions(past, now).throttled == ("throttled",)
    assert Conditions(now, past).throttled == ("throttled",)
    assert Conditions(past, began).throttled == ("under-voltage",)


def test_load_of_others_and_of_the_hypervisor(raspberry: Path) -> None:
    before = replace(read_conditions(raspberry), at=0.0, own_cpu=5.0, busy=100.0, stolen=1.0)
    after = replace(before, at=10.0, own_cpu=14.0, busy=124.0, stolen=2.5)
    conditions = Conditions(before, after)
    assert conditions.other_cpus == pytest.approx(1.5)  # 24 s of all, 9 of our own, in 10 s
    assert conditions.stolen_cpus == pytest.approx(0.15)
    environment = replace(describe_environment(raspberry), cores=4)
    assert {"busy", "stolen"} <= {flag.code for flag in judge_computer(environment, conditions)}
    quiet = Conditions(before, replace(after, busy=110.0, stolen=1.0))
    assert not {"busy", "stolen"} & {flag.code for flag in judge_computer(environment, quiet)}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"kernel_path": "reference"}, "reference-path"),
        ({"kernel_path": "portable", "best_path": "neon", "path_forced": True}, "forced-path"),
        ({"userland_bits": 32, "machine": "aarch64"}, "32-bit"),
        ({"emulated": True}, "emulated"),
        ({"governors": ("powersave",)}, "governor"),
    ],
)
def test_each_bad_environment_has_its_flag(
    raspberry: Path, change: dict[str, object], code: str
) -> None:
    reading = read_conditions(raspberry)
    conditions = Conditions(reading, replace(reading, throttling=None, at=reading.at + 1))
    good = replace(describe_environment(raspberry), kernel_path="neon", path_forced=False)
    assert judge_computer(good, conditions) == ()
    assert [flag.code for flag in judge_computer(replace(good, **change), conditions)] == [code]


def test_a_clock_that_falls_is_flagged(raspberry: Path) -> None:
    environment = replace(describe_environment(raspberry), kernel_path="neon", path_forced=False)
    before = replace(read_conditions(raspberry), throttling=None)
    for clocks, codes in (
        ((600.0,) * 4, ["clock"]),
        ((1400.0,) * 4, []),
        ((1800.0,), []),
        ((), []),
    ):
        after = replace(before, at=before.at + 1, frequencies=clocks)
        flags = judge_computer(environment, Conditions(before, after))
        assert [flag.code for flag in flags] == codes


def test_an_emulated_processor_is_seen(raspberry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert not describe_environment(raspberry).emulated
    write(raspberry, {"proc/cpuinfo": "processor : 0\nvendor_id : GenuineIntel\n"})
    assert describe_environment(raspberry).emulated


def test_environments_that_compare() -> None:
    one = describe_environment().to_dict()
    assert comparable(one, one) == ()
    assert comparable(one, {**one, "kernel": "6.6", "python": "3.9"}) == ()
    assert comparable(one, {**one, "cpu": "other", "kernel_path": "none"}) == ("cpu", "kernel_path")


def test_spread_and_few_runs_are_flagged() -> None:
    steady = Distribution.of([1.0, 1.01] * 20)
    wide = Distribution.of([1.0, 1.5] * 20)
    assert list(judge_times("x", steady)) == []
    assert [flag.code for flag in judge_times("x", wide)] == ["spread"]
    assert [flag.code for flag in judge_times("x", Distribution.of([1.0] * 5))] == ["few-runs"]


def test_what_happens_after_the_latency_counts_too(raspberry: Path) -> None:
    quiet = replace(read_conditions(raspberry), throttling=None)
    firmware = "sys/devices/platform/soc/soc:firmware/get_throttled"
    hot = read_conditions(write(raspberry, {firmware: "4"}))
    environment = replace(describe_environment(raspberry), kernel_path="neon", path_forced=False)
    calm = Conditions(quiet, replace(quiet, at=quiet.at + 1))
    setting = Setting("", environment, calm, Clock("", 1, 1), Policy(), 1)
    times = [("x", Distribution.of([1.0] * 30))]
    assert judge(setting, None, times) == ()
    setting = replace(setting, later=Conditions(hot, replace(hot, at=hot.at + 1)))
    assert [flag.code for flag in judge(setting, None, times)] == ["throttled"]
    setting = replace(setting, conditions=Conditions(hot, replace(hot, at=hot.at + 1)))
    assert [flag.code for flag in judge(setting, None, times)] == ["throttled"]


def test_growth_in_both_halves_is_a_leak() -> None:
    kib = 1024
    assert list(judge_memory("x", Memory(9 << 20, 0, 300 * kib, 300 * kib))) == []
    flags = list(judge_memory("x", Memory(9 << 20, 0, 100 * kib, 200 * kib)))
    assert [flag.code for flag in flags] == ["leak"]


def test_a_leak_of_this_process_is_seen() -> None:
    watch, kept = MemoryWatch(), []
    for done in range(11):
        watch.tick(done, 10)
        fresh = mmap.mmap(-1, 1 << 20)
        fresh.write(b"x" * (1 << 20))
        kept.append(fresh)
    memory = watch.result()
    assert memory is not None
    assert memory.leaks
    assert memory.growth >= 8 << 20
    assert memory.peak >= memory.end
