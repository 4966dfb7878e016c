"""Reports as CSV: one line for each thing that was timed."""

from __future__ import annotations

import csv
import io

from facesdk.bench.report.elements import Record
from facesdk.bench.report.report import Report
from facesdk.measure.distribution import Distribution

_TIMES = ("n", "minimum", "mean", "median", "p90", "p95", "p99", "maximum", "std", "fps")
COLUMNS = (
    "section",
    "subject",
    "name",
    "shape",
    "threads",
    *_TIMES,
    "share",
    "share_error",
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
    """The text of the file, with one line of column names; the lines of a subject come together."""
    by_subject: dict[str, list[Record]] = {}
    for table in report.tables():
        for record in table.records:
            by_subject.setdefault(record["subject"], []).append(record)
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for records in by_subject.values():
        writer.writerows(records)
    return stream.getvalue()


def times(distribution: Distribution) -> Record:
    """The columns of a distribution."""
    record = distribution.to_dict()
    return {key: record[key] for key in _TIMES}


def work(record: Record) -> Record:
    """The columns of what an operator does, from its dict."""
    return {key: record[key] for key in ("macs", "width", "bytes", "ops_per_second")}
