"""What ``facesdk bench pipeline`` found, and how it is shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from facesdk.bench.report.elements import (
    Chart,
    Duration,
    Durations,
    Event,
    Figures,
    Histogram,
    Section,
    Table,
    Track,
    one_after_the_other,
)
from facesdk.bench.report.report import Setting, judge
from facesdk.bench.report.spreadsheet import times
from facesdk.bench.report.words import FIGURES, figures, mebibytes
from facesdk.measure.distribution import Distribution, Times
from facesdk.measure.flags import Flag
from facesdk.measure.memory import Memory
from facesdk.tracing import STAGE, Span


@dataclass(frozen=True, slots=True)
class CaseTimes:
    """The pipeline on one case.

    Attributes:
        name: The case.
        width: Width of its (last) image in pixels.
        height: Height of it.
        faces: Fewest and most faces found in a run.
        stages: Times of each stage, for all faces of an image together.
        total: Times of the stages together.
        samples: Each run of ``total``, in milliseconds.
        spans: The spans of one more run, with the networks and operators in the stages.
    """

    name: str
    width: int
    height: int
    faces: tuple[int, int]
    stages: dict[str, Distribution]
    total: Distribution
    samples: Times
    spans: tuple[Span, ...]

    def to_dict(self) -> dict[str, Any]:
        """All of it."""
        return {
            "name": self.name,
            "width": self.width,
            "height": self.height,
            "faces": list(self.faces),
            "stages_ms": {name: row.to_dict() for name, row in self.stages.items()},
            "latency_ms": self.total.to_dict(),
            "samples_ms": [round(float(ms), 4) for ms in self.samples],
            "spans": [span.to_dict() for span in self.spans],
        }

    @property
    def found(self) -> str:
        """How many faces were found, in words."""
        low, high = self.faces
        return str(low) if low == high else f"{low} to {high}"

    @property
    def parts(self) -> dict[str, Distribution]:
        """Each stage, and all of them together."""
        return {**self.stages, "total": self.total}


@dataclass(frozen=True, slots=True)
class PipelineReport:
    """The pipeline on several cases.

    Attributes:
        setting: How it was measured.
        model: Name of the recognition model.
        model_id: SHA-256 of its file.
        min_face: Side of the smallest face looked for, in pixels.
        detector: Identifies what found the faces, with its weights and settings.
        cases: The cases.
        memory: Memory over the timed runs of the last case; None if unknown.
        notes: What is to be known besides.
    """

    setting: Setting
    model: str
    model_id: str
    min_face: int
    detector: str
    cases: tuple[CaseTimes, ...]
    memory: Memory | None
    notes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What was measured."""
        return f"Latency of the pipeline with {self.model}"

    @property
    def facts(self) -> tuple[tuple[str, str], ...]:
        """With which model."""
        line = f"{self.model}, SHA-256 {self.model_id}, smallest face {self.min_face} px"
        return (("model", line), ("detector", self.detector))

    @property
    def flags(self) -> tuple[Flag, ...]:
        """Why the figures may not be quoted; empty if they may."""
        return judge(self.setting, self.memory, [(case.name, case.total) for case in self.cases])

    def to_dict(self) -> dict[str, Any]:
        """All of it, with its schema."""
        return {
            **self.setting.to_dict(),
            "kind": "pipeline",
            "model": self.model,
            "sha256": self.model_id,
            "min_face": self.min_face,
            "detector": self.detector,
            "cases": [case.to_dict() for case in self.cases],
            "memory": self.memory.to_dict() if self.memory else None,
            "flags": [flag.to_dict() for flag in self.flags],
            "notes": list(self.notes),
        }

    def tables(self) -> tuple[Table, ...]:
        """The stages of each case."""
        tables = [_table(case, self.setting.threads) for case in self.cases]
        if self.memory:
            remark = (
                f"memory: peak {mebibytes(self.memory.peak)}, growth "
                f"{self.memory.growth / 1024:+,.0f} KiB over the last case's runs"
            )
            tables[-1] = replace(tables[-1], remarks=(remark,))
        return tuple(tables)

    def events(self) -> tuple[Track, ...]:
        """The spans of one run of each case, as they were."""
        return tuple(Track(case.name, tuple(_events(case))) for case in self.cases)

    def charts(self) -> tuple[Section, ...]:
        """Each case."""
        line = (
            f"Recognition model {self.model}, SHA-256 {self.model_id}; smallest face "
            f"{self.min_face} pixels; detector {self.detector}."
        )
        return (Section("", (line,), ()), *map(_section, self.cases))


def _table(case: CaseTimes, threads: int) -> Table:
    return Table(
        f"{case.name}: {case.width}x{case.height} pixels, faces found: {case.found}; ms",
        ("stage", *FIGURES, "% (median)"),
        tuple(
            (name, *figures(row), f"{100 * row.median / case.total.median:.1f}")
            for name, row in case.parts.items()
        ),
        records=tuple(
            {
                "section": "stage",
                "subject": case.name,
                "name": name,
                "shape": f"{case.width}x{case.height}",
                "threads": threads,
                "count": case.faces[1],
                **times(row),
            }
            for name, row in case.parts.items()
        ),
    )


def _events(case: CaseTimes) -> Iterator[Event]:
    begin = min((span.start_ns for span in case.spans), default=0)
    for span in case.spans:
        details = {"kernels": span.kernels} if span.kernels else {}
        yield Event(span.name, span.kind, (span.start_ns - begin) / 1e3, 1e3 * span.ms, details)


def _section(case: CaseTimes) -> Section:
    medians = {name: row.median for name, row in case.stages.items()}
    charts: list[Chart] = [
        Figures(tuple(case.parts.items())),
        one_after_the_other(medians, "Median of each stage, for all faces together."),
    ]
    spans = [span for span in case.spans if span.kind == STAGE or span.depth == 1]
    if spans:
        begin = min(span.start_ns for span in spans)
        rows = tuple(
            Duration(
                "\u2003" * span.depth + span.name,
                f"{span.ms:.3f} ms",
                span.ms,
                (span.start_ns - begin) / 1e6,
                span.kind,
            )
            for span in spans
        )
        caption = "One run as it was, with the networks in the stages."
        charts.append(Durations("spans", rows, caption))
    charts.append(Histogram(case.total, case.samples))
    line = f"{case.width}x{case.height} pixels, faces found: {case.found}"
    return Section(case.name, (line,), tuple(charts))
