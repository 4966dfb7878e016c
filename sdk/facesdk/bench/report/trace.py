"""Reports as Chrome traces, for ``chrome://tracing`` and https://ui.perfetto.dev.

Format: "Trace Event Format", complete events (``ph: "X"``), times in microseconds.
"""

from __future__ import annotations

import json
from typing import Any

from facesdk.bench.model import ModelReport, ModelTimes
from facesdk.bench.ops import OpsReport
from facesdk.bench.pipeline import CaseTimes, PipelineReport

_Event = dict[str, Any]


def to_trace(report: ModelReport | PipelineReport | OpsReport) -> str:
    """The text of the file.

    A pipeline shows the spans of one run as they were; a model its operators one after the other
    with their mean times; ``bench ops`` each operator with its median.
    """
    events: list[_Event] = []
    if isinstance(report, ModelReport):
        for track, model in enumerate(report.models):
            events += [_track(track, model.name), *_model(track, model)]
    elif isinstance(report, PipelineReport):
        for track, case in enumerate(report.cases):
            events += [_track(track, case.name), *_case(track, case)]
    else:
        events += [_track(0, report.name), *_shapes(report)]
    record = report.to_dict()
    return json.dumps(
        {
            "traceEvents": events,
            "displayTimeUnit": "ms",
            "otherData": {
                key: record[key]
                for key in ("schema", "schema_version", "kind", "created", "environment", "flags")
            },
        }
    )


def _model(track: int, model: ModelTimes) -> list[_Event]:
    if model.operators is None:
        return [_event(track, model.name, "network", 0.0, 1e3 * model.latency.median, {})]
    events = [_event(track, model.name, "network", 0.0, 1e3 * model.operators.total_ms, {})]
    at = 0.0
    for row in model.operators.rows:
        if row.ms is None:
            continue
        name = f"{row.operator.index} {row.operator.name}"
        arguments = {"shape": row.shape, "kernels": row.kernels, "found": row.found}
        events.append(_event(track, name, "operator", at, 1e3 * row.ms, arguments))
        at += 1e3 * row.ms
    return events


def _case(track: int, case: CaseTimes) -> list[_Event]:
    begin = min((span.start_ns for span in case.spans), default=0)
    return [
        _event(
            track, span.name, span.kind, (span.start_ns - begin) / 1e3, 1e3 * span.ms,
            {"kernels": span.kernels} if span.kernels else {},
        )
        for span in case.spans
    ]  # fmt: skip


def _shapes(report: OpsReport) -> list[_Event]:
    events, at = [], 0.0
    for row in report.shapes:
        duration = 1e3 * row.latency.median
        arguments = {"shape": row.shape, "kernels": row.kernels, "count": row.count}
        events.append(_event(0, row.operator.name, "operator", at, duration, arguments))
        at += duration
    return events


def _event(
    track: int, name: str, kind: str, start: float, duration: float, arguments: dict[str, Any]
) -> _Event:
    return {
        "name": name,
        "cat": kind,
        "ph": "X",
        "ts": round(start, 3),
        "dur": round(duration, 3),
        "pid": 1,
        "tid": track,
        "args": arguments,
    }


def _track(track: int, name: str) -> _Event:
    arguments = {"name": name}
    return {"name": "thread_name", "ph": "M", "pid": 1, "tid": track, "args": arguments}
