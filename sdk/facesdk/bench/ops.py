"""``facesdk bench ops MODEL``: each different operator of a model, alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from facesdk.bench.model import Progress
from facesdk.bench.report.report import Setting, judge, now
from facesdk.bench.single_operator import constant_operators, time_operators
from facesdk.errors import InputError
from facesdk.measure.conditions import Conditions, read_conditions
from facesdk.measure.distribution import Distribution, Times
from facesdk.measure.environment import describe_environment
from facesdk.measure.flags import Flag
from facesdk.measure.timing import Clock, Policy
from facesdk.models.bundle import ModelBundle
from facesdk.runtime import operator_library
from facesdk.tflite.graph import Graph, Operator, read_graph

_HEAVY = 0.05


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
    def rate(self) -> float | None:
        """Operations a second, two for each multiply-add, at the median; None without any."""
        median = self.latency.median
        return 2e3 * self.operator.macs / median if self.operator.macs and median > 0 else None

    def to_dict(self) -> dict[str, Any]:
        """All of it."""
        return {
            "name": self.operator.name,
            "shape": self.shape,
            "filter": list(self.filter),
            "count": self.count,
            "kernels": self.kernels,
            "macs": self.operator.macs,
            "width": self.operator.width,
            "bytes": self.operator.moved,
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


def bench_ops(
    path: Path, policy: Policy, *, threads: int = 1, progress: Progress | None = None
) -> OpsReport:
    """Measure the different operators of a model, each as a network of its own, in turn.

    Args:
        path: The model.
        policy: How often.
        threads: Threads the runtime may use.
        progress: Told what is being done.

    Raises:
        InputError: No operator of the model can be run alone.
        ModelError: The model is not usable.
    """
    environment = describe_environment()
    bundle = ModelBundle.load(path)
    graph = read_graph(bundle.content)
    groups = _groups(graph)
    clock = Clock.measured()
    before = read_conditions()
    tick = (lambda done, total: progress("operators", done, total)) if progress else None
    times = time_operators(
        bundle, graph, [group[0] for group in groups], policy, threads=threads, tick=tick
    )
    conditions = Conditions(before, read_conditions())
    call_ms = float(np.median(times.empty)) if times.empty is not None else 0.0
    kernels = f"facesdk {environment.kernel_path}"
    rows, missing = [], []
    for group in groups:
        operator = graph.operators[group[0]]
        row = times.operators.get(operator.index)
        if row is None:
            missing.append(f"{operator.index} {operator.name}")
            continue
        rows.append(
            ShapeTimes(
                operator,
                graph.shape_text(operator),
                _filter(graph, operator),
                len(group),
                kernels if operator.name in operator_library.OPERATORS else environment.runtime,
                Distribution.of(_without(row, call_ms)),
            )
        )
    if not rows:
        raise InputError(f"no operator of {path} can be run alone")
    rows.sort(key=lambda row: -row.count * row.latency.median)
    notes = [f"the runtime does not run alone: {', '.join(missing)}"] if missing else []
    if times.empty is None:
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
            graph.tensors[i].text if i >= 0 else "" for i in (*operator.inputs, *operator.outputs)
        )
        groups.setdefault((operator.name, shapes, operator.options), []).append(operator.index)
    return list(groups.values())


def _filter(graph: Graph, operator: Operator) -> tuple[int, ...]:
    weights = [graph.tensors[i] for i in operator.inputs[1:2] if i >= 0]
    return weights[0].shape if operator.width and weights else ()


def _without(times: Times, call_ms: float) -> Times:
    return np.maximum(times - call_ms, 0.0)
