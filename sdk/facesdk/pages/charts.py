"""Charts as HTML and SVG text, for pages as narrow as a phone's; no plotting library is needed.

A chart fills the width it gets. Its text is HTML, or, in an SVG, written for 340 units of width, so
that it can be read at 360 pixels. Colours are ``"a"``, ``"b"`` and ``"c"``: variables of the page
(see :mod:`facesdk.pages.html`). :func:`svg_file` makes a file of its own of a chart that is an SVG.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from facesdk.pages.axes import Axis, Scale, clipped, decades
from facesdk.pages.html import shown

_WIDTH, _HEIGHT = 340, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 8, 8, 30
_CURVE_TOP = 20
_BINS = 40

STYLE = """
figure { margin: 1rem 0; max-width: 34rem; }
figure svg { display: block; width: 100%; height: auto; }
figcaption { color: var(--dim); font-size: .85rem; }
svg text { font: 10px system-ui, sans-serif; fill: var(--ink); }
svg .axis { stroke: var(--dim); } svg .grid { stroke: var(--line); }
.row { margin: .35rem 0; font-size: .85rem; }
.row .what { display: flex; justify-content: space-between; gap: .6rem; }
.row .what > span:first-child { overflow-wrap: anywhere; }
.row .what > span:last-child { white-space: nowrap; font-variant-numeric: tabular-nums; }
.track { background: var(--line); height: .5rem; border-radius: .2rem; position: relative; }
.track i { position: absolute; top: 0; bottom: 0; border-radius: .2rem; min-width: 2px;
  background: var(--a); }
.track i.b { background: var(--b); } .track i.c { background: var(--c); }
.dim { color: var(--dim); }
.legend { font-size: .85rem; display: flex; flex-wrap: wrap; gap: 0 1rem; }
.legend i { display: inline-block; width: .8rem; height: .2rem; margin-right: .3rem;
  vertical-align: middle; }
"""
"""What a page needs besides the variables --ink, --dim, --line, --a, --b and --c."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a waterfall or a bar chart.

    Attributes:
        label: What it is.
        text: Its value in words.
        start: Where it begins.
        length: How long it is, in the unit of ``start``.
        colour: ``"a"``, ``"b"`` or ``"c"``.
        detail: A second, dimmer label.
    """

    label: str
    text: str
    start: float
    length: float
    colour: str = "a"
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Curve:
    """A line through points.

    Attributes:
        label: What it is; a chart with more than one curve has a legend.
        x: Where its points are, as many numbers as in ``y``.
        y: How high they are.
        colour: ``"a"``, ``"b"`` or ``"c"``.
        filled: Whether the area below it is tinted.
    """

    label: str
    x: ArrayLike
    y: ArrayLike
    colour: str = "a"
    filled: bool = False


def bars(name: str, rows: Sequence[Bar], caption: str) -> str:
    """Bars below each other, each with its label above it.

    Args:
        name: What the chart is called in ``data-chart``.
        rows: The bars, at least one.
        caption: What it shows.
    """
    whole = max((row.start + row.length for row in rows), default=0.0) or 1.0
    lines = []
    for row in rows:
        left, width = 100 * row.start / whole, 100 * row.length / whole
        detail = f' <span class="dim">{_text(row.detail)}</span>' if row.detail else ""
        lines.append(
            f'<div class="row"><div class="what"><span>{_text(row.label)}{detail}</span>'
            f'<span>{_text(row.text)}</span></div><div class="track"><i class="{row.colour}" '
            f'style="left:{left:.3f}%;width:{width:.3f}%"></i></div></div>'
        )
    return _figure(name, "".join(lines), caption)


def histogram(
    samples: ArrayLike, marks: Iterable[tuple[str, float]], caption: str, *, unit: str = "ms"
) -> str:
    """How often which value was found.

    Args:
        samples: Finite numbers, at least one. Those above the 99th percentile are counted in the
            last bar.
        marks: Lines to draw: a label and where.
        caption: What it shows.
        unit: Of the samples.

    Raises:
        ValueError: There is no sample.
    """
    values = np.asarray(samples, np.float64)
    if values.size == 0:
        raise ValueError("a histogram needs at least one sample")
    low, high = float(values.min()), float(np.percentile(values, 99))
    if high <= low:
        high = low + max(abs(low) * 0.01, 1e-6)
    counts, edges = np.histogram(np.minimum(values, high), _BINS, (low, high))
    x = Axis(Scale("", low, high), _LEFT, _WIDTH - _RIGHT)
    y = Axis(Scale("", 0, max(counts)), _HEIGHT - _BOTTOM, _TOP)
    parts = [
        f'<rect x="{x(a):.2f}" y="{y(count):.2f}" width="{max(x(b) - x(a) - 0.5, 0.5):.2f}" '
        f'height="{y(0) - y(count):.2f}" fill="var(--a)"/>'
        for count, a, b in zip(counts, edges, edges[1:], strict=False)
        if count
    ]
    for label, at in marks:
        place = x(min(max(at, low), high))
        parts.append(
            f'<line x1="{place:.2f}" x2="{place:.2f}" y1="{_TOP}" y2="{y(0):.2f}" '
            f'stroke="var(--b)"/><text x="{min(place + 3, _WIDTH - 45):.2f}" y="{_TOP + 10}">'
            f"{_text(label)}</text>"
        )
    ticks = [(f"{value:.4g} {unit}".rstrip(), x(value)) for value in np.linspace(low, high, 4)]
    return _plot(
        "histogram", parts, ticks, [("0", y(0)), (str(max(counts)), y(max(counts)))], caption
    )


def roofline(
    points: Sequence[tuple[str, str, float, float]],
    memory: float,
    roofs: Sequence[tuple[str, str, float]],
    caption: str,
) -> str:
    """Operations per second against operations per byte, both logarithmic.

    Args:
        points: Of each operator a label, a colour, operations per byte and operations per second.
        memory: Bytes per second that memory gives.
        roofs: Of each kind of operation a label, a colour and the operations per second at most; at
            least one.
        caption: What it shows.
    """
    intensities = [point[2] for point in points] or [1.0]
    rates = [*(point[3] for point in points), *(roof[2] for roof in roofs)]
    ridge = max(roof[2] for roof in roofs) / memory
    across = decades(min([*intensities, 1.0]), max([*intensities, 2 * ridge]))
    x = Axis(across, _LEFT, _WIDTH - _RIGHT)
    y = Axis(decades(min(rates), max(rates)), _HEIGHT - _BOTTOM, _TOP)
    parts = [_grid_line(at) for _, at in y.ticks()]
    for label, colour, roof in roofs:
        start = max(roof / memory, x.scale.low)
        foot = max(x.scale.low, y.scale.low / memory)
        parts.append(
            f'<polyline fill="none" stroke="var(--{colour})" points="'
            f"{x(foot):.2f},{y(foot * memory):.2f} {x(start):.2f},{y(roof):.2f} "
            f'{x(x.scale.high):.2f},{y(roof):.2f}"/><text text-anchor="end" x="{_WIDTH - _RIGHT}" '
            f'y="{max(y(roof) - 3, _TOP + 10):.2f}">{_text(label)}</text>'
        )
    for label, colour, intensity, rate in points:
        parts.append(
            f'<circle cx="{x(intensity):.2f}" cy="{y(rate):.2f}" r="3" fill="var(--{colour})" '
            f'fill-opacity=".7"><title>{_text(label)}</title></circle>'
        )
    ticks = [(f"{value:g}", at) for value, at in x.ticks()]
    return _plot("roofline", parts, ticks, [(_rate(value), at) for value, at in y.ticks()], caption)


def curves(name: str, lines: Sequence[Curve], x: Scale, y: Scale, caption: str) -> str:
    """Lines over two axes: a ROC curve, a DET curve, a loss.

    Args:
        name: What the chart is called in ``data-chart``.
        lines: The lines; what lies outside of the axes is cut off.
        x: The axis to the right.
        y: The axis upwards.
        caption: What it shows.

    Raises:
        ValueError: A line has another number of x than of y.
    """
    across = Axis(x, _LEFT, _WIDTH - _RIGHT)
    upwards = Axis(y, _HEIGHT - _BOTTOM, _CURVE_TOP)
    parts = [_grid_line(at) for _, at in upwards.ticks()]
    for line in lines:
        parts += _polylines(line, across, upwards)
    x_ticks, y_ticks = (
        [(f"{value:g}", at) for value, at in axis.ticks()] for axis in (across, upwards)
    )
    parts += [
        f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 4}" text-anchor="end">{_text(x.label)}</text>',
        f'<text x="2" y="{_CURVE_TOP - 9}">{_text(y.label)}</text>',
    ]
    return _plot(name, parts, x_ticks, y_ticks, caption, top=_CURVE_TOP, legend=_legend(lines))


def scatter(
    name: str,
    points: Sequence[tuple[str, str, float, float]],
    front: Sequence[tuple[float, float]],
    x: Scale,
    y: Scale,
    caption: str,
) -> str:
    """Points over two axes, and the line of those that nothing beats.

    Args:
        name: What the chart is called in ``data-chart``.
        points: Of each a label, a colour and its place; the label of one on the line is written
            beside it, every label is shown where the mouse rests. Points outside of the axes are
            left out.
        front: Places of the line, see :func:`pareto`.
        x: The axis to the right.
        y: The axis upwards.
        caption: What it shows.
    """
    across = Axis(x, _LEFT, _WIDTH - _RIGHT)
    upwards = Axis(y, _HEIGHT - _BOTTOM, _CURVE_TOP)
    parts = [_grid_line(at) for _, at in upwards.ticks()]
    if front:
        rights, ups = zip(*front, strict=True)
        parts += _polylines(Curve("", rights, ups, "c"), across, upwards)
    for label, colour, right, up in points:
        if not (x.low <= right <= x.high and y.low <= up <= y.high):
            continue
        at, height = across(right), upwards(up)
        parts.append(
            f'<circle cx="{at:.2f}" cy="{height:.2f}" r="3" fill="var(--{colour})" '
            f'fill-opacity=".8"><title>{_text(label)}</title></circle>'
        )
        if (right, up) in front:
            anchor, step = ("end", -5) if at > _WIDTH / 2 else ("start", 5)
            parts.append(
                f'<text x="{at + step:.2f}" y="{height - 4:.2f}" text-anchor="{anchor}">'
                f"{_text(label)}</text>"
            )
    x_ticks, y_ticks = (
        [(f"{value:g}", at) for value, at in axis.ticks()] for axis in (across, upwards)
    )
    parts += [
        f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 4}" text-anchor="end">{_text(x.label)}</text>',
        f'<text x="2" y="{_CURVE_TOP - 9}">{_text(y.label)}</text>',
    ]
    return _plot(name, parts, x_ticks, y_ticks, caption, top=_CURVE_TOP)


def pareto(points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Those points that no other beats: none has as little x and more y, or less x and as much y.

    Returns:
        They, by rising x.
    """
    found: list[tuple[float, float]] = []
    for point in sorted(set(points), key=lambda point: (point[0], -point[1])):
        if not found or point[1] > found[-1][1]:
            found.append(point)
    return found


def densities(
    name: str, groups: Sequence[tuple[str, str, ArrayLike]], x_label: str, caption: str
) -> str:
    """How the values of groups are distributed, each with an area of 1.

    Args:
        name: What the chart is called in ``data-chart``.
        groups: Of each a label, a colour and its finite values; one at least has a value.
        x_label: What the values are.
        caption: What it shows.

    Raises:
        ValueError: No group has a value.
    """
    values = [np.asarray(group[2], np.float64) for group in groups]
    low = min(float(row.min()) for row in values if row.size)
    high = max(float(row.max()) for row in values if row.size)
    if high <= low:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, 2 * _BINS + 1)
    lines, tallest = [], 0.0
    for (label, colour, _), row in zip(groups, values, strict=True):
        counts = np.histogram(row, edges)[0] / ((row.size or 1) * (edges[1] - edges[0]))
        steps = np.concatenate(([0.0], np.repeat(counts, 2), [0.0]))
        lines.append(Curve(label, np.repeat(edges, 2), steps, colour, filled=True))
        tallest = max(tallest, float(counts.max()))
    return curves(name, lines, Scale(x_label, low, high), Scale("density", 0.0, tallest), caption)


def svg_file(chart: str) -> str:
    """A chart that is an SVG as a file of its own, in the colours of a light page.

    Args:
        chart: What :func:`histogram`, :func:`roofline`, :func:`curves` or :func:`densities` gave.

    Raises:
        ValueError: The chart is none of these.
    """
    found = re.search(r"<svg [^>]*>(.*)</svg>.*<figcaption>(.*)</figcaption>", chart, re.DOTALL)
    if not found:
        raise ValueError("only a chart that is an SVG can be a file of its own")
    body, caption = found.groups()
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'width="{2 * _WIDTH}" height="{2 * _HEIGHT}"><title>{caption}</title>'
        f"<style>{_LIGHT}{STYLE}</style>"
        f'<rect width="100%" height="100%" fill="#fff"/>{body}</svg>\n'
    )


_LIGHT = (
    "svg { --ink: #212529; --dim: #6c757d; --line: #e9ecef; --a: #3498db; --b: #e67e22; "
    "--c: #27ae60; }"
)


def _polylines(line: Curve, across: Axis, upwards: Axis) -> list[str]:
    """The pieces of a line that lie within the axes."""
    points = [
        (across(float(x)), upwards(float(y)))
        for x, y in zip(np.asarray(line.x), np.asarray(line.y), strict=True)
    ]
    pieces: list[list[str]] = []
    for begin, end in pairwise(points):
        cut = clipped(begin, end, across, upwards)
        if cut is None:
            continue
        first, last = (f"{x:.1f},{y:.1f}" for x, y in cut)
        if not pieces or pieces[-1][-1] != first:
            pieces.append([first])
        if last != first:
            pieces[-1].append(last)
    base = f"{upwards.start:.1f}"
    result = []
    for piece in pieces:
        if line.filled:
            left, right = (point.split(",")[0] for point in (piece[0], piece[-1]))
            area = " ".join((f"{left},{base}", *piece, f"{right},{base}"))
            result.append(
                f'<polygon fill="var(--{line.colour})" fill-opacity=".3" points="{area}"/>'
            )
        result.append(
            f'<polyline fill="none" stroke="var(--{line.colour})" points="{" ".join(piece)}"/>'
        )
    return result


def _legend(lines: Sequence[Curve]) -> str:
    if len(lines) < 2:
        return ""
    rows = (
        f'<span><i style="background:var(--{line.colour})"></i>{_text(line.label)}</span>'
        for line in lines
    )
    return f'<div class="legend">{"".join(rows)}</div>'


def _grid_line(at: float) -> str:
    right = _WIDTH - _RIGHT
    return f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{at:.2f}" y2="{at:.2f}"/>'


def _plot(
    name: str,
    parts: Iterable[str],
    x_ticks: Iterable[tuple[str, float]],
    y_ticks: Iterable[tuple[str, float]],
    caption: str,
    *,
    top: float = _TOP,
    legend: str = "",
) -> str:
    base = _HEIGHT - _BOTTOM
    axes = [
        f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{base}" y2="{base}"/>',
        f'<line class="axis" x1="{_LEFT}" x2="{_LEFT}" y1="{top}" y2="{base}"/>',
    ]
    for text, at in x_ticks:
        anchor = "end" if at > _WIDTH - 30 else "middle"
        axes.append(
            f'<text x="{at:.2f}" y="{base + 14}" text-anchor="{anchor}">{_text(text)}</text>'
        )
    for text, at in y_ticks:
        axes.append(
            f'<text x="{_LEFT - 4}" y="{at + 3:.2f}" text-anchor="end">{_text(text)}</text>'
        )
    body = "".join((*axes, *parts))
    return _figure(
        name,
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{_text(caption)}">{body}'
        f"</svg>{legend}",
        caption,
    )


def _figure(name: str, body: str, caption: str) -> str:
    return (
        f'<figure data-chart="{_text(name)}">{body}'
        f"<figcaption>{_text(caption)}</figcaption></figure>"
    )


def _text(text: str) -> str:
    return escape(shown(text))


def _rate(value: float) -> str:
    for unit, factor in (("T", 1e12), ("G", 1e9), ("M", 1e6)):
        if value >= factor:
            return f"{value / factor:g} {unit}"
    return f"{value:g}"
