"""What every report says about itself: where, how and under which conditions it was measured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Protocol

from facesdk.bench.report.elements import Section, Table, Track
from facesdk.measure.conditions import Conditions
from facesdk.measure.distribution import Distribution
from facesdk.measure.environment import Environment
from facesdk.measure.flags import Flag, judge_computer, judge_memory, judge_times
from facesdk.measure.memory import Memory
from facesdk.measure.timing import Clock, Policy

SCHEMA = "facesdk.bench"
"""Name of the JSON reports; bench.schema.json, beside this module, describes them."""
SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Setting:
    """How a report was made.

    Attributes:
        created: When, in UTC (ISO 8601).
        environment: On which computer.
        conditions: What the computer did meanwhile.
        clock: How exact its clock is.
        policy: How often things were run.
        threads: Threads each network might use.
        later: The same as ``conditions`` for what was measured after the latency (operators,
            numbers of threads); None if nothing was.
    """

    created: str
    environment: Environment
    conditions: Conditions
    clock: Clock
    policy: Policy
    threads: int
    later: Conditions | None = None

    def to_dict(self) -> dict[str, Any]:
        """All of it, with the version of the schema."""
        return {
            "schema": SCHEMA,
            "schema_version": SCHEMA_VERSION,
            "created": self.created,
            "threads": self.threads,
            "policy": self.policy.to_dict(),
            "clock": self.clock.to_dict(),
            "environment": self.environment.to_dict(),
            "conditions": self.conditions.to_dict(),
            "conditions_later": self.later.to_dict() if self.later else None,
        }


class Report(Protocol):
    """What a verb of ``facesdk bench`` found; every renderer knows this and nothing more."""

    @property
    def setting(self) -> Setting:
        """How it was measured."""

    @property
    def title(self) -> str:
        """What was measured, in a few words."""

    @property
    def facts(self) -> tuple[tuple[str, str], ...]:
        """What is to be known beside the setting: of each fact a word and a line."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What could not be measured, and why."""

    @property
    def flags(self) -> tuple[Flag, ...]:
        """Why the figures may not be quoted; empty if they may."""

    def to_dict(self) -> dict[str, Any]:
        """All of it, as the schema says."""

    def tables(self) -> tuple[Table, ...]:
        """The figures, for terminals and, by their records, for spreadsheets."""

    def events(self) -> tuple[Track, ...]:
        """What ran from when to when, for a trace."""

    def charts(self) -> tuple[Section, ...]:
        """The figures as pictures, for a page."""


def judge(
    setting: Setting, memory: Memory | None, rows: Iterable[tuple[str, Distribution]]
) -> tuple[Flag, ...]:
    """Why the figures of a report may not be quoted; empty if they may.

    Args:
        setting: How they were measured.
        memory: Memory meanwhile; None if unknown.
        rows: What was timed: a name and its times.
    """
    found = list(judge_computer(setting.environment, setting.conditions))
    if setting.later is not None:
        codes = {flag.code for flag in found}
        later = judge_computer(setting.environment, setting.later)
        found += [flag for flag in later if flag.code not in codes]
    for name, times in rows:
        found += judge_times(name, times)
    found += judge_memory("the timed runs", memory)
    return tuple(found)


def now() -> str:
    """The time, in UTC (ISO 8601, seconds)."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
