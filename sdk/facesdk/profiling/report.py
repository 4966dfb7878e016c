"""What every report says about itself: where, how and under which conditions it was measured."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from facesdk.profiling.conditions import Conditions
from facesdk.profiling.environment import Environment
from facesdk.profiling.timing import Clock, Policy

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
    """

    created: str
    environment: Environment
    conditions: Conditions
    clock: Clock
    policy: Policy
    threads: int

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
        }


def now() -> str:
    """The time, in UTC (ISO 8601, seconds)."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
