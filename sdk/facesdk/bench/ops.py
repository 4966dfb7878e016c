"""``facesdk bench ops MODEL``: each different operator of a model, alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facesdk.bench.network_part import constant_operators, time_operators
from facesdk.bench.report.elements import (
    OTHER,
    Duration,
    Durations,
    Event,
    Figures,
    Record,
    Section,
    Table,
    Track,
)
from facesdk.bench.report.report import Setting, judge, now
from facesdk.bench.report.spreadsheet import times, work
from facesdk.errors import InputError
from facesdk.measure.conditions import Conditions, read_conditions
from facesdk.measure.distribution import Distribution, Times
from facesdk.measure.environment import describe_environment
from facesdk.measure.flags import Flag
from facesdk.measure.timing import Clock, Policy
from facesdk.models.bundle import ModelBundle
from facesdk.progress import Progress, unwatched
from facesdk.tflite.graph import Graph, Operator
from facesdk.tflite.macs import Macs, bytes_moved, multiplied
from facesdk.tflite.operators import CUSTOM_OPERATORS

_HEAVY = 0.05
_COLUMNS = (
    "operator", "shape", "weights", "count", "min ms", "median ms", "p90 ms", "bits", "Gop/s",
    "kernels",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ShapeTimes:
    """Operators of one kind and shape.

    Attributes:
        operator: The first of them.
        shape: What goes in and comes out.
        filter: Shape of its weights; empty if it has none.
        count: How many there are in the model.
        kernels: Who computes it: ``"facesdk neon"`` or the name of the runtime.
        latency: The time of one, alone, its weights and input in the caches.
    """

    operator: Operator
    shape: str
    filter: tuple[int, ...]
    count: int
    kernels: str
    latency: Distribution

    @property
    def multiplied(self) -> Macs:
        """Multiply-adds of one run, by the bits that are multiplied."""
        return multiplied(self.operator)

    @property
    def rate(self) -> float | None:
        """Operations per second, two for each multiply-add, at the median; None without any."""
        median, macs = self.latency.median, self.multiplied.count
        return 2e3 * macs / median if macs and median > 0 else None

    def to_dict(self) -> dict[str, Any]:
        """All of it."""
        return {
            "name": self.operator.name,
            "operator": self.operator.index,
            "shape": self.shape,
            "filter": list(self.filter),
            "count": self.count,
            "kernels": self.kernels,
            "macs": self.multiplied.count,
            "width": self.multiplied.width,
            "bytes": bytes_moved(self.operator),
            "ops_per_second": None if self.rate is None else round(self.rate),
            "latency_ms": self.latency.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class OpsReport:
    """The operators of a model, each alone.

    Attributes:
        setting: How it was measured.
        name: Name of the model.
        sha256: SHA-256 of its file.
        call_ms: What calling an empty network takes; it is subtracted from all times.
        shapes: The operators, those that take most of the model's time first.
        notes: What could not be measured.
    """

    setting: Setting
    name: str
    sha256: str
    call_ms: float
    shapes: tuple[ShapeTimes, ...]
    notes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """What was measured."""
        return f"Operators of {self.name}, each alone"

    @property
    def facts(self) -> tuple[tuple[str, str], ...]:
        """Nothing: the table says which model it is."""
        return ()

    @property
    def flags(self) -> tuple[Flag, ...]:
        """Why the figures may not be quoted; empty if they may.

        Spread counts for operators that take 5 % of all or more: a call of the runtime is as long
        as the smallest, and spreads by itself.
        """
        whole = sum(row.count * row.latency.median for row in self.shapes)
        heavy = [
            (f"{row.operator.name} {row.shape}", row.latency)
            for row in self.shapes
            if row.count * row.latency.median >= _HEAVY * whole
        ]
        return judge(self.setting, None, heavy)

    def to_dict(self) -> dict[str, Any]:
        """All of it, with its schema."""
        return {
            **self.setting.to_dict(),
            "kind": "ops",
            "model": self.name,
            "sha256": self.sha256,
            "call_ms": round(self.call_ms, 5),
            "shapes": [row.to_dict() for row in self.shapes],
            "flags": [flag.to_dict() for flag in self.flags],
            "notes": list(self.notes),
        }

    def tables(self) -> tuple[Table, ...]:
        """The operators."""
        rows = tuple(
            (
                row.operator.name,
                row.shape,
                "x".join(map(str, row.filter)),
                str(row.count),
                f"{row.latency.minimum:.4f}",
                f"{row.latency.median:.4f}",
                "" if row.latency.p90 is None else f"{row.latency.p90:.4f}",
                row.multiplied.width or "",
                "" if row.rate is None else f"{row.rate / 1e9:.1f}",
                row.kernels,
            )
            for row in self.shapes
        )
        remark = (
            f"n {self.setting.policy.runs}; calling the runtime takes {self.call_ms:.4f} ms, which "
            "is subtracted. Sorted by count x median. Weights and input are in the caches, so that "
            "the sum is less than a run of the network."
        )
        return (
            Table(
                f"{self.name}: each operator alone",
                _COLUMNS,
                rows,
                words=3,
                remarks=(remark,),
                records=tuple(self._record(row) for row in self.shapes),
            ),
        )

    def events(self) -> tuple[Track, ...]:
        """The operators one after the other, each with its median."""
        events, at = [], 0.0
        for row in self.shapes:
            duration = 1e3 * row.latency.median
            details = {"shape": row.shape, "kernels": row.kernels, "count": row.count}
            events.append(Event(row.operator.name, "operator", at, duration, details))
            at += duration
        return (Track(self.name, tuple(events)),)

    def charts(self) -> tuple[Section, ...]:
        """The operators."""
        rows = tuple(
            Duration(
                row.operator.name,
                f"{row.latency.median:.4f} ms"
                + (f", {row.rate / 1e9:.1f} Gop/s" if row.rate else ""),
                row.latency.median,
                kind=row.multiplied.width or OTHER,
                detail=f"{row.count} times, {row.shape}, {row.kernels}",
            )
            for row in self.shapes
        )
        caption = (
            f"Median of each alone; calling the runtime ({self.call_ms:.4f} ms) is subtracted."
        )
        names = tuple((f"{row.operator.name} {row.shape}", row.latency) for row in self.shapes)
        return (Section("", (), (Durations("operators", rows, caption), Figures(names))),)

    def _record(self, row: ShapeTimes) -> Record:
        record = row.to_dict()
        return {
            "section": "shape",
            "subject": self.name,
            "threads": self.setting.threads,
            **{key: record[key] for key in ("name", "shape", "count", "kernels")},
            **work(record),
            **times(row.latency),
        }


def bench_ops(
    path: Path,
    policy: Policy,
    *,
    threads: int = 1,
    trust: bool = False,
    progress: Progress = unwatched,
) -> OpsReport:
    """Measure the different operators of a model, each as a network of its own, in turn.

    Args:
        path: The model.
        policy: How often.
        threads: Threads the runtime may use.
        trust: Whether to run the model without a probe (:mod:`facesdk.runtime.probe`).
        progress: Told what is being done.

    Raises:
        InputError: No operator of the model can be run alone.
        ModelError: The model is not usable.
    """
    environment = describe_environment()
    bundle = ModelBundle.load(path, trust=trust)
    graph = bundle.graph
    groups = _groups(graph)
    clock = Clock.measured()
    before = read_conditions()
    alone = time_operators(
        bundle,
        graph,
        [group[0] for group in groups],
        policy,
        threads=threads,
        tick=lambda done, total: progress(done, total, "operators"),
    )
    conditions = Conditions(before, read_conditions())
    call_ms = float(np.median(alone.empty)) if alone.empty is not None else 0.0
    kernels = f"facesdk {environment.kernel_path}"
    rows, missing = [], []
    for group in groups:
        operator = graph.operators[group[0]]
        row = alone.operators.get(operator.index)
        if row is None:
            missing.append(f"{operator.index} {operator.name}")
            continue
        rows.append(
            ShapeTimes(
                operator,
                operator.shape_text,
                _filter(operator),
                len(group),
                kernels if operator.name in CUSTOM_OPERATORS else environment.runtime,
                Distribution.of(_without(row, call_ms)),
            )
        )
    if not rows:
        raise InputError(f"no operator of {path} can be run alone")
    rows.sort(key=lambda row: -row.count * row.latency.median)
    notes = [f"the runtime does not run alone: {', '.join(missing)}"] if missing else []
    if alone.empty is None:
        notes.append("the runtime runs no empty network, so the times contain a call of it")
    setting = Setting(now(), environment, conditions, clock, policy, threads)
    return OpsReport(setting, bundle.name, bundle.sha256, call_ms, tuple(rows), tuple(notes))


def _groups(graph: Graph) -> list[list[int]]:
    """Places of the operators of each kind and shape; those of constants alone are left out."""
    constant = constant_operators(graph)
    groups: dict[tuple[object, ...], list[int]] = {}
    for operator in graph.operators:
        if operator.index in constant:
            continue
        shapes = tuple(
            "" if row is None else row.text for row in (*operator.inputs, *operator.outputs)
        )
        groups.setdefault((operator.name, shapes, operator.raw_options), []).append(operator.index)
    return list(groups.values())


def _filter(operator: Operator) -> tuple[int, ...]:
    return operator.weights.shape if operator.weights is not None else ()


def _without(times: Times, call_ms: float) -> Times:
    return np.maximum(times - call_ms, 0.0)
