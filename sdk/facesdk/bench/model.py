"""``facesdk bench MODEL...``: one model in full, or several in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from facesdk.bench.cold_start import ColdStart, measure_cold_start
from facesdk.bench.model_report import ModelReport, ModelTimes, ThreadTime
from facesdk.bench.network_profile import OperatorTable, profile_operators
from facesdk.bench.peaks import measure_peaks
from facesdk.bench.report.report import Setting, now
from facesdk.errors import InputError
from facesdk.measure.conditions import Conditions, read_conditions
from facesdk.measure.distribution import Distribution
from facesdk.measure.environment import describe_environment
from facesdk.measure.memory import MemoryWatch
from facesdk.measure.timing import Clock, Policy, measure
from facesdk.models.bundle import ModelBundle
from facesdk.progress import Progress, unwatched
from facesdk.runtime.inputs import random_inputs
from facesdk.runtime.interpreter import Interpreter
from facesdk.runtime.probe import require_safe
from facesdk.tflite import macs


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
    trust: bool = False,
    progress: Progress = unwatched,
) -> ModelReport:
    """Measure models; several take turns.

    Args:
        paths: Their files, at least one.
        policy: How often to run each.
        threads: Threads each network may use.
        parts: What else to measure; None for all but the sweep over threads.
        trust: Whether to run the models without a probe (:mod:`facesdk.runtime.probe`).
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
    bundles = [ModelBundle.load(path, trust=trust) for path in paths]
    for bundle in bundles:
        require_safe(bundle)
    names = _names(bundles)
    notes: list[str] = []
    cold = [_cold_start(bundle, threads, parts.cold_start, notes, progress) for bundle in bundles]
    calls = {name: _call(bundle, threads) for name, bundle in zip(names, bundles, strict=True)}
    watch = MemoryWatch()

    def tick(done: int, total: int) -> None:
        watch.tick(done, total)
        progress(done, total, "runs")

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
            macs.totals(bundle.graph.operators, macs.multiplied),
            macs.totals(bundle.graph.operators, macs.stored),
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
    progress: Progress,
) -> ColdStart | None:
    if processes == 0:
        return None
    progress(0, processes, "cold start")
    try:
        return measure_cold_start(bundle.path, threads=threads, processes=processes)
    except InputError as error:
        notes.append(f"cold start of {bundle.path.name} not measured: {error}")
        return None


def _operators(
    bundle: ModelBundle, runtime: str, policy: Policy, threads: int, progress: Progress
) -> OperatorTable:
    return profile_operators(
        bundle,
        runtime,
        policy,
        threads=threads,
        progress=progress,
    )


def _scaling(
    bundle: ModelBundle, policy: Policy, counts: Sequence[int], progress: Progress
) -> tuple[ThreadTime, ...]:
    """The model with several numbers of threads, in turn."""
    if not counts:
        return ()
    calls = {str(count): _call(bundle, count) for count in sorted(set(counts))}
    times = measure(calls, policy, lambda done, total: progress(done, total, "threads"))
    return tuple(ThreadTime(int(key), Distribution.of(row)) for key, row in times.items())
