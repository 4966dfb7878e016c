"""What the reports for people say alike, as text and as HTML."""

from __future__ import annotations

from facesdk.bench.report.report import Setting
from facesdk.measure.distribution import Distribution

FIGURES = ("n", "min", "mean", "median", "p90", "p95", "p99", "max", "std", "fps")
"""Columns of a distribution; times are in milliseconds."""


def figures(times: Distribution) -> tuple[str, ...]:
    """The columns of a distribution."""
    rows = (
        times.minimum,
        times.mean,
        times.median,
        times.p90,
        times.p95,
        times.p99,
        times.maximum,
        times.std,
    )
    return (str(times.n), *("" if ms is None else f"{ms:.3f}" for ms in rows), f"{times.fps:.1f}")


def mebibytes(size: int) -> str:
    """A number of bytes for people."""
    return f"{size / 2**20:.1f} MiB"


def setting_lines(setting: Setting) -> list[tuple[str, str]]:
    """How a report was made: of each fact a word and a line."""
    environment, conditions = setting.environment, setting.conditions
    policy, clock = setting.policy, setting.clock
    before, after = conditions.before, conditions.after
    return [
        ("board", environment.board or "unknown"),
        (
            "cpu",
            f"{environment.cpu} | {environment.machine} | {environment.cores} cores | "
            f"{environment.userland_bits}-bit userland | Linux {environment.kernel}",
        ),
        (
            "clock",
            f"{_frequency(before.frequencies)} before, {_frequency(after.frequencies)} after | "
            f"governor {', '.join(environment.governors) or 'unknown'} | "
            f"{_degrees(before.temperature)} before, {_degrees(after.temperature)} after | "
            f"throttling: {_throttling(setting)}",
        ),
        ("load", _load(setting)),
        (
            "runtime",
            f"{environment.runtime} {environment.runtime_version} | {setting.threads} thread(s) | "
            f"operators {environment.operators or 'none'}, "
            f"path {environment.kernel_path or 'none'}",
        ),
        (
            "runs",
            f"{policy.runs} timed, {policy.warm_up} and at least {policy.warm_up_seconds:g} s "
            f"warm-up | {clock.name}, resolution {clock.resolution_ns:g} ns, an empty call takes "
            f"{clock.overhead_ns:.0f} ns",
        ),
    ]


def _frequency(values: tuple[float, ...]) -> str:
    if not values:
        return "unknown"
    low, high = min(values), max(values)
    return f"{low:.0f} MHz" if low == high else f"{low:.0f} to {high:.0f} MHz"


def _degrees(value: float | None) -> str:
    return "temperature unknown" if value is None else f"{value:.1f} °C"


def _throttling(setting: Setting) -> str:
    after = setting.conditions.after.throttling
    if setting.conditions.throttled:
        return ", ".join(setting.conditions.throttled)
    if after is None:
        return "unknown"
    past = f"; since boot: {', '.join(after.since_boot)}" if after.since_boot else ""
    return f"none ({after.source}){past}"


def _load(setting: Setting) -> str:
    others, stolen = setting.conditions.other_cpus, setting.conditions.stolen_cpus
    if others is None:
        return "unknown"
    hypervisor = "" if stolen is None else f", the hypervisor took {stolen:.2f}"
    return f"other processes used {others:.2f} processors{hypervisor}"
