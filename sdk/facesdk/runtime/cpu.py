"""What the processor is, as far as the operating system tells."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class Cpu:
    """A processor.

    Attributes:
        machine: Its architecture, for example ``"x86_64"``.
        model: Its name; "unknown" where the kernel does not tell.
        threads: How many threads this process may run at the same time.
        features: Instruction-set flags in the spelling of Linux; empty where unknown.
    """

    machine: str
    model: str
    threads: int
    features: frozenset[str]

    def missing(self, requirement: str) -> tuple[str, ...]:
        """The features of a kernel path's requirement that this processor lacks.

        Args:
            requirement: As the operator library words it: ``"AVX-512 F, BW and VPOPCNTDQ"``, where
                AVX-512 belongs to all that follow.

        Returns:
            Those missing, in full (``"AVX-512 VPOPCNTDQ"``); none where features are unknown.
        """
        present = {_normalized(feature) for feature in self.features}
        missing, family = [], ""
        for name in re.split(r", | and ", requirement) if self.features and requirement else ():
            if " " in name:
                family = name.split()[0] + " "
            full = name if " " in name else family + name
            if _normalized(full) not in present:
                missing.append(full)
        return tuple(missing)


def describe_cpu() -> Cpu:
    """The processor this process runs on (Linux: ``/proc/cpuinfo``)."""
    try:
        rows = [line.partition(":") for line in _CPUINFO.read_text().splitlines()]
    except OSError:
        rows = []
    facts = {key.strip(): value.strip() for key, _, value in reversed(rows)}
    return Cpu(
        platform.machine(),
        facts.get("model name") or facts.get("Model") or platform.processor() or "unknown",
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        frozenset((facts.get("flags") or facts.get("Features") or "").split()),
    )


def _normalized(feature: str) -> str:
    return re.sub(r"[^a-z0-9]", "", feature.lower())
