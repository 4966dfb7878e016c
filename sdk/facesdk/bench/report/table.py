"""Reports as text for people: lines and tables."""

from __future__ import annotations

from collections.abc import Iterator

from facesdk.bench.report.baseline import Comparison
from facesdk.bench.report.elements import Table
from facesdk.bench.report.report import Report
from facesdk.bench.report.words import setting_lines
from facesdk.pages import text
from facesdk.pages.text import Line


def to_text(
    report: Report,
    comparison: Comparison | None = None,
    *,
    width: int = text.WIDTH,
    colour: bool = False,
    long: bool = False,
) -> str:
    """The text, as a terminal or a file shows it.

    Args:
        report: The report.
        comparison: What it was compared with; None if it was not.
        width: Characters of a line.
        colour: Whether to write the escape sequences of a terminal.
        long: Whether to write the long tables as well.
    """
    return text.draw(_parts(report, comparison, long), width=width, colour=colour)


def _parts(
    report: Report, comparison: Comparison | None, long: bool
) -> Iterator[text.Table | Line]:
    for word, fact in (*setting_lines(report.setting), *report.facts):
        yield Line(f"{word:<8} {fact}")
    for table in report.tables():
        if long or not table.long:
            yield from _table(table)
    if comparison is not None:
        yield from _comparison(comparison)
    for note in report.notes:
        yield Line(f"note: {note}", "note")
    for flag in report.flags:
        yield Line(f"flag {flag.code}: {flag.message}", "bad")


def _table(table: Table) -> Iterator[text.Table | Line]:
    yield text.Table(text.columns(table.columns, words=table.words), table.rows, table.title)
    for remark in table.remarks:
        yield Line(remark)


def _comparison(comparison: Comparison) -> Iterator[text.Table | Line]:
    rows = tuple(
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
    )
    columns = ("median, ms", "then", "now", "now / then", "minimum", "noise", "verdict")
    yield text.Table(text.columns(columns), rows, f"Compared with {comparison.created}")
    for what, names in (
        ("only the baseline has", comparison.only_before),
        ("the baseline lacks", comparison.only_now),
        ("the baseline is of another computer or installation", comparison.differences),
        ("the baseline was flagged", comparison.doubts),
    ):
        if names:
            yield Line(f"note: {what}: {', '.join(names)}", "note")
