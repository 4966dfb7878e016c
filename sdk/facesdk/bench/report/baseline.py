"""Comparing a report with an earlier one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from facesdk.bench.report.report import SCHEMA, SCHEMA_VERSION
from facesdk.errors import InputError
from facesdk.files import read_regular
from facesdk.measure.distribution import Distribution
from facesdk.measure.environment import comparable

LEAST_CHANGE = 0.05
"""Change of a median that counts, as a share, however little the times spread."""

_NOISE_MS = 1e-3
"""Change of a median that does not: a call, which is subtracted from an operator's time, varies."""


@dataclass(frozen=True, slots=True)
class Change:
    """One time, now and then.

    A time is slower if its median has grown by more than ``tolerance``, which is the distance of
    the quartiles of either report, as a share of its median, and 5 % at least; and if its minimum,
    which load on the computer moves less, has grown by more than half of 5 %. Faster likewise.

    Attributes:
        name: What was timed.
        before_ms: Its median in the earlier report.
        after_ms: Its median now.
        minimum_ratio: The minimum now by the minimum then.
        tolerance: The change that is noise, as a share.
    """

    name: str
    before_ms: float
    after_ms: float
    minimum_ratio: float
    tolerance: float

    @property
    def ratio(self) -> float:
        """The median now by the median then."""
        return self.after_ms / self.before_ms

    @property
    def slower(self) -> bool:
        """Whether it became slower beyond noise."""
        return self.ratio > 1 + self.tolerance and self.minimum_ratio > 1 + LEAST_CHANGE / 2

    @property
    def faster(self) -> bool:
        """Whether it became faster beyond noise."""
        return self.ratio < 1 / (1 + self.tolerance) and self.minimum_ratio < 1 - LEAST_CHANGE / 2

    @property
    def verdict(self) -> str:
        """``"slower"``, ``"faster"`` or ``"same"``."""
        return "slower" if self.slower else "faster" if self.faster else "same"

    def to_dict(self) -> dict[str, Any]:
        """All of it, and the verdict."""
        rounded = {
            key: round(value, 5) if isinstance(value, float) else value
            for key, value in asdict(self).items()
        }
        return {**rounded, "ratio": round(self.ratio, 5), "verdict": self.verdict}


@dataclass(frozen=True, slots=True)
class Comparison:
    """A report beside an earlier one.

    Attributes:
        created: When the earlier one was made.
        changes: Every time that both have.
        only_before: Names of times that only the earlier one has.
        only_now: Names of times that only the new one has.
        differences: What is different about the computers, so that times do not compare.
        doubts: Codes of the flags that the earlier report had.
    """

    created: str
    changes: tuple[Change, ...]
    only_before: tuple[str, ...]
    only_now: tuple[str, ...]
    differences: tuple[str, ...]
    doubts: tuple[str, ...]

    @property
    def regressed(self) -> bool:
        """Whether any time became slower beyond noise."""
        return any(change.slower for change in self.changes)

    def to_dict(self) -> dict[str, Any]:
        """All of it."""
        return {
            "created": self.created,
            "regressed": self.regressed,
            "changes": [change.to_dict() for change in self.changes],
            "only_before": list(self.only_before),
            "only_now": list(self.only_now),
            "differences": list(self.differences),
            "doubts": list(self.doubts),
        }


def read_baseline(path: Path) -> dict[str, Any]:
    """An earlier report, written as JSON.

    Raises:
        InputError: It cannot be read, or is no report of this version.
    """
    try:
        record = json.loads(read_regular(path))
    except OSError as error:
        raise InputError(f"cannot read the baseline {path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise InputError(f"the baseline {path} is not JSON: it must come from --json") from None
    if not isinstance(record, dict) or record.get("schema") != SCHEMA:
        raise InputError(f"the baseline {path} is not a report of `facesdk bench --json`")
    if record.get("schema_version") != SCHEMA_VERSION:
        raise InputError(
            f"the baseline {path} has version {record.get('schema_version')!r}, but "
            f"{SCHEMA_VERSION} is needed: measure it again"
        )
    return record


def compare(now: Mapping[str, Any], before: Mapping[str, Any]) -> Comparison:
    """Compare two reports of a kind.

    Args:
        now: The new one, as a dict.
        before: The earlier one.

    Raises:
        InputError: They are of different kinds or numbers of threads, have no time in common, or
            the earlier one is damaged.
    """
    for key in ("kind", "threads"):
        if now[key] != before.get(key):
            raise InputError(
                f"the baseline does not compare: its {key} is {before.get(key)!r}, not {now[key]!r}"
            )
    new = _times(now)
    try:
        old = _times(before)
        created = str(before["created"])
        differences = comparable(now["environment"], before["environment"])
        doubts = tuple(str(flag["code"]) for flag in before["flags"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"the baseline is damaged: {type(error).__name__} {error}") from None
    common = [name for name in new if name in old]
    if not common:
        raise InputError(
            f"the baseline has no time in common: it has {', '.join(old) or 'none'}, the report "
            f"has {', '.join(new)}"
        )
    return Comparison(
        created,
        tuple(_change(name, old[name], new[name]) for name in common),
        tuple(name for name in old if name not in new),
        tuple(name for name in new if name not in old),
        differences,
        doubts,
    )


def _change(name: str, before: Distribution, after: Distribution) -> Change:
    median = max(before.median, _NOISE_MS)
    return Change(
        name,
        median,
        max(after.median, _NOISE_MS),
        max(after.minimum, _NOISE_MS) / max(before.minimum, _NOISE_MS),
        max(LEAST_CHANGE, before.spread, after.spread, _NOISE_MS / median),
    )


def _times(record: Mapping[str, Any]) -> dict[str, Distribution]:
    """What a report has timed, by name."""
    rows: dict[str, Distribution] = {}
    for model in record.get("models", ()):
        rows[str(model["name"])] = Distribution.from_dict(model["latency_ms"])
    for case in record.get("cases", ()):
        rows[str(case["name"])] = Distribution.from_dict(case["latency_ms"])
        for stage, times in case["stages_ms"].items():
            rows[f"{case['name']}: {stage}"] = Distribution.from_dict(times)
    shapes = record.get("shapes", ())
    names = list(map(_name, shapes))
    for name, shape in zip(names, shapes, strict=True):
        number = f" (operator {shape.get('operator', 'unknown')})" * (names.count(name) > 1)
        rows[name + number] = Distribution.from_dict(shape["latency_ms"])
    return rows


def _name(shape: Mapping[str, Any]) -> str:
    """What an operator of a report is called; others of another option may be called the same."""
    weights = "x".join(map(str, shape["filter"]))
    return " ".join(filter(None, (shape["name"], shape["shape"], weights)))
