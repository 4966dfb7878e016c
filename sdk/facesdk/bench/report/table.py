"""Reports as tables for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from facesdk.bench.model import ModelReport, ModelTimes
from facesdk.bench.network_profile import FOLDED, FUSED, SHARED, OperatorTable
from facesdk.bench.ops import OpsReport
from facesdk.bench.pipeline import PipelineReport
from facesdk.bench.report.baseline import Comparison
from facesdk.bench.report.words import FIGURES, figures, mebibytes, setting_lines
from facesdk.pages.html import shown

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_MARKS = {SHARED: "~", FUSED: "+", FOLDED: "-"}


def print_report(
    report: ModelReport | PipelineReport | OpsReport,
    console: Console,
    comparison: Comparison | None = None,
) -> None:
    """Print a report.

    Args:
        report: The report.
        console: Where to.
        comparison: What it was compared with; None if it was not.
    """
    for key, value in setting_lines(report.setting):
        console.print(f"{key:<8} {shown(value)}", markup=False, highlight=False)
    if isinstance(report, ModelReport):
        _print_models(report, console)
    elif isinstance(report, PipelineReport):
        _print_pipeline(report, console)
    else:
        _print_shapes(report, console)
    if comparison is not None:
        _print_comparison(comparison, console)
    for note in report.notes:
        console.print(f"note: {note}", style="yellow", markup=False)
    for flag in report.flags:
        console.print(f"flag {flag.code}: {flag.message}", style="bold red", markup=False)


def _print_models(report: ModelReport, console: Console) -> None:
    several = len(report.models) > 1
    rows = []
    for model in report.models:
        ratios = [f"{ratio:.2f}" for ratio in report.ratio(model)] if several else []
        rows.append((model.name, *figures(model.latency), *ratios))
    against = (f"min / {report.models[0].name}", "median /") if several else ()
    console.print(_table("Latency, ms", ("model", *FIGURES, *against), rows, left=1))
    for model in report.models:
        console.print(_model(model))
    if report.memory:
        memory = report.memory
        console.print(
            f"memory: peak {mebibytes(memory.peak)}, at the first timed run "
            f"{mebibytes(memory.start)}, growth {memory.growth / 1024:+,.0f} KiB over the runs"
        )
    if report.peaks:
        peaks = report.peaks
        binary = f", 1 bit {peaks.binary / 1e9:.0f} Gop/s" if peaks.binary else ""
        console.print(
            f"roofs of this computer, {peaks.threads} thread(s): memory {peaks.memory / 1e9:.1f} "
            f"GB/s, float32 {peaks.float32 / 1e9:.0f} Gop/s{binary}"
        )
    for model in report.models:
        if model.scaling:
            console.print(_scaling(model))
        if model.operators:
            _print_operators(model, model.operators, console)


def _print_pipeline(report: PipelineReport, console: Console) -> None:
    console.print(
        f"model    {report.model}, SHA-256 {report.model_id}, smallest face {report.min_face} px",
        markup=False,
    )
    for case in report.cases:
        low, high = case.faces
        found = str(low) if low == high else f"{low} to {high}"
        title = f"{case.name}: {case.width}x{case.height} pixels, faces found: {found}; ms"
        rows = [
            (name, *figures(times), f"{100 * times.median / case.total.median:.1f}")
            for name, times in (*case.stages.items(), ("total", case.total))
        ]
        console.print(_table(title, ("stage", *FIGURES, "% (median)"), rows, left=1))
    if report.memory:
        console.print(
            f"memory: peak {mebibytes(report.memory.peak)}, growth "
            f"{report.memory.growth / 1024:+,.0f} KiB over the last case's runs"
        )


def _print_shapes(report: OpsReport, console: Console) -> None:
    rows = [
        (
            row.operator.name,
            row.shape,
            "x".join(map(str, row.filter)),
            str(row.count),
            f"{row.latency.minimum:.4f}",
            f"{row.latency.median:.4f}",
            "" if row.latency.p90 is None else f"{row.latency.p90:.4f}",
            row.operator.width or "",
            "" if row.rate is None else f"{row.rate / 1e9:.1f}",
            row.kernels,
        )
        for row in report.shapes
    ]
    columns = (
        "operator", "shape", "weights", "count", "min ms", "median ms", "p90 ms", "bits", "Gop/s",
        "kernels",
    )  # fmt: skip
    console.print(_table(f"{report.name}: each operator alone", columns, rows, left=3))
    console.print(
        f"n {report.setting.policy.runs}; calling the runtime takes {report.call_ms:.4f} ms, which "
        "is subtracted. Sorted by count x median. Weights and input are in the caches, so that the "
        "sum is less than a run of the network."
    )


def _print_comparison(comparison: Comparison, console: Console) -> None:
    rows = [
        (
            change.name,
            f"{change.before_ms:.4f}",
            f"{change.after_ms:.4f}",
            f"{change.ratio:.3f}",
            f"{change.minimum_ratio:.3f}",
            f"{100 * change.tolerance:.0f} %",
            change.verdict,
        )
        for change in comparison.changes
    ]
    columns = ("median, ms", "then", "now", "now / then", "minimum", "noise", "verdict")
    console.print(_table(f"Compared with {comparison.created}", columns, rows, left=1))
    for text, names in (
        ("only the baseline has", comparison.only_before),
        ("the baseline lacks", comparison.only_now),
        ("the baseline is of another computer or installation", comparison.differences),
        ("the baseline was flagged", comparison.doubts),
    ):
        if names:
            console.print(f"note: {text}: {', '.join(names)}", style="yellow", markup=False)


def _model(model: ModelTimes) -> str:
    widths = ", ".join(f"{count:,} of {width} bits" for width, count in model.macs.items())
    packed = f" ({model.packed_size:,} packed)" if model.packed_size else ""
    text = (
        f"{model.name}: {model.size:,} bytes{packed}, SHA-256 {model.sha256}\n"
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
            text += f"; that process needs {mebibytes(cold.peak_bytes)}"
    return text


def _scaling(model: ModelTimes) -> RenderableType:
    base = model.scaling[0].latency
    return _table(
        f"{model.name}: threads",
        ("threads", *FIGURES, "times as fast (median)"),
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
