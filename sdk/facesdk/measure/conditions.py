"""What the computer did while something was measured: clock, heat, throttling, other load."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facesdk.measure.environment import read_value
from facesdk.measure.throttling import Throttling, read_throttling

_NAMES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
_IDLE = ("idle", "iowait")


@dataclass(frozen=True, slots=True)
class Reading:
    """The computer at one moment.

    Attributes:
        at: Seconds of a monotonic clock.
        own_cpu: Processor seconds this process and its ended children have used.
        frequencies: Clock of each processor in MHz; empty if unknown.
        temperature: Hottest zone in degrees Celsius; None if unknown.
        throttling: See :class:`~facesdk.measure.throttling.Throttling`; None if unknown.
        load: Load average of the last minute; None if unknown.
        busy: Processor seconds all processes have used since the computer started; None if unknown.
        stolen: Processor seconds that a hypervisor gave to others; None if unknown.
    """

    at: float
    own_cpu: float
    frequencies: tuple[float, ...]
    temperature: float | None
    throttling: Throttling | None
    load: float | None
    busy: float | None
    stolen: float | None

    def to_dict(self) -> dict[str, Any]:
        """What matters of one moment; seconds are in :class:`Conditions`."""
        return {
            "frequencies_mhz": [round(value) for value in self.frequencies],
            "temperature_c": self.temperature,
            "throttling": self.throttling.to_dict() if self.throttling else None,
            "load_average": self.load,
        }


@dataclass(frozen=True, slots=True)
class Conditions:
    """The computer before and after a measurement, and between.

    Attributes:
        before: Just before the first run.
        after: Just after the last.
    """

    before: Reading
    after: Reading

    @property
    def moments(self) -> tuple[Reading, Reading]:
        """Both."""
        return self.before, self.after

    @property
    def seconds(self) -> float:
        """How long the measurement took."""
        return self.after.at - self.before.at

    @property
    def other_cpus(self) -> float | None:
        """Processors that other processes kept busy, on average; None if unknown."""
        if self.before.busy is None or self.after.busy is None or self.seconds <= 0:
            return None
        own = self.after.own_cpu - self.before.own_cpu
        return max(0.0, (self.after.busy - self.before.busy - own) / self.seconds)

    @property
    def stolen_cpus(self) -> float | None:
        """Processors that the hypervisor gave to others, on average; None if unknown."""
        if self.before.stolen is None or self.after.stolen is None or self.seconds <= 0:
            return None
        return max(0.0, (self.after.stolen - self.before.stolen) / self.seconds)

    @property
    def throttled(self) -> tuple[str, ...]:
        """Why the processor was slowed down during the measurement, in words."""
        before, after = self.before.throttling, self.after.throttling
        if before is None or after is None:
            return ()
        began = set(after.since_boot) - set(before.since_boot)
        found = dict.fromkeys((*before.now, *after.now, *sorted(began)))
        if (after.events or 0) > (before.events or 0):
            found["thermal throttling"] = None
        return tuple(found)

    def to_dict(self) -> dict[str, Any]:
        """All of it, figures rounded."""
        others, stolen = self.other_cpus, self.stolen_cpus
        return {
            "seconds": round(self.seconds, 3),
            "before": self.before.to_dict(),
            "after": self.after.to_dict(),
            "other_cpus": None if others is None else round(others, 3),
            "stolen_cpus": None if stolen is None else round(stolen, 3),
            "throttled": list(self.throttled),
        }


def read_conditions(root: Path = Path("/"), vcgencmd: str | None = None) -> Reading:
    """The computer now.

    Args:
        root: Where ``/proc`` and ``/sys`` are.
        vcgencmd: See :func:`~facesdk.measure.throttling.read_throttling`.
    """
    ticks = _cpu_seconds(root)
    times = os.times()
    return Reading(
        at=time.monotonic(),
        own_cpu=times.user + times.system + times.children_user + times.children_system,
        frequencies=_frequencies(root),
        temperature=_temperature(root),
        throttling=read_throttling(root, vcgencmd),
        load=_load(root),
        busy=sum(v for k, v in ticks.items() if k not in (*_IDLE, "steal")) if ticks else None,
        stolen=ticks.get("steal"),
    )


def _cpu_seconds(root: Path) -> dict[str, float]:
    """Seconds by kind, over all processors, from the first line of /proc/stat; empty if unknown."""
    name, *fields = read_value(root / "proc/stat").partition("\n")[0].split() or [""]
    try:
        values = [int(field) / os.sysconf("SC_CLK_TCK") for field in fields[: len(_NAMES)]]
    except ValueError:
        return {}
    return dict(zip(_NAMES, values, strict=False)) if name == "cpu" else {}


def _frequencies(root: Path) -> tuple[float, ...]:
    folder = root / "sys/devices/system/cpu"
    values = _numbers(sorted(folder.glob("cpu[0-9]*/cpufreq/scaling_cur_freq")))
    if values:
        return tuple(value / 1e3 for value in values)
    lines = read_value(root / "proc/cpuinfo").splitlines()
    try:
        return tuple(float(row.partition(":")[2]) for row in lines if row.startswith("cpu MHz"))
    except ValueError:
        return ()


def _temperature(root: Path) -> float | None:
    zones = _numbers((root / "sys/class/thermal").glob("thermal_zone*/temp"))
    return max((value / 1e3 for value in zones), default=None)


def _load(root: Path) -> float | None:
    fields = read_value(root / "proc/loadavg").split()
    try:
        return float(fields[0]) if fields else None
    except ValueError:
        return None


def _numbers(paths: Iterable[Path]) -> list[float]:
    """The numbers in files that hold one each; those that hold something else are left out."""
    found = []
    for path in paths:
        with suppress(ValueError):
            found.append(float(read_value(path)))
    return found
