"""Reports as CSV: one line for each thing that was timed."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from facesdk.bench.model import ModelReport
from facesdk.bench.ops import OpsReport
from facesdk.bench.pipeline import PipelineReport
from facesdk.measure.distribution import Distribution

Report = ModelReport | PipelineReport | OpsReport

_TIMES = ("n", "minimum", "mean", "median", "p90", "p95", "p99", "maximum", "std", "fps")
COLUMNS = (
    "section",
    "subject",
    "name",
    "shape",
    "threads",
    *_TIMES,
    "share",
    "found",
    "count",
    "macs",
    "width",
    "bytes",
    "ops_per_second",
    "kernels",
)
"""Columns of the file; cells that do not apply are empty. Times are in milliseconds."""


def to_csv(report: Report) -> str:
    """The text of the file, with one line of column names."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    if isinstance(report, ModelReport):
        writer.writerows(_models(report))
    elif isinstance(report, PipelineReport):
        writer.writerows(_pipeline(report))
    else:
        writer.writerows(_ops(report))
    return stream.getvalue()


def _models(report: ModelReport) -> Iterator[dict[str, Any]]:
    for model in report.models:
        yield {
            "section": "latency",
            "subject": model.name,
            "threads": report.setting.threads,
            "macs": sum(model.macs.values()),
            "bytes": model.size,
            "ops_per_second": round(model.rate),
            **_times(model.latency),
        }
        for row in model.scaling:
            yield {
                "section": "scaling",
                "subject": model.name,
                "threads": row.threads,
                **_times(row.latency),
            }
        for operator in model.operators.rows if model.operators else ():
            record = operator.to_dict()
            yield {
                "section": "operator",
                "subject": model.name,
                "name": f"{record['index']} {record['name']}",
                "threads": report.setting.threads,
                "mean": record["ms"],
                **{key: record[key] for key in ("shape", "share", "found", "kernels")},
                **_work(record),
            }


def _pipeline(report: PipelineReport) -> Iterator[dict[str, Any]]:
    for case in report.cases:
        shape = f"{case.width}x{case.height}"
        rows = {**case.stages, "total": case.total}
        for name, times in rows.items():
            yield {
                "section": "stage",
                "subject": case.name,
                "name": name,
                "shape": shape,
                "threads": report.setting.threads,
                "count": case.faces[1],
                **_times(times),
            }


def _ops(report: OpsReport) -> Iterator[dict[str, Any]]:
    for row in report.shapes:
        record = row.to_dict()
        yield {
            "section": "shape",
            "subject": report.name,
            "threads": report.setting.threads,
            **{key: record[key] for key in ("name", "shape", "count", "kernels")},
            **_work(record),
            **_times(row.latency),
        }


def _work(record: dict[str, Any]) -> dict[str, Any]:
    return {key: record[key] for key in ("macs", "width", "bytes", "ops_per_second")}


def _times(times: Distribution) -> dict[str, Any]:
    record = times.to_dict()
    return {key: record[key] for key in _TIMES}
