"""A measurement of identification as one HTML file that loads nothing: figures, DET curve."""

from __future__ import annotations

from html import escape

from facesdk.evaluation.embedded import undetected_text
from facesdk.evaluation.identification import IdentificationPoint, IdentificationResult
from facesdk.evaluation.verification import MIN_FALSE_ACCEPTS
from facesdk.pages import charts, html
from facesdk.pages.axes import Scale
from facesdk.pages.charts import Curve

_LARGEST_RATE = 0.6
_STYLE = ".plots polyline { stroke-width: 2; }"


def html_report(result: IdentificationResult) -> str:
    """The text of the file."""
    title = f"{result.subject.model or 'saved embeddings'}: identification"
    parts = (_figures(result), f'<h2>DET</h2><div class="plots">{_det(result)}</div>')
    return html.page(title, parts, style=charts.STYLE + _STYLE)


def _figures(result: IdentificationResult) -> str:
    low, high = result.rank1_interval
    rows = [("rank 1", f"{result.rank1:.4f}", f"95 %: {low:.4f} to {high:.4f}")]
    rows += [
        (f"FNIR at FPIR {rate:g}", f"{point.fnir:.4f}", _interval(point))
        for rate, point in result.points
    ]
    for row in result.recommended:
        label = f"FNIR at the model's threshold {row.point.threshold:.4f} (FMR {row.fmr:g})"
        note = f"FPIR {row.point.fpir:.4f}, by 1 - (1 - FMR)^N {row.predicted_fpir:.4f}"
        rows.append((label, f"{row.point.fnir:.4f}", note))
    undetected = undetected_text(result.undetected)
    rows.append(("undetected", undetected, "embedded from the middle of the photo"))
    table = html.table(("", "", "interval, threshold"), rows, numbers=(1,))
    how = ", ".join(filter(None, (result.subject.detector, result.subject.template)))
    return (
        f"<p>{result.people:g} people enrolled by {result.templates:g} photos, "
        f"{result.mated:,d} mated and {result.non_mated:,d} non-mated probes, rule "
        f"{escape(result.rule)}. Measured with {escape(how)}; model SHA-256 "
        f"<code>{escape(result.subject.model_id or 'unknown')}</code>.</p>{table}"
        f"<p><small>An FPIR is given where at least {MIN_FALSE_ACCEPTS} false names are expected "
        "at it. Intervals are Wilson's, as if probes were independent.</small></p>"
    )


def _interval(point: IdentificationPoint) -> str:
    low, high = point.fnir_interval
    return f"95 %: {low:.4f} to {high:.4f}; threshold {point.threshold:.4f}"


def _det(result: IdentificationResult) -> str:
    least = max(min(1 / result.non_mated, 1 / result.mated, 0.1), 1e-5)
    fpir, fnir = result.fpir, result.fnir
    kept = (fpir >= least) & (fnir >= least) & (fpir < 1) & (fnir < 1)
    across, upwards = (
        Scale(label, least, _LARGEST_RATE, "deviate")
        for label in ("false positive identification rate", "false negative identification rate")
    )
    return charts.curves(
        "det",
        [Curve("DET", fpir[kept], fnir[kept])],
        across,
        upwards,
        "DET: both error rates of identification, on normal deviates.",
    )
