"""Reports as one HTML file, which loads nothing and runs no script."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from facesdk.bench.model import ModelReport, ModelTimes
from facesdk.bench.network_profile import FOLDED, FUSED, MEASURED, SHARED
from facesdk.bench.ops import OpsReport
from facesdk.bench.peaks import Peaks
from facesdk.bench.pipeline import CaseTimes, PipelineReport
from facesdk.bench.report.baseline import Comparison
from facesdk.bench.report.words import FIGURES, figures, setting_lines
from facesdk.measure.distribution import Distribution, Times
from facesdk.pages import charts, html
from facesdk.pages.charts import Bar
from facesdk.tracing import STAGE

_FOUND = {
    MEASURED: "measured in place",
    SHARED: "share of a measured stretch",
    FUSED: "inside the convolution before it",
    FOLDED: "constant",
}
_COLOURS = {"1x1": "c", "32x32": "a"}


def to_html(
    report: ModelReport | PipelineReport | OpsReport, comparison: Comparison | None = None
) -> str:
    """The text of the file.

    Args:
        report: What to show.
        comparison: What it was compared with; None if it was not.
    """
    if isinstance(report, ModelReport):
        title = f"Latency of {', '.join(model.name for model in report.models)}"
        parts = _models(report)
    elif isinstance(report, PipelineReport):
        title = f"Latency of the pipeline with {report.model}"
        parts = _pipeline(report)
    else:
        title = f"Operators of {report.name}, each alone"
        parts = _ops(report)
    facts = [(key, value) for key, value in setting_lines(report.setting)]
    head = [
        "".join(
            f'<p class="flag">{escape(flag.code)}: {escape(flag.message)}</p>'
            for flag in report.flags
        )
        or "<p>No flag: the figures may be quoted with all that follows.</p>",
        "".join(f"<p>Note: {escape(note)}</p>" for note in report.notes),
        html.table(("measured", report.setting.created), facts, numbers=()),
    ]
    if comparison is not None:
        head.append(_comparison(comparison))
    return html.page(title, [*head, *parts], style=charts.STYLE)


def _models(report: ModelReport) -> list[str]:
    parts = ["<h2>Latency, ms</h2>", _times((row.name, row.latency) for row in report.models)]
    if len(report.models) > 1:
        rows = [
            (model.name, *(f"{ratio:.2f}" for ratio in report.ratio(model)))
            for model in report.models
        ]
        parts.append(html.table(("", "min / first", "median / first"), rows))
    for model in report.models:
        parts += _model(model, report.peaks)
    return parts


def _model(model: ModelTimes, peaks: Peaks | None) -> list[str]:
    macs = ", ".join(f"{count:,} of {width} bits" for width, count in model.macs.items())
    parts = [
        f"<h2>{escape(model.name)}</h2>",
        f"<p>{model.size:,} bytes, SHA-256 <code>{model.sha256}</code><br>multiply-adds: "
        f"{escape(macs) or 'none'}; {model.rate / 1e9:.1f} G operations a second.</p>",
        _histogram(model.samples, model.latency),
    ]
    if model.cold_start:
        cold = model.cold_start
        stages = (
            ("import", cold.import_ms),
            ("load", cold.load_ms),
            ("first inference", cold.first_ms),
            ("second inference", cold.second_ms),
        )
        parts.append(
            _waterfall(stages, f"Cold start: the median of {cold.processes} fresh processes.")
        )
    if model.scaling:
        rows = [
            Bar(
                f"{row.threads} thread{'s' if row.threads > 1 else ''}",
                f"{row.latency.median:.3f} ms",
                0.0,
                row.latency.median,
                detail=f"min {row.latency.minimum:.3f}, "
                f"{model.scaling[0].latency.median / row.latency.median:.2f} times as fast",
            )
            for row in model.scaling
        ]
        parts.append(charts.bars("threads", rows, "Median latency by number of threads."))
    if model.operators:
        table = model.operators
        rows = [
            Bar(
                f"{row.operator.index} {row.operator.name}",
                "?" if row.ms is None else f"{row.ms:.4f} ms, {100 * (row.share or 0):.1f} %",
                0.0,
                row.ms or 0.0,
                _COLOURS.get(row.operator.width or "", "b"),
                f"{row.shape}, {row.kernels}, {_FOUND.get(row.found, 'unknown')}",
            )
            for row in table.rows
        ]
        caption = (
            f"Operators in the order in which they run; {table.total_ms:.4f} ms a run. Copies of "
            f"input and output {table.copies_ms:.4f} ms, between operators {table.rest_ms:.4f} ms. "
            "Green: bits by bits. Blue: float32 multiplications. Orange: all else."
        )
        parts.append(charts.bars("operators", rows, caption))
        if peaks:
            parts.append(_roofline(model, peaks))
    return parts


def _roofline(model: ModelTimes, peaks: Peaks) -> str:
    points = [
        (
            f"{row.operator.index} {row.operator.name}: {row.rate / 1e9:.1f} Gop/s",
            _COLOURS.get(row.operator.width or "", "b"),
            row.operator.intensity,
            row.rate,
        )
        for row in (model.operators.rows if model.operators else ())
        if row.rate
    ]
    roofs = [("float32", "a", peaks.float32)]
    if peaks.binary:
        roofs.append(("1 bit", "c", peaks.binary))
    caption = (
        "Roofline: operations a second over operations a byte of input, weights and output. Roofs "
        f"measured here with {peaks.threads} thread(s): memory {peaks.memory / 1e9:.1f} GB/s, "
        f"float32 {peaks.float32 / 1e9:.0f} Gop/s"
        + (f", 1 bit {peaks.binary / 1e9:.0f} Gop/s" if peaks.binary else "")
        + ". Layers whose data stays in the caches can lie above the slope of memory."
    )
    return charts.roofline(points, peaks.memory, roofs, caption)


def _pipeline(report: PipelineReport) -> list[str]:
    parts = [
        f"<p>Recognition model {escape(report.model)}, SHA-256 <code>{report.model_id}</code>; "
        f"smallest face {report.min_face} pixels.</p>"
    ]
    for case in report.cases:
        parts += _case(case)
    return parts


def _case(case: CaseTimes) -> list[str]:
    low, high = case.faces
    faces = str(low) if low == high else f"{low} to {high}"
    stages = [(name, times.median) for name, times in case.stages.items()]
    spans = [span for span in case.spans if span.kind == STAGE or span.depth == 1]
    begin = min((span.start_ns for span in spans), default=0)
    rows = [
        Bar(
            "\u2003" * span.depth + span.name,
            f"{span.ms:.3f} ms",
            (span.start_ns - begin) / 1e6,
            span.ms,
            "a" if span.kind == STAGE else "c",
        )
        for span in spans
    ]
    return [
        f"<h2>{escape(case.name)}</h2><p>{case.width}x{case.height} pixels, faces found: {faces}"
        "</p>",
        _times([*case.stages.items(), ("total", case.total)]),
        _waterfall(stages, "Median of each stage, for all faces together."),
        charts.bars("spans", rows, "One run as it was, with the networks in the stages.")
        if rows
        else "",
        _histogram(case.samples, case.total),
    ]


def _ops(report: OpsReport) -> list[str]:
    rows = [
        Bar(
            row.operator.name,
            f"{row.latency.median:.4f} ms" + (f", {row.rate / 1e9:.1f} Gop/s" if row.rate else ""),
            0.0,
            row.latency.median,
            _COLOURS.get(row.operator.width or "", "b"),
            f"{row.count} times, {row.shape}, {row.kernels}",
        )
        for row in report.shapes
    ]
    caption = f"Median of each alone; calling the runtime ({report.call_ms:.4f} ms) is subtracted."
    return [
        charts.bars("operators", rows, caption),
        _times((f"{row.operator.name} {row.shape}", row.latency) for row in report.shapes),
    ]


def _comparison(comparison: Comparison) -> str:
    rows = [
        (
            change.name,
            f"{change.before_ms:.4f}",
            f"{change.after_ms:.4f}",
            f"{change.ratio:.3f}",
            f"{100 * change.tolerance:.0f} %",
            change.verdict,
        )
        for change in comparison.changes
    ]
    columns = ("median, ms", "then", "now", "now / then", "noise", "verdict")
    return f"<h2>Compared with {escape(comparison.created)}</h2>" + html.table(columns, rows)


def _histogram(samples: Times, times: Distribution) -> str:
    marks = [("median", times.median)]
    if times.p99 is not None:
        marks.append(("p99", times.p99))
    return charts.histogram(
        samples,
        marks,
        f"Latency of {times.n} runs; the last bar holds all above the 99th percentile.",
    )


def _waterfall(stages: Sequence[tuple[str, float]], caption: str) -> str:
    rows, at = [], 0.0
    for name, ms in stages:
        rows.append(Bar(name, f"{ms:.3f} ms", at, ms))
        at += ms
    return charts.bars("waterfall", rows, caption)


def _times(rows: Iterable[tuple[str, Distribution]]) -> str:
    return html.table(("", *FIGURES), [(name, *figures(times)) for name, times in rows])
