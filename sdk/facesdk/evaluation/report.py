"""An evaluation as one HTML file: figures, curves, and the worst pairs as pictures.

Everything is inside the file: it opens without a network and loads nothing. The pictures are crops
of the evaluated photos, so the terms of those photos hold for the report.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from html import escape
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from facesdk.errors import require_extra
from facesdk.evaluation.evaluation import Evaluation
from facesdk.evaluation.sets.verification_set import VerificationSet
from facesdk.evaluation.verification import MIN_FALSE_ACCEPTS
from facesdk.images.decode import RgbImage

WORST_PAIRS = 12
"""Pairs shown of each kind."""

_TICKS = (1e-4, 1e-3, 1e-2, 0.05, 0.2, 0.5)
_CURVE_POINTS = 2000

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #212529; max-width: 70rem; margin: 2rem auto;
  padding: 0 1rem; }
table { border-collapse: collapse; margin: 1rem 0; }
th, td { border-bottom: 1px solid #dee2e6; padding: .25rem .9rem .25rem 0; text-align: left; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
.plots, .pairs { display: flex; flex-wrap: wrap; gap: 1rem; }
.plots svg { width: 22rem; height: auto; }
figure { margin: 0; width: 228px; font-size: 12px; overflow-wrap: anywhere; }
figure img { height: 112px; }
small { color: #6c757d; }
"""


def html_report(
    evaluation: Evaluation,
    pairs: VerificationSet,
    crop: Callable[[int], RgbImage] | None,
) -> str:
    """The text of the file.

    Args:
        evaluation: What was measured.
        pairs: On which pairs.
        crop: Gives the aligned crop of an image of ``pairs`` by its place; None shows no pictures.

    Raises:
        DependencyError: matplotlib is missing.
        InputError: An image cannot be read.
    """
    title = f"{evaluation.subject.model or 'saved embeddings'} on {evaluation.protocol}"
    same = pairs.same
    misses = _worst(evaluation.similarities, same, lowest=True)
    matches = _worst(evaluation.similarities, ~same, lowest=False)
    parts = (
        f"<h1>{escape(title)}</h1>",
        _figures(evaluation),
        f'<h2>Curves</h2><div class="plots">{"".join(_plots(evaluation, same))}</div>',
        "<h2>Same person, least similar</h2>",
        _pictures(misses, evaluation, pairs, crop),
        "<h2>Different people, most similar</h2>",
        _pictures(matches, evaluation, pairs, crop),
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _figures(evaluation: Evaluation) -> str:
    subject = evaluation.subject
    rows: list[tuple[str, str, str]] = []
    if evaluation.accuracy is not None and evaluation.std is not None:
        rows.append(
            (
                "accuracy",
                f"{100 * evaluation.accuracy:.2f} % &plusmn; {100 * evaluation.std:.2f}",
                f"mean and standard deviation of {len(evaluation.accuracies)} folds",
            )
        )
    low, high = evaluation.equal_error_rate_interval
    rows.append(
        ("EER", f"{evaluation.equal_error_rate:.4f}", f"95 %: {low:.4f} to {high:.4f} (bootstrap)")
    )
    for point, (low, high) in zip(evaluation.tar_at_far, evaluation.tar_intervals, strict=True):
        note = f"95 %: {low:.4f} to {high:.4f} (bootstrap); threshold {point.threshold:.3f}"
        rows.append((f"TAR at FAR {point.far:g}", f"{point.tar:.4f}", note))
    for at in evaluation.recommended:
        for name, rate, (low, high) in (
            ("FMR", at.rates.fmr, at.fmr_interval),
            ("FNMR", at.rates.fnmr, at.fnmr_interval),
        ):
            label = f"{name} at the model's threshold {at.rates.threshold:.3f} (FMR {at.aimed:g})"
            rows.append((label, f"{rate:.4f}", f"95 %: {low:.4f} to {high:.4f} (Wilson)"))
    rows.append(("undetected", str(evaluation.undetected), "decided from the middle of the photo"))
    body = "".join(
        f'<tr><td>{name}</td><td class="n">{value}</td><td><small>{note}</small></td></tr>'
        for name, value, note in rows
    )
    flip = {True: "flip", False: "no flip", None: ""}[subject.flip]
    how = ", ".join(filter(None, (subject.detector, subject.template, flip)))
    return (
        f"<p>{evaluation.pairs:,d} pairs ({evaluation.negatives:,d} of different people), "
        f"{evaluation.photos:,d} photos. Measured with {escape(how)}; model SHA-256 "
        f"<code>{escape(subject.model_id or 'unknown')}</code>.</p><table>{body}</table>"
        f"<p><small>A FAR is given where at least {MIN_FALSE_ACCEPTS} false accepts are expected "
        "at it. Thresholds for use come from <code>facesdk calibrate</code>, not from here."
        "</small></p>"
    )


def _plots(evaluation: Evaluation, same: NDArray[np.bool_]) -> list[str]:
    """ROC, DET and the distribution of similarities, as SVG."""
    require_extra("matplotlib", extra="bench")
    from matplotlib.figure import Figure

    curve = evaluation.curve
    shown = np.unique(np.linspace(0, len(curve.fmr) - 1, _CURVE_POINTS).astype(int))
    floor = 1 / curve.negatives
    fmr, fnmr = np.maximum(curve.fmr[shown], floor / 2), curve.fnmr[shown]

    def axes(title: str, x: str, y: str) -> tuple[Figure, Any]:
        figure = Figure(figsize=(4.4, 4.0), layout="constrained")
        plot = figure.add_subplot()
        plot.set(title=title, xlabel=x, ylabel=y)
        plot.grid(color="#dee2e6")
        return figure, plot

    roc, plot = axes("ROC", "false accept rate", "true accept rate")
    plot.plot(fmr, 1 - fnmr, color="#3498db")
    plot.set(xscale="log", xlim=(floor, 1), ylim=(min(0.9, float((1 - fnmr)[1:].min())), 1.002))
    det, plot = axes("DET", "false match rate", "false non-match rate")
    deviate = NormalDist().inv_cdf
    least = max(min(floor, 1 / (evaluation.pairs - curve.negatives)), 1e-5)
    kept = (curve.fmr[shown] >= least) & (fnmr >= least) & (curve.fmr[shown] < 1) & (fnmr < 1)
    plot.plot(
        [deviate(float(value)) for value in curve.fmr[shown][kept]],
        [deviate(float(value)) for value in fnmr[kept]],
        color="#3498db",
    )
    ticks = [tick for tick in _TICKS if tick >= least]
    for axis in (plot.xaxis, plot.yaxis):
        axis.set_ticks([deviate(tick) for tick in ticks], [f"{tick:g}" for tick in ticks])
    bounds = (deviate(least), deviate(0.6))
    plot.set(xlim=bounds, ylim=bounds)
    scores, plot = axes("Similarities", "cosine similarity", "density")
    for kind, colour, label in ((same, "#2ecc71", "same"), (~same, "#e74c3c", "different")):
        plot.hist(
            evaluation.similarities[kind], 80, density=True, color=colour, alpha=0.6, label=label
        )
    plot.legend()
    return [_svg(figure) for figure in (roc, det, scores)]


def _svg(figure: Any) -> str:
    import matplotlib

    stream = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "facesdk", "svg.fonttype": "path"}):
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    text = stream.getvalue()
    return text[text.index("<svg") :]


def _worst(
    similarities: NDArray[np.float64], kind: NDArray[np.bool_], *, lowest: bool
) -> Sequence[int]:
    rows = np.flatnonzero(kind)
    order = np.argsort(similarities[rows] if lowest else -similarities[rows], kind="stable")
    worst: list[int] = rows[order[:WORST_PAIRS]].tolist()
    return worst


def _pictures(
    rows: Sequence[int],
    evaluation: Evaluation,
    pairs: VerificationSet,
    crop: Callable[[int], RgbImage] | None,
) -> str:
    figures = []
    for row in rows:
        images = (int(pairs.first[row]), int(pairs.second[row]))
        shown = "" if crop is None else "".join(_picture(crop(image)) for image in images)
        names = " / ".join(escape(_printable(pairs.names[image])) for image in images)
        figures.append(
            f"<figure>{shown}<figcaption>{evaluation.similarities[row]:.3f} {names}"
            "</figcaption></figure>"
        )
    return f'<div class="pairs">{"".join(figures)}</div>'


def _picture(crop: RgbImage) -> str:
    stream = io.BytesIO()
    Image.fromarray(crop).save(stream, "JPEG", quality=85)
    return (
        f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}">'
    )


def _printable(name: str) -> str:
    return name.encode(errors="replace").decode()
