"""What reports consist of, as data: the renderers beside this module decide how it looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from facesdk.measure.distribution import Distribution, Times

Record = dict[str, Any]
"""A line of a spreadsheet: some of the columns of :mod:`facesdk.bench.report.spreadsheet`."""

BITS, FLOATS, OTHER = "1x1", "32x32", "other"
"""Kinds of arithmetic: bits by bits, float32 multiplications, all else."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table for people.

    Attributes:
        title: What stands above it; empty for nothing.
        columns: The headings.
        rows: The cells of each row.
        words: How many columns, from the first, hold words; the others hold numbers.
        remarks: Lines below it.
        records: What was timed, for spreadsheets: exact, and with more columns.
        long: Whether it is too long for a terminal unless it is asked for.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1
    remarks: tuple[str, ...] = ()
    records: tuple[Record, ...] = ()
    long: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """Something that ran from one moment to another.

    Attributes:
        name: What ran.
        kind: ``"stage"``, ``"network"`` or ``"operator"``.
        start_us: When it began, in microseconds since the first event of its track.
        duration_us: How long it ran, in microseconds.
        details: What else is known.
    """

    name: str
    kind: str
    start_us: float
    duration_us: float
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Track:
    """Events that follow each other or lie in each other.

    Attributes:
        name: What they are part of.
        events: The events.
    """

    name: str
    events: tuple[Event, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """Distributions below each other, every figure of each.

    Attributes:
        rows: Of each a name and its times.
    """

    rows: tuple[tuple[str, Distribution], ...]


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often which latency was measured.

    Attributes:
        latency: The distribution.
        samples: Its times in milliseconds.
    """

    latency: Distribution
    samples: Times


@dataclass(frozen=True, slots=True)
class Duration:
    """A time as a bar.

    Attributes:
        label: What took it.
        text: The time in words.
        ms: The time in milliseconds.
        start_ms: When it began.
        kind: What sets it apart by colour: :data:`BITS`, :data:`FLOATS`, :data:`OTHER`,
            ``"stage"``, ``"network"``, or nothing.
        detail: More about it, in few words.
    """

    label: str
    text: str
    ms: float
    start_ms: float = 0.0
    kind: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Durations:
    """Times as bars below each other.

    Attributes:
        name: What the chart is called.
        rows: The times.
        caption: What it shows.
    """

    name: str
    rows: tuple[Duration, ...]
    caption: str


@dataclass(frozen=True, slots=True)
class Roofline:
    """Operations per second over operations per byte.

    Attributes:
        points: Of each operator a label, its kind of arithmetic, operations per byte and operations
            per second.
        memory: Bytes per second that memory gives.
        roofs: Of each kind of arithmetic a label, the kind and the operations per second at most.
        caption: What it shows.
    """

    points: tuple[tuple[str, str, float, float], ...]
    memory: float
    roofs: tuple[tuple[str, str, float], ...]
    caption: str


Chart = Figures | Table | Histogram | Durations | Roofline


@dataclass(frozen=True, slots=True)
class Section:
    """Charts that belong together.

    Attributes:
        heading: What stands above them; empty for nothing.
        lines: Text below the heading.
        charts: The charts, in order.
    """

    heading: str
    lines: tuple[str, ...]
    charts: tuple[Chart, ...]


def one_after_the_other(stages: Mapping[str, float], caption: str) -> Durations:
    """Times that follow each other, each beginning where the one before it ends.

    Args:
        stages: Milliseconds of each, by name.
        caption: What the chart shows.
    """
    rows, at = [], 0.0
    for name, ms in stages.items():
        rows.append(Duration(name, f"{ms:.3f} ms", ms, at))
        at += ms
    return Durations("waterfall", tuple(rows), caption)
