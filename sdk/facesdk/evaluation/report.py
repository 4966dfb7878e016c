"""An evaluation as one HTML file: figures, curves, and the worst pairs as pictures.

Everything is inside the file: it opens without a network and loads nothing. The pictures are crops
of the evaluated photos, so the terms of those photos hold for the report.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from facesdk.evaluation.embedded import undetected_text
from facesdk.evaluation.evaluation import Evaluation
from facesdk.evaluation.sets.verification_set import VerificationSet
from facesdk.evaluation.verification import MIN_FALSE_ACCEPTS
from facesdk.images.decode import RgbImage
from facesdk.images.encode import to_bytes
from facesdk.pages import charts, html
from facesdk.pages.axes import Scale
from facesdk.pages.charts import Curve

WORST_PAIRS = 12
"""Pairs shown of each kind."""

_CURVE_POINTS = 2000
_LEAST_RATE, _LARGEST_RATE = 1e-5, 0.6
"""Where the axes of the DET curve may begin, and where they end."""

_STYLE = """
.plots, .pairs { display: flex; flex-wrap: wrap; gap: 1rem; }
.plots figure { flex: 1 1 18rem; margin: 0; }
.plots polyline { stroke-width: 2; }
.pairs figure { margin: 0; width: 228px; }
.pairs figcaption { font-size: .75rem; }
.pairs img { height: 112px; }
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
        InputError: An image cannot be read.
    """
    title = f"{evaluation.subject.model or 'saved embeddings'} on {evaluation.protocol}"
    same = pairs.same
    misses = _worst(evaluation.similarities, same, lowest=True)
    matches = _worst(evaluation.similarities, ~same, lowest=False)
    parts = (
        _figures(evaluation),
        f'<h2>Curves</h2><div class="plots">{_plots(evaluation, same)}</div>',
        "<h2>Same person, least similar</h2>",
        _pictures(misses, evaluation, pairs, crop),
        "<h2>Different people, most similar</h2>",
        _pictures(matches, evaluation, pairs, crop),
    )
    return html.page(title, parts, style=charts.STYLE + _STYLE)


def _figures(evaluation: Evaluation) -> str:
    subject = evaluation.subject
    rows: list[tuple[str, str, str]] = []
    if evaluation.accuracy is not None and evaluation.std is not None:
        rows.append(
            (
                "accuracy",
                f"{100 * evaluation.accuracy:.2f} % ± {100 * evaluation.std:.2f}",
                f"mean and standard deviation of {len(evaluation.accuracies)} folds",
            )
        )
    low, high = evaluation.equal_error_rate_interval
    rows.append(
        ("EER", f"{evaluation.equal_error_rate:.4f}", f"95 %: {low:.4f} to {high:.4f} (bootstrap)")
    )
    for point, (low, high) in zip(evaluation.tar_at_far, evaluation.tar_intervals, strict=True):
        note = f"95 %: {low:.4f} to {high:.4f} (bootstrap); threshold {point.threshold:.4f}"
        rows.append((f"TAR at FAR {point.far:g}", f"{point.tar:.4f}", note))
    for at in evaluation.recommended:
        for name, rate, (low, high) in (
            ("FMR", at.rates.fmr, at.fmr_interval),
            ("FNMR", at.rates.fnmr, at.fnmr_interval),
        ):
            label = f"{name} at the model's threshold {at.rates.threshold:.4f} (FMR {at.aimed:g})"
            rows.append((label, f"{rate:.4f}", f"95 %: {low:.4f} to {high:.4f} (Wilson)"))
    undetected = undetected_text(evaluation.undetected)
    rows.append(("undetected", undetected, "decided from the middle of the photo"))
    table = html.table(("", "", "interval, threshold"), rows, numbers=(1,))
    flip = {True: "flip", False: "no flip", None: ""}[subject.flip]
    how = ", ".join(filter(None, (subject.detector, subject.template, flip)))
    return (
        f"<p>{evaluation.pairs:,d} pairs ({evaluation.negatives:,d} of different people), "
        f"{evaluation.photos:,d} photos. Measured with {escape(how)}; model SHA-256 "
        f"<code>{escape(subject.model_id or 'unknown')}</code>.</p>{table}"
        f"<p><small>A FAR is given where at least {MIN_FALSE_ACCEPTS} false accepts are expected "
        "at it. Thresholds for use come from <code>facesdk calibrate</code>, not from here."
        "</small></p>"
    )


def _plots(evaluation: Evaluation, same: NDArray[np.bool_]) -> str:
    """ROC, DET and the distribution of similarities."""
    curve = evaluation.curve
    shown = np.unique(np.linspace(0, len(curve.fmr) - 1, _CURVE_POINTS).astype(int))
    fmr, fnmr = curve.fmr[shown], curve.fnmr[shown]
    floor = 1 / curve.negatives
    roc = charts.curves(
        "roc",
        [Curve("ROC", np.maximum(fmr, floor / 2), 1 - fnmr)],
        Scale("false accept rate", min(floor, 0.1), 1, "log"),
        Scale("true accept rate", min(0.9, float((1 - fnmr)[1:].min())), 1),
        "ROC: how many of the same person are accepted, over how many of different people.",
    )
    least = max(min(floor, 1 / (evaluation.pairs - curve.negatives)), _LEAST_RATE)
    kept = (fmr >= least) & (fnmr >= least) & (fmr < 1) & (fnmr < 1)
    match, non_match = (
        Scale(label, min(least, 0.1), _LARGEST_RATE, "deviate")
        for label in ("false match rate", "false non-match rate")
    )
    det = charts.curves(
        "det",
        [Curve("DET", fmr[kept], fnmr[kept])],
        match,
        non_match,
        "DET: both error rates, on normal deviates.",
    )
    scores = charts.densities(
        "similarities",
        [
            ("same person", "c", evaluation.similarities[same]),
            ("different people", "b", evaluation.similarities[~same]),
        ],
        "cosine similarity",
        "How the similarities of pairs are distributed.",
    )
    return roc + det + scores


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
        names = " / ".join(escape(html.shown(pairs.names[image])) for image in images)
        figures.append(
            f"<figure>{shown}<figcaption>{evaluation.similarities[row]:.3f} {names}"
            "</figcaption></figure>"
        )
    return f'<div class="pairs">{"".join(figures)}</div>'


def _picture(crop: RgbImage) -> str:
    content = base64.b64encode(to_bytes(crop, "JPEG", quality=85)).decode()
    return f'<img alt="" src="data:image/jpeg;base64,{content}">'
