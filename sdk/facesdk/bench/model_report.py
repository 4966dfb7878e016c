"""What ``facesdk bench MODEL...`` found, and how it is shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facesdk.bench.cold_start import ColdStart
from facesdk.bench.network_profile import (
    FOLDED,
    FUSED,
    MEASURED,
    SHARED,
    OperatorTable,
    OperatorTime,
)
from facesdk.bench.peaks import Peaks
from facesdk.bench.report.elements import (
    BITS,
    FLOATS,
    OTHER,
    Chart,
    Duration,
    Durations,
    Event,
    Figures,
    Histogram,
    Record,
    Roofline,
    Section,
    Table,
    Track,
    one_after_the_other,
)
from facesdk.bench.report.report import Setting, judge
from facesdk.bench.report.spreadsheet import times, work
from facesdk.bench.report.words import FIGURES, figures, mebibytes
from facesdk.measure.distribution import Distribution, Times
from facesdk.measure.flags import Flag
from facesdk.measure.memory import Memory

_MARKS = {SHARED: "~", FUSED: "+", FOLDED: "-"}
_FOUND = {
    MEASURED: "measured in place",
    SHARED: "share of a measured stretch, by differences",
    FUSED: "inside the operator before it that is ours",
    FOLDED: "constant",
}


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
        macs: Multiply-adds of one run by the bits that are multiplied, for the file's batch.
        stored_macs: Multiply-adds of one input by the bits of weights as they are stored.
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
    stored_macs: dict[str, int]
    latency: Distribution
    samples: Times
    cold_start: ColdStart | None
    operators: OperatorTable | None
    scaling: tuple[ThreadTime, ...]

    @property
    def rate(self) -> float:
        """Operations per second, two for each multiply-add of any width, at the median."""
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
            "stored_macs": self.stored_macs,
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
    def title(self) -> str:
        """What was measured."""
        return f"Latency of {', '.join(model.name for model in self.models)}"

    @property
    def facts(self) -> tuple[tuple[str, str], ...]:
        """Nothing: the tables say what the models are."""
        return ()

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

    def tables(self) -> tuple[Table, ...]:
        """All models beside each other, then of each its threads and its operators."""
        return tuple(self._tables())

    def _tables(self) -> Iterator[Table]:
        first, several = self.models[0], len(self.models) > 1
        yield Table(
            "Latency, ms",
            ("model", *FIGURES, *((f"min / {first.name}", "median /") if several else ())),
            tuple(
                (
                    model.name,
                    *figures(model.latency),
                    *((f"{ratio:.2f}" for ratio in self.ratio(model)) if several else ()),
                )
                for model in self.models
            ),
            remarks=(*map(_in_words, self.models), *self._computer()),
            records=tuple(self._record(model) for model in self.models),
        )
        for model in self.models:
            if model.scaling:
                yield _threads_table(model)
            if model.operators:
                yield _kinds_table(model, model.operators)
                yield _operators_table(model, model.operators, self.setting.threads)

    def events(self) -> tuple[Track, ...]:
        """Of each model its operators one after the other, with their mean times."""
        return tuple(Track(model.name, tuple(_events(model))) for model in self.models)

    def charts(self) -> tuple[Section, ...]:
        """All models beside each other, then each by itself."""
        latencies: list[Chart] = [Figures(tuple((row.name, row.latency) for row in self.models))]
        if len(self.models) > 1:
            rows = tuple(
                (model.name, *(f"{ratio:.2f}" for ratio in self.ratio(model)))
                for model in self.models
            )
            latencies.append(Table("", ("", "min / first", "median / first"), rows))
        sections = (
            Section(
                model.name,
                (
                    f"{model.size:,} bytes, SHA-256 {model.sha256}",
                    f"multiply-adds {_multiplied(model)}",
                    f"multiply-adds {_stored(model)}",
                    f"{model.rate / 1e9:.1f} G operations per second",
                ),
                tuple(_charts(model, self.peaks)),
            )
            for model in self.models
        )
        return (Section("Latency, ms", (), tuple(latencies)), *sections)

    def _computer(self) -> Iterator[str]:
        """What was measured besides the models, in words."""
        if self.memory:
            memory = self.memory
            yield (
                f"memory: peak {mebibytes(memory.peak)}, at the first timed run "
                f"{mebibytes(memory.start)}, growth {memory.growth / 1024:+,.0f} KiB over the runs"
            )
        if self.peaks:
            peaks = self.peaks
            binary = f", 1 bit {peaks.binary / 1e9:.0f} Gop/s" if peaks.binary else ""
            yield (
                f"roofs of this computer, {peaks.threads} thread(s): memory "
                f"{peaks.memory / 1e9:.1f} GB/s, float32 {peaks.float32 / 1e9:.0f} Gop/s{binary}"
            )

    def _record(self, model: ModelTimes) -> Record:
        return {
            "section": "latency",
            "subject": model.name,
            "threads": self.setting.threads,
            "macs": sum(model.macs.values()),
            "bytes": model.size,
            "ops_per_second": round(model.rate),
            **times(model.latency),
        }


def _in_words(model: ModelTimes) -> str:
    packed = f" ({model.packed_size:,} packed)" if model.packed_size else ""
    text = (
        f"{model.name}: {model.size:,} bytes{packed}, SHA-256 {model.sha256}\n"
        f"  multiply-adds {_multiplied(model)}\n"
        f"  multiply-adds {_stored(model)}\n"
        f"  {model.rate / 1e9:.1f} G operations per second"
    )
    if model.cold_start:
        cold = model.cold_start
        text += (
            f"\n  cold start {cold.total_ms:.1f} ms: import {cold.import_ms:.1f}, load "
            f"{cold.load_ms:.1f}, first inference {cold.first_ms:.2f}, second {cold.second_ms:.2f} "
            f"(median of {cold.processes} processes, files cached)"
        )
        if cold.peak_bytes:
            text += f"; that process needs {mebibytes(cold.peak_bytes)}"
    return text


def _multiplied(model: ModelTimes) -> str:
    return f"per run, by the bits multiplied: {_widths(model.macs)}"


def _stored(model: ModelTimes) -> str:
    return f"per input, by the bits stored: {_widths(model.stored_macs)}"


def _widths(macs: dict[str, int]) -> str:
    return ", ".join(f"{count:,} of {width} bits" for width, count in macs.items()) or "none"


def _threads_table(model: ModelTimes) -> Table:
    base = model.scaling[0].latency
    return Table(
        f"{model.name}: threads",
        ("threads", *FIGURES, "times as fast (median)"),
        tuple(
            (str(row.threads), *figures(row.latency), f"{base.median / row.latency.median:.2f}")
            for row in model.scaling
        ),
        words=0,
        records=tuple(
            {
                "section": "scaling",
                "subject": model.name,
                "threads": row.threads,
                **times(row.latency),
            }
            for row in model.scaling
        ),
    )


def _kinds_table(model: ModelTimes, operators: OperatorTable) -> Table:
    parts: list[tuple[str, str, float, float, str, str]] = [
        (kind.name, str(kind.count), kind.ms, kind.error_ms, kind.width or "", kind.kernels)
        for kind in operators.kinds()
    ]
    parts.append(("(copies of input and output)", "", operators.copies_ms, 0.0, "", ""))
    parts.append(("(between operators)", "", operators.rest_ms, 0.0, "", ""))
    total = operators.total_ms
    return Table(
        f"{model.name}: where the time goes",
        ("operators", "number", "ms", "%", "±", "bits", "kernels"),
        tuple(
            (
                name,
                number,
                f"{ms:.4f}",
                f"{100 * ms / total:.1f}",
                f"{100 * error / total:.1f}" if number else "",
                bits,
                kernels,
            )
            for name, number, ms, error, bits, kernels in parts
        ),
        remarks=(
            f"{total:.4f} ms per run (mean of those of {operators.runs} profiled runs that lie "
            f"between the quartiles); profiling adds {100 * operators.overhead:+.1f} %. "
            "±: how far off the share may be, in points. Each operator: --all.",
        ),
    )


def _operators_table(model: ModelTimes, operators: OperatorTable, threads: int) -> Table:
    rows = [
        (
            str(row.operator.index),
            row.name,
            row.shape,
            "?" if row.ms is None else f"{_MARKS.get(row.found, '')}{row.ms:.4f}",
            "" if row.share is None else f"{100 * row.share:.1f}",
            "" if row.share_error is None else f"{100 * row.share_error:.1f}",
            f"{100 * row.cumulative:.1f}",
            row.multiplied.width or "",
            "" if row.rate is None else f"{row.rate / 1e9:.1f}",
            row.kernels,
        )
        for row in operators.rows
    ]
    for name, ms in (("copies", operators.copies_ms), ("between", operators.rest_ms)):
        share = f"{100 * ms / operators.total_ms:.1f}"
        rows.append(("", f"({name})", "", f"{ms:.4f}", share, "", "", "", "", ""))
    return Table(
        f"{model.name}: operators as they run",
        ("#", "operator", "shape", "ms", "%", "±", "sum %", "bits", "Gop/s", "kernels"),
        tuple(rows),
        words=3,
        remarks=(
            "No mark: measured in place. "
            "~: share of a measured stretch of the runtime, by differences; operators that the "
            "runtime merges are one row. ±: how far off the share may be. "
            "+: computed by the convolution before it. -: constant.",
        ),
        records=tuple(_operator_record(model, row, threads) for row in operators.rows),
        long=True,
    )


def _operator_record(model: ModelTimes, row: OperatorTime, threads: int) -> Record:
    record = row.to_dict()
    return {
        "section": "operator",
        "subject": model.name,
        "name": _name(row),
        "threads": threads,
        "mean": record["ms"],
        **{key: record[key] for key in ("shape", "share", "share_error", "found", "kernels")},
        **work(record),
    }


def _name(row: OperatorTime) -> str:
    """An operator with its place in the model; several with that of the one that multiplies."""
    return f"{row.operator.index} {row.name}"


def _percent(row: OperatorTime) -> str:
    error = "" if row.share_error is None else f" ± {100 * row.share_error:.1f}"
    return f"{100 * (row.share or 0.0):.1f}{error} %"


def _events(model: ModelTimes) -> Iterator[Event]:
    if model.operators is None:
        yield Event(model.name, "network", 0.0, 1e3 * model.latency.median)
        return
    yield Event(model.name, "network", 0.0, 1e3 * model.operators.total_ms)
    at = 0.0
    for row in model.operators.rows:
        if row.ms is None:
            continue
        details = {
            "shape": row.shape,
            "kernels": row.kernels,
            "found": row.found,
            "error_ms": round(row.error_ms or 0.0, 5),
        }
        yield Event(_name(row), "operator", at, 1e3 * row.ms, details)
        at += 1e3 * row.ms


def _charts(model: ModelTimes, peaks: Peaks | None) -> Iterator[Chart]:
    yield Histogram(model.latency, model.samples)
    if model.cold_start:
        cold = model.cold_start
        stages = {
            "import": cold.import_ms,
            "load": cold.load_ms,
            "first inference": cold.first_ms,
            "second inference": cold.second_ms,
        }
        caption = f"Cold start: the median of {cold.processes} fresh processes."
        yield one_after_the_other(stages, caption)
    if model.scaling:
        yield _threads_chart(model)
    if model.operators:
        yield _operators_chart(model.operators)
        if peaks:
            yield _roofline(model.operators, peaks)


def _threads_chart(model: ModelTimes) -> Durations:
    base = model.scaling[0].latency
    rows = tuple(
        Duration(
            f"{row.threads} thread{'s' if row.threads > 1 else ''}",
            f"{row.latency.median:.3f} ms",
            row.latency.median,
            detail=f"min {row.latency.minimum:.3f}, "
            f"{base.median / row.latency.median:.2f} times as fast",
        )
        for row in model.scaling
    )
    return Durations("threads", rows, "Median latency by number of threads.")


def _operators_chart(operators: OperatorTable) -> Durations:
    rows = tuple(
        Duration(
            _name(row),
            "?" if row.ms is None else f"{row.ms:.4f} ms, {_percent(row)}",
            row.ms or 0.0,
            kind=row.multiplied.width or OTHER,
            detail=f"{row.shape}, {row.kernels}, {_FOUND.get(row.found, 'unknown')}",
        )
        for row in operators.rows
    )
    caption = (
        f"Operators in the order in which they run; {operators.total_ms:.4f} ms per run. Copies of "
        f"input and output {operators.copies_ms:.4f} ms, between operators "
        f"{operators.rest_ms:.4f} ms. Green: bits by bits. Blue: float32 multiplications. Orange: "
        "all else."
    )
    return Durations("operators", rows, caption)


def _roofline(operators: OperatorTable, peaks: Peaks) -> Roofline:
    points = tuple(
        (
            f"{_name(row)}: {row.rate / 1e9:.1f} Gop/s",
            row.multiplied.width or OTHER,
            row.intensity,
            row.rate,
        )
        for row in operators.rows
        if row.rate
    )
    roofs = [("float32", FLOATS, peaks.float32)]
    if peaks.binary:
        roofs.append(("1 bit", BITS, peaks.binary))
    caption = (
        "Roofline: operations per second over operations per byte of input, weights and output. "
        f"Roofs measured here with {peaks.threads} thread(s): "
        f"memory {peaks.memory / 1e9:.1f} GB/s, float32 {peaks.float32 / 1e9:.0f} Gop/s"
        + (f", 1 bit {peaks.binary / 1e9:.0f} Gop/s" if peaks.binary else "")
        + ". Layers whose data stays in the caches can lie above the slope of memory."
    )
    return Roofline(points, peaks.memory, tuple(roofs), caption)
