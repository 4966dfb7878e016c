"""Charts as HTML and SVG text, for pages as narrow as a phone's.

A chart fills the width it gets. Its text is HTML, or, in an SVG, written for 340 units of width, so
that it can be read at 360 pixels. Colours are variables of the page.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from facesdk.measure.distribution import Times

_WIDTH, _HEIGHT = 340, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 8, 8, 30
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
        detail = f' <span class="dim">{escape(row.detail)}</span>' if row.detail else ""
        lines.append(
            f'<div class="row"><div class="what"><span>{escape(row.label)}{detail}</span>'
            f'<span>{escape(row.text)}</span></div><div class="track"><i class="{row.colour}" '
            f'style="left:{left:.3f}%;width:{width:.3f}%"></i></div></div>'
        )
    return _figure(name, "".join(lines), caption)


def histogram(samples: Times, marks: Iterable[tuple[str, float]], caption: str) -> str:
    """How often which time was measured.

    Args:
        samples: Times in milliseconds, at least one. Those above the 99th percentile are counted in
            the last bar.
        marks: Lines to draw: a label and where.
        caption: What it shows.
    """
    low, high = float(samples.min()), float(np.percentile(samples, 99))
    if high <= low:
        high = low + max(low * 0.01, 1e-6)
    counts, edges = np.histogram(np.minimum(samples, high), _BINS, (low, high))
    x, y = _Axis(low, high, _LEFT, _WIDTH - _RIGHT), _Axis(0, max(counts), _HEIGHT - _BOTTOM, _TOP)
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
            f"{escape(label)}</text>"
        )
    ticks = [(f"{value:.4g} ms", x(value)) for value in np.linspace(low, high, 4)]
    return _plot(
        "histogram", parts, ticks, [("0", y(0)), (str(max(counts)), y(max(counts)))], caption
    )


def roofline(
    points: Sequence[tuple[str, str, float, float]],
    memory: float,
    roofs: Sequence[tuple[str, str, float]],
    caption: str,
) -> str:
    """Operations a second against operations a byte, both logarithmic.

    Args:
        points: Of each operator a label, a colour, operations a byte and operations a second.
        memory: Bytes a second that memory gives.
        roofs: Of each kind of operation a label, a colour and the operations a second at most.
        caption: What it shows.
    """
    intensities = [point[2] for point in points] or [1.0]
    rates = [*(point[3] for point in points), *(roof[2] for roof in roofs)]
    ridge = max(roof[2] for roof in roofs) / memory
    x = _LogAxis(min([*intensities, 1.0]), max([*intensities, 2 * ridge]), _LEFT, _WIDTH - _RIGHT)
    y = _LogAxis(min(rates), max(rates), _HEIGHT - _BOTTOM, _TOP)
    parts = [f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{at:.2f}" y2="{at:.2f}"/>'
             for _, at in y.ticks()]  # fmt: skip
    for label, colour, roof in roofs:
        start = max(roof / memory, x.low)
        foot = max(x.low, y.low / memory)
        parts.append(
            f'<polyline fill="none" stroke="var(--{colour})" points="'
            f"{x(foot):.2f},{y(foot * memory):.2f} {x(start):.2f},{y(roof):.2f} "
            f'{x(x.high):.2f},{y(roof):.2f}"/><text text-anchor="end" x="{_WIDTH - _RIGHT}" '
            f'y="{y(roof) - 3:.2f}">{escape(label)}</text>'
        )
    for label, colour, intensity, rate in points:
        parts.append(
            f'<circle cx="{x(intensity):.2f}" cy="{y(rate):.2f}" r="3" fill="var(--{colour})" '
            f'fill-opacity=".7"><title>{escape(label)}</title></circle>'
        )
    ticks = [(f"{value:g}", at) for value, at in x.ticks()]
    return _plot("roofline", parts, ticks, [(_rate(value), at) for value, at in y.ticks()], caption)


class _Axis:
    """A linear scale from values to places."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self.low, self.high, self.start, self.end = low, high, start, end

    def __call__(self, value: float) -> float:
        share = (value - self.low) / ((self.high - self.low) or 1.0)
        return self.start + share * (self.end - self.start)


class _LogAxis(_Axis):
    """A logarithmic one, that ends at powers of ten."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        bottom = 10.0 ** math.floor(math.log10(max(low, 1e-9)))
        top = 10.0 ** math.ceil(math.log10(max(high, bottom * 1.01)))
        super().__init__(bottom, top, start, end)

    def __call__(self, value: float) -> float:
        share = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[tuple[float, float]]:
        """Powers of ten and their places."""
        first, last = round(math.log10(self.low)), round(math.log10(self.high))
        return [(10.0**power, self(10.0**power)) for power in range(first, last + 1)]


def _plot(
    name: str,
    parts: Iterable[str],
    x_ticks: Iterable[tuple[str, float]],
    y_ticks: Iterable[tuple[str, float]],
    caption: str,
) -> str:
    base = _HEIGHT - _BOTTOM
    axes = [
        f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{base}" y2="{base}"/>',
        f'<line class="axis" x1="{_LEFT}" x2="{_LEFT}" y1="{_TOP}" y2="{base}"/>',
    ]
    for text, at in x_ticks:
        anchor = "end" if at > _WIDTH - 30 else "middle"
        axes.append(
            f'<text x="{at:.2f}" y="{base + 14}" text-anchor="{anchor}">{escape(text)}</text>'
        )
    for text, at in y_ticks:
        axes.append(
            f'<text x="{_LEFT - 4}" y="{at + 3:.2f}" text-anchor="end">{escape(text)}</text>'
        )
    body = "".join((*axes, *parts))
    return _figure(
        name,
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(caption)}">{body}'
        "</svg>",
        caption,
    )


def _figure(name: str, body: str, caption: str) -> str:
    return (
        f'<figure data-chart="{escape(name)}">{body}'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _rate(value: float) -> str:
    for unit, factor in (("T", 1e12), ("G", 1e9), ("M", 1e6)):
        if value >= factor:
            return f"{value / factor:g} {unit}"
    return f"{value:g}"
