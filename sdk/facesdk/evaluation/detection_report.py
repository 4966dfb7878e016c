"""A measurement of a detector as one HTML file that loads nothing: figures, and a curve."""

from __future__ import annotations

from html import escape

from facesdk.evaluation.detection import DetectionResult
from facesdk.evaluation.intervals import wilson
from facesdk.pages import charts, html
from facesdk.pages.axes import Scale
from facesdk.pages.charts import Curve

_STYLE = ".plots polyline { stroke-width: 2; }"


def html_report(result: DetectionResult) -> str:
    """The text of the file."""
    recall, precision = result.curve()
    chart = charts.curves(
        "precision-recall",
        [Curve("precision", recall, precision)],
        Scale("recall", 0, 1),
        Scale("precision", 0, 1),
        "Precision and recall as the least score falls.",
    )
    rows = [
        ("recall", f"{result.found} of {result.faces}", _words(result.found, result.faces)),
        ("average precision", f"{result.average_precision:.4f}", ""),
        ("false finds", str(result.false), f"{result.false / result.photos:.3f} per photo"),
        (
            "false finds in photos without a face",
            str(result.false_in_faceless),
            f"{result.faceless} such photos",
        ),
    ]
    rows += [
        (words.format(row.least), f"{row.found} of {row.faces}", _words(row.found, row.faces))
        for words, ranges in (
            ("faces from {} px", result.sizes),
            ("turned from {} degrees", result.rolls),
            ("looking to a side from {} degrees", result.yaws),
        )
        for row in ranges
    ]
    head = (
        f"<p>{result.photos:,d} photos, detector {escape(result.detector)}; a find is a face from "
        f"an overlap of {result.overlap:g}.</p>"
    )
    scores = [
        (
            f"{row.score:g}",
            f"{row.found} of {result.faces}",
            str(row.false),
            str(row.false_in_faceless),
        )
        for row in result.at_scores()
    ]
    headings = ("score from", "found", "false finds", "of these in photos without a face")
    parts = (
        head + html.table(("", "", "95 % interval"), rows, numbers=(1,)),
        "<h2>By score</h2>" + html.table(headings, scores, numbers=(1, 2, 3)),
        f'<h2>Precision and recall</h2><div class="plots">{chart}</div>',
    )
    return html.page(f"{result.detector.split()[0]}: detection", parts, style=charts.STYLE + _STYLE)


def _words(found: int, count: int) -> str:
    if not count:
        return ""
    low, high = wilson(found / count, count)
    return f"{low:.4f} to {high:.4f}"
