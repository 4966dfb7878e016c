"""Reports as tables for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from facesdk.profiling.distribution import Distribution
from facesdk.profiling.flags import Flag
from facesdk.profiling.models import ModelReport, ModelTimes
from facesdk.profiling.operators import FOLDED, FUSED, SHARED, OperatorTable
from facesdk.profiling.report import Setting

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_FIGURES = ("n", "min", "mean", "median", "p90", "p95", "p99", "max", "std", "fps")
_MARKS = {SHARED: "~", FUSED: "+", FOLDED: "-"}


def print_models(report: ModelReport, console: Console) -> None:
    """Print a report on models."""
    console.print(_setting(report.setting))
    several = len(report.models) > 1
    rows = []
    for model in report.models:
        ratios = [f"{ratio:.2f}" for ratio in report.ratio(model)] if several else []
        rows.append((model.name, *figures(model.latency), *ratios))
    against = (f"min / {report.models[0].name}", "median /") if several else ()
    console.print(_table("Latency, ms", ("model", *_FIGURES, *against), rows, left=1))
    for model in report.models:
        console.print(_model(model))
    if report.memory:
        memory = report.memory
        console.print(
            f"memory: peak {_mib(memory.peak)}, at the first timed run {_mib(memory.start)}, "
            f"growth {memory.growth / 1024:+,.0f} KiB over the runs"
        )
    for model in report.models:
        if model.scaling:
            console.print(_scaling(model))
        if model.operators:
            _print_operators(model, model.operators, console)
    print_end(report.flags, report.notes, console)


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


def print_end(flags: Iterable[Flag], notes: Iterable[str], console: Console) -> None:
    """Print what could not be measured, and why the figures may not be quoted."""
    for note in notes:
        console.print(f"note: {note}", style="yellow", markup=False)
    for flag in flags:
        console.print(f"flag {flag.code}: {flag.message}", style="bold red", markup=False)


def _setting(setting: Setting) -> RenderableType:
    environment, conditions = setting.environment, setting.conditions
    policy, clock = setting.policy, setting.clock
    before, after = conditions.before, conditions.after
    lines = [
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
    return "\n".join(f"{key:<8} {value}" for key, value in lines)


def _model(model: ModelTimes) -> str:
    widths = ", ".join(f"{count:,} of {width} bits" for width, count in model.macs.items())
    text = (
        f"{model.name}: {model.size:,} bytes, SHA-256 {model.sha256}\n"
        f"  multiply-adds {widths or 'none'}; {model.rate / 1e9:.1f} G operations a second"
    )
    if model.cold_start:
        cold = model.cold_start
        text += (
            f"\n  cold start {cold.total_ms:.1f} ms: import {cold.import_ms:.1f}, load "
            f"{cold.load_ms:.1f}, first inference {cold.first_ms:.2f}, second {cold.second_ms:.2f} "
            f"(median of {cold.processes} processes, files cached)"
        )
        if cold.peak_bytes:
            text += f"; that process needs {_mib(cold.peak_bytes)}"
    return text


def _scaling(model: ModelTimes) -> RenderableType:
    base = model.scaling[0].latency
    return _table(
        f"{model.name}: threads",
        ("threads", *_FIGURES, "times as fast (median)"),
        [
            (str(row.threads), *figures(row.latency), f"{base.median / row.latency.median:.2f}")
            for row in model.scaling
        ],
        left=0,
    )


def _print_operators(model: ModelTimes, operators: OperatorTable, console: Console) -> None:
    rows = []
    for row in operators.rows:
        rows.append(
            (
                str(row.operator.index),
                row.operator.name,
                row.shape,
                "?" if row.ms is None else f"{_MARKS.get(row.found, '')}{row.ms:.4f}",
                "" if row.share is None else f"{100 * row.share:.1f}",
                f"{100 * row.cumulative:.1f}",
                row.operator.width or "",
                "" if row.rate is None else f"{row.rate / 1e9:.1f}",
                row.kernels,
            )
        )
    for name, ms in (("copies", operators.copies_ms), ("between", operators.rest_ms)):
        share = f"{100 * ms / operators.total_ms:.1f}"
        rows.append(("", f"({name})", "", f"{ms:.4f}", share, "", "", "", ""))
    columns = ("#", "operator", "shape", "ms", "%", "sum %", "bits", "Gop/s", "kernels")
    console.print(_table(f"{model.name}: operators as they run", columns, rows, left=3))
    console.print(
        f"{operators.total_ms:.4f} ms a run (mean of those of {operators.runs} profiled runs that "
        f"lie between the quartiles); profiling adds {100 * operators.overhead:+.1f} %. "
        "No mark: measured in place. "
        "~: share of a measured stretch of the runtime, by what the operator takes alone. "
        "+: computed by the convolution before it. -: constant."
    )


def _table(
    title: str, columns: Iterable[str], rows: Iterable[Iterable[str]], *, left: int
) -> RenderableType:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for place, name in enumerate(columns):
        table.add_column(name, justify="left" if place < left else "right", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _mib(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"


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
