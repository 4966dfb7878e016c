"""``facesdk bench MODEL...``: one model in full, or several in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facesdk.bench.cold_start import ColdStart, measure_cold_start
from facesdk.bench.network_profile import OperatorTable, profile_operators
from facesdk.bench.peaks import Peaks, measure_peaks
from facesdk.bench.report.report import Setting, judge, now
from facesdk.errors import InputError
from facesdk.measure.conditions import Conditions, read_conditions
from facesdk.measure.distribution import Distribution, Times
from facesdk.measure.environment import describe_environment
from facesdk.measure.flags import Flag
from facesdk.measure.inputs import random_inputs
from facesdk.measure.memory import Memory, MemoryWatch
from facesdk.measure.timing import Clock, Policy, measure
from facesdk.models.bundle import ModelBundle
from facesdk.runtime.interpreter import Interpreter
from facesdk.tflite.graph import read_graph

Progress = Callable[[str, int, int], object]
"""Called with what is being done, the steps done and those to do."""


@dataclass(frozen=True, slots=True)
class ThreadTime:
    """A network with a number of threads.

    Attributes:
        threads: Threads it might use.
        latency: Its times.
    """

    threads: int
    latency: Distribution


@dataclass(frozen=True, slots=True)
class ModelTimes:
    """One model.

    Attributes:
        name: Its name.
        path: Its file.
        sha256: SHA-256 of the file.
        size: Bytes of the file, unpacked.
        packed_size: Bytes of the container it was read from; None for a plain file.
        macs: Multiply-adds by bit-width.
        latency: A whole run: input copied in, network, output copied out.
        samples: Each run of ``latency``, in milliseconds.
        cold_start: A fresh process; None if it was not measured.
        operators: Where the time goes; None if it was not measured.
        scaling: With other numbers of threads; empty if not measured.
    """

    name: str
    path: Path
    sha256: str
    size: int
    packed_size: int | None
    macs: dict[str, int]
    latency: Distribution
    samples: Times
    cold_start: ColdStart | None
    operators: OperatorTable | None
    scaling: tuple[ThreadTime, ...]

    @property
    def rate(self) -> float:
        """Operations a second, two for each multiply-add of any width, at the median."""
        return 2e3 * sum(self.macs.values()) / self.latency.median

    def to_dict(self) -> dict[str, Any]:
        """All of it."""
        return {
            "name": self.name,
            "path": str(self.path),
            "sha256": self.sha256,
            "bytes": self.size,
            "packed_bytes": self.packed_size,
            "macs": self.macs,
            "ops_per_second": round(self.rate),
            "latency_ms": self.latency.to_dict(),
            "samples_ms": [round(float(ms), 4) for ms in self.samples],
            "cold_start": self.cold_start.to_dict() if self.cold_start else None,
            "operators": self.operators.to_dict() if self.operators else None,
            "scaling": [
                {"threads": row.threads, "latency_ms": row.latency.to_dict()}
                for row in self.scaling
            ],
        }


@dataclass(frozen=True, slots=True)
class ModelReport:
    """One model or several.

    Attributes:
        setting: How it was measured.
        models: The models; the first is what the others are compared with.
        memory: Memory of the process over the timed runs of all models; None if unknown.
        peaks: What the computer can do at most; None if it was not measured.
        notes: What could not be measured, and why.
    """

    setting: Setting
    models: tuple[ModelTimes, ...]
    memory: Memory | None
    peaks: Peaks | None = None
    notes: tuple[str, ...] = ()

    @property
    def flags(self) -> tuple[Flag, ...]:
        """Why the figures may not be quoted; empty if they may."""
        rows = [(model.name, model.latency) for model in self.models]
        rows += [
            (f"{model.name} with {row.threads} threads", row.latency)
            for model in self.models
            for row in model.scaling
        ]
        return judge(self.setting, self.memory, rows)

    def ratio(self, model: ModelTimes) -> tuple[float, float]:
        """How often a model's minimum and median contain those of the first one."""
        first = self.models[0].latency
        return model.latency.minimum / first.minimum, model.latency.median / first.median

    def to_dict(self) -> dict[str, Any]:
        """All of it, with its schema."""
        return {
            **self.setting.to_dict(),
            "kind": "models",
            "models": [model.to_dict() for model in self.models],
            "ratios": [
                {
                    "name": model.name,
                    "minimum": round(self.ratio(model)[0], 4),
                    "median": round(self.ratio(model)[1], 4),
                }
                for model in self.models[1:]
            ],
            "memory": self.memory.to_dict() if self.memory else None,
            "peaks": self.peaks.to_dict() if self.peaks else None,
            "flags": [flag.to_dict() for flag in self.flags],
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class Parts:
    """What to measure besides latency.

    Attributes:
        cold_start: Fresh processes to start for each model, 0 or more.
        operators: Whether to measure operators.
        threads: Numbers of threads to sweep over.
        peaks: Whether to measure what the computer can do at most.
    """

    cold_start: int = 3
    operators: bool = True
    threads: tuple[int, ...] = ()
    peaks: bool = False


def bench_models(
    paths: Sequence[Path],
    policy: Policy,
    *,
    threads: int = 1,
    parts: Parts | None = None,
    progress: Progress | None = None,
) -> ModelReport:
    """Measure models; several take turns.

    Args:
        paths: Their files, at least one.
        policy: How often to run each.
        threads: Threads each network may use.
        parts: What else to measure; None for all but the sweep over threads.
        progress: Told what is being done.

    Raises:
        InputError: There is no model, or an option is out of its range.
        ModelError: A model is not usable.
        RuntimeUnavailableError: No runtime is installed.
    """
    parts = parts or Parts()
    if not paths:
        raise InputError("no model to measure")
    environment = describe_environment()
    bundles = [ModelBundle.load(path) for path in paths]
    names = _names(bundles)
    notes: list[str] = []
    cold = [_cold_start(bundle, threads, parts.cold_start, notes, progress) for bundle in bundles]
    calls = {name: _call(bundle, threads) for name, bundle in zip(names, bundles, strict=True)}
    watch = MemoryWatch()

    def tick(done: int, total: int) -> None:
        watch.tick(done, total)
        if progress:
            progress("runs", done, total)

    clock = Clock.measured()
    before = read_conditions()
    times = measure(calls, policy, tick)
    conditions = Conditions(before, read_conditions())
    memory = watch.result()
    models = tuple(
        ModelTimes(
            name,
            bundle.path,
            bundle.sha256,
            len(bundle.content),
            bundle.packed_bytes,
            read_graph(bundle.content).macs,
            Distribution.of(times[name]),
            times[name],
            start,
            _operators(bundle, environment.runtime, policy, threads, progress)
            if parts.operators
            else None,
            _scaling(bundle, policy, parts.threads, progress),
        )
        for name, bundle, start in zip(names, bundles, cold, strict=True)
    )
    later = Conditions(conditions.after, read_conditions())
    setting = Setting(now(), environment, conditions, clock, policy, threads, later)
    peaks = measure_peaks(threads) if parts.peaks else None
    return ModelReport(setting, models, memory, peaks, tuple(notes))


def _call(bundle: ModelBundle, threads: int) -> Callable[[], object]:
    interpreter = Interpreter(bundle, threads=threads)
    inputs = random_inputs(interpreter)
    return lambda: interpreter.run(*inputs)


def _names(bundles: Sequence[ModelBundle]) -> list[str]:
    """A name for each, with a number where two are called the same."""
    names: list[str] = []
    for bundle in bundles:
        name = bundle.name
        names.append(name if name not in names else f"{name} ({len(names) + 1})")
    return names


def _cold_start(
    bundle: ModelBundle,
    threads: int,
    processes: int,
    notes: list[str],
    progress: Progress | None,
) -> ColdStart | None:
    if processes == 0:
        return None
    if progress:
        progress("cold start", 0, processes)
    try:
        return measure_cold_start(bundle.path, threads=threads, processes=processes)
    except InputError as error:
        notes.append(f"cold start of {bundle.path.name} not measured: {error}")
        return None


def _operators(
    bundle: ModelBundle, runtime: str, policy: Policy, threads: int, progress: Progress | None
) -> OperatorTable:
    return profile_operators(
        bundle,
        runtime,
        policy,
        threads=threads,
        tick=(lambda done, total: progress("operators", done, total)) if progress else None,
    )


def _scaling(
    bundle: ModelBundle, policy: Policy, counts: Sequence[int], progress: Progress | None
) -> tuple[ThreadTime, ...]:
    """The model with several numbers of threads, in turn."""
    if not counts:
        return ()
    calls = {str(count): _call(bundle, count) for count in sorted(set(counts))}
    times = measure(
        calls,
        policy,
        (lambda done, total: progress("threads", done, total)) if progress else None,
    )
    return tuple(ThreadTime(int(key), Distribution.of(row)) for key, row in times.items())
