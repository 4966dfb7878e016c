"""Reports as one HTML file, which loads nothing and runs no script."""

from __future__ import annotations

import re
from html import escape

from facesdk.bench.report.baseline import Comparison
from facesdk.bench.report.elements import (
    BITS,
    FLOATS,
    Chart,
    Durations,
    Figures,
    Histogram,
    Roofline,
    Section,
    Table,
)
from facesdk.bench.report.report import Report
from facesdk.bench.report.words import FIGURES, figures, setting_lines
from facesdk.pages import charts, html
from facesdk.pages.charts import Bar
from facesdk.tracing import NETWORK, STAGE

_COLOURS = {"": "a", STAGE: "a", NETWORK: "c", FLOATS: "a", BITS: "c"}
_OTHER_COLOUR = "b"


def to_html(report: Report, comparison: Comparison | None = None) -> str:
    """The text of the file.

    Args:
        report: What to show.
        comparison: What it was compared with; None if it was not.
    """
    head = [
        "".join(
            f'<p class="flag">{escape(flag.code)}: {escape(flag.message)}</p>'
            for flag in report.flags
        )
        or "<p>No flag: the figures may be quoted with all that follows.</p>",
        "".join(f"<p>Note: {escape(note)}</p>" for note in report.notes),
        html.table(("measured", report.setting.created), setting_lines(report.setting), numbers=()),
    ]
    if comparison is not None:
        head.append(_comparison(comparison))
    sections = [part for section in report.charts() for part in _section(section)]
    return html.page(report.title, [*head, *sections], style=charts.STYLE)


def _section(section: Section) -> list[str]:
    parts = [f"<h2>{escape(section.heading)}</h2>"] if section.heading else []
    if section.lines:
        parts.append(f"<p>{'<br>'.join(map(_line, section.lines))}</p>")
    return parts + [_chart(chart) for chart in section.charts]


def _line(text: str) -> str:
    """A line of text, its digests set as code."""
    return re.sub(r"\b[0-9a-f]{64}\b", r"<code>\g<0></code>", escape(text))


def _chart(chart: Chart) -> str:
    if isinstance(chart, Table):
        return html.table(chart.columns, chart.rows, numbers=range(chart.words, len(chart.columns)))
    if isinstance(chart, Figures):
        rows = [(name, *figures(times)) for name, times in chart.rows]
        return html.table(("", *FIGURES), rows)
    if isinstance(chart, Histogram):
        return _histogram(chart)
    if isinstance(chart, Durations):
        return _bars(chart)
    return _roofline(chart)


def _histogram(chart: Histogram) -> str:
    latency = chart.latency
    marks = [("median", latency.median)]
    if latency.p99 is not None:
        marks.append(("p99", latency.p99))
    caption = f"Latency of {latency.n} runs; the last bar holds all above the 99th percentile."
    return charts.histogram(chart.samples, marks, caption)


def _bars(chart: Durations) -> str:
    rows = [
        Bar(row.label, row.text, row.start_ms, row.ms, _colour(row.kind), row.detail)
        for row in chart.rows
    ]
    return charts.bars(chart.name, rows, chart.caption)


def _roofline(chart: Roofline) -> str:
    points = [(label, _colour(kind), x, y) for label, kind, x, y in chart.points]
    roofs = [(label, _colour(kind), rate) for label, kind, rate in chart.roofs]
    return charts.roofline(points, chart.memory, roofs, chart.caption)


def _colour(kind: str) -> str:
    return _COLOURS.get(kind, _OTHER_COLOUR)


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
