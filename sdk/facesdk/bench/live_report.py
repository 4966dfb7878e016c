"""What ``facesdk bench live`` found, and how it is shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from facesdk.bench.report.elements import (
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
from facesdk.tracing import STAGE


@dataclass(frozen=True, slots=True)
class LiveCase:
    """One camera, stream or film.

    Attributes:
        name: What it is.
        width: Width of its pictures in pixels.
        height: Height of them.
        paced: Whether pictures come when they happen: then the rate is the camera's at most.
        stages: Times of each stage, of the pictures in which it ran.
        frame: Times of whole pictures, without reading them, which another thread does.
        samples: Each of those, in milliseconds.
        seconds: From opening it to its end.
        cpu_seconds: Of processors that the process used meanwhile, reading included.
        frames: Pictures that were looked at.
        dropped: Pictures that came meanwhile and were not.
        visits: People who were seen.
        names: How often somebody got a name.
    """

    name: str
    width: int
    height: int
    paced: bool
    stages: dict[str, Distribution]
    frame: Distribution
    samples: Times
    seconds: float
    cpu_seconds: float
    frames: int
    dropped: int
    visits: int
    names: int

    @property
    def fps(self) -> float:
        """Pictures that were looked at per second."""
        return self.frames / self.seconds if self.seconds > 0 else 0.0

    @property
    def parts(self) -> dict[str, Distribution]:
        """Each stage, and whole pictures."""
        return {**self.stages, "frame": self.frame}

    def to_dict(self) -> dict[str, Any]:
        """All of it."""
        return {
            "name": self.name,
            "width": self.width,
            "height": self.height,
            "paced": self.paced,
            "stages_ms": {name: row.to_dict() for name, row in self.stages.items()},
            "latency_ms": self.frame.to_dict(),
            "samples_ms": [round(float(ms), 4) for ms in self.samples],
            "seconds": round(self.seconds, 4),
            "cpu_seconds": round(self.cpu_seconds, 4),
            "fps": round(self.fps, 3),
            "frames": self.frames,
            "dropped": self.dropped,
            "visits": self.visits,
            "names": self.names,
        }


@dataclass(frozen=True, slots=True)
class LiveReport:
    """Live recognition on several films.

    Attributes:
        setting: How it was measured.
        model: Name of the recognition model.
        model_id: SHA-256 of its file.
        min_face: Side of the smallest face looked for, in pixels.
        detector: Identifies what found the faces, with its weights and settings.
        templates: How many the gallery has; None without one.
        cases: The films.
        memory: Memory over the pictures of the last; None if unknown.
    """

    setting: Setting
    model: str
    model_id: str
    min_face: int
    detector: str
    templates: int | None
    cases: tuple[LiveCase, ...]
    memory: Memory | None

    @property
    def title(self) -> str:
        """What was measured."""
        return f"Live recognition with {self.model}"

    @property
    def facts(self) -> tuple[tuple[str, str], ...]:
        """With which model and gallery."""
        gallery = "none" if self.templates is None else f"{self.templates:,} templates"
        line = f"{self.model}, SHA-256 {self.model_id}, smallest face {self.min_face} px"
        return (("model", line), ("detector", self.detector), ("gallery", gallery))

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be known besides."""
        found = [f"{case.name}: nobody was seen" for case in self.cases if not case.visits]
        wanted = self.setting.policy.runs
        found += [
            f"{case.name}: it ended after {case.frames + case.dropped} of {wanted} pictures, so "
            "whether memory grows is not known"
            for case in self.cases[-1:]
            if case.frames + case.dropped < wanted
        ]
        if self.templates is None:
            found.append("without a gallery: nobody was assessed, embedded or identified")
        return tuple(found)

    @property
    def flags(self) -> tuple[Flag, ...]:
        """Why the figures may not be quoted; empty if they may.

        Whole pictures are not judged by their spread: some are searched and others are not.
        """
        rows = [
            (f"{case.name}: {name}", case.stages[name])
            for case in self.cases
            for name in ("detect", "look")
            if name in case.stages
        ]
        return judge(self.setting, self.memory, rows)

    def to_dict(self) -> dict[str, Any]:
        """All of it, with its schema."""
        return {
            **self.setting.to_dict(),
            "kind": "live",
            "model": self.model,
            "sha256": self.model_id,
            "min_face": self.min_face,
            "detector": self.detector,
            "templates": self.templates,
            "cases": [case.to_dict() for case in self.cases],
            "memory": self.memory.to_dict() if self.memory else None,
            "flags": [flag.to_dict() for flag in self.flags],
            "notes": list(self.notes),
        }

    def tables(self) -> tuple[Table, ...]:
        """The stages of each film."""
        tables = [_table(case, self.setting.threads) for case in self.cases]
        if self.memory:
            remark = (
                f"memory: peak {mebibytes(self.memory.peak)}, growth "
                f"{self.memory.growth / 1024:+,.0f} KiB over the last one's pictures"
            )
            tables[-1] = replace(tables[-1], remarks=(*tables[-1].remarks, remark))
        return tuple(tables)

    def events(self) -> tuple[Track, ...]:
        """Each picture, laid one after the other without the waits between."""
        return tuple(Track(case.name, tuple(_pictures(case))) for case in self.cases)

    def charts(self) -> tuple[Section, ...]:
        """Each film."""
        line = f"Recognition model {self.model}, SHA-256 {self.model_id}."
        return (Section("", (line,), ()), *map(_section, self.cases))


def _pictures(case: LiveCase) -> Iterator[Event]:
    begin = 0.0
    for number, ms in enumerate(case.samples.tolist()):
        yield Event(f"picture {number}", STAGE, begin, 1e3 * ms)
        begin += 1e3 * ms


def _rate(case: LiveCase) -> str:
    limit = ", as the source gives them" if case.paced else ", as fast as this computer can"
    return (
        f"{case.fps:.1f} pictures per second{limit}, {case.frames / case.cpu_seconds:.1f} per "
        f"second of processor time; {case.frames} looked at, {case.dropped} dropped; "
        f"{case.visits} visits, {case.names} names"
    )


def _table(case: LiveCase, threads: int) -> Table:
    return Table(
        f"{case.name}: {case.width}x{case.height} pixels; ms",
        ("stage", *FIGURES),
        tuple((name, *figures(row)) for name, row in case.parts.items()),
        remarks=(_rate(case),),
        records=tuple(
            {
                "section": "stage",
                "subject": case.name,
                "name": name,
                "shape": f"{case.width}x{case.height}",
                "threads": threads,
                "count": case.visits,
                **times(row),
            }
            for name, row in case.parts.items()
        ),
    )


def _section(case: LiveCase) -> Section:
    per_picture = {
        name: row.mean * row.n / case.frames for name, row in case.stages.items() if name != "read"
    }
    return Section(
        case.name,
        (f"{case.width}x{case.height} pixels.", _rate(case)),
        (
            Figures(tuple(case.parts.items())),
            one_after_the_other(per_picture, "Mean of each stage per picture."),
            Histogram(case.frame, case.samples),
        ),
    )
