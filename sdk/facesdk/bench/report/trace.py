"""Reports as Chrome traces, for ``chrome://tracing`` and https://ui.perfetto.dev.

Format: "Trace Event Format", complete events (``ph: "X"``), times in microseconds.
"""

from __future__ import annotations

import json
from typing import Any

from facesdk.bench.report.elements import Event
from facesdk.bench.report.report import Report


def to_trace(report: Report) -> str:
    """The text of the file.

    A pipeline shows the spans of one run as they were; a model its operators one after the other
    with their mean times; ``bench ops`` each operator with its median.
    """
    rows: list[dict[str, Any]] = []
    for number, track in enumerate(report.events()):
        rows.append(
            {
                "name": "thread_name",
                "ph": "M",
                "pid": 1,
                "tid": number,
                "args": {"name": track.name},
            }
        )
        rows += [_complete(number, event) for event in track.events]
    record = report.to_dict()
    return json.dumps(
        {
            "traceEvents": rows,
            "displayTimeUnit": "ms",
            "otherData": {
                key: record[key]
                for key in ("schema", "schema_version", "kind", "created", "environment", "flags")
            },
        }
    )


def _complete(track: int, event: Event) -> dict[str, Any]:
    return {
        "name": event.name,
        "cat": event.kind,
        "ph": "X",
        "ts": round(event.start_us, 3),
        "dur": round(event.duration_us, 3),
        "pid": 1,
        "tid": track,
        "args": dict(event.details),
    }
