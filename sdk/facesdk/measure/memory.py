"""Resident memory of this process, and whether it grows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facesdk.measure.environment import read_value

_STATUS = "proc/self/status"
_LEAK_BYTES = 64 * 1024
"""Growth in each half of the runs from which memory is taken to leak; less is Python's own."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory over the timed runs, in bytes.

    Attributes:
        peak: The most the process has ever had, everything in it included.
        start: Before the first timed run.
        middle: After half of the runs.
        end: After the last.
    """

    peak: int
    start: int
    middle: int
    end: int

    @property
    def growth(self) -> int:
        """Bytes gained over all timed runs."""
        return self.end - self.start

    @property
    def leaks(self) -> bool:
        """Whether each half of the runs took at least 64 KiB more."""
        return min(self.middle - self.start, self.end - self.middle) >= _LEAK_BYTES

    def to_dict(self) -> dict[str, Any]:
        """Every figure in bytes."""
        return {
            "peak_bytes": self.peak,
            "start_bytes": self.start,
            "middle_bytes": self.middle,
            "end_bytes": self.end,
            "growth_bytes": self.growth,
            "leaks": self.leaks,
        }


class MemoryWatch:
    """Looks at resident memory before, in the middle of, and after the timed runs.

    Its method :meth:`tick` is a :data:`facesdk.measure.timing.Tick`.

    Args:
        root: Where ``/proc`` is.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self._seen: list[int] = []
        self._last = self._total = 0

    def tick(self, done: int, total: int) -> None:
        """Take a look, if it is time for one."""
        self._last, self._total = done, total
        if done in (0, total // 2, total):
            rss = resident(self._root)
            if rss is not None:
                self._seen.append(rss)

    def result(self) -> Memory | None:
        """What was seen; None where the system does not tell, or the runs ended before the last."""
        peak = peak_resident(self._root)
        if peak is None or self._last != self._total or not self._seen:
            return None
        middle = self._seen[len(self._seen) // 2]
        return Memory(peak, self._seen[0], middle, self._seen[-1])


def resident(root: Path = Path("/")) -> int | None:
    """Resident memory of this process in bytes now; None where the system does not tell."""
    return _bytes(root / "proc/self/smaps_rollup", "Rss") or _bytes(root / _STATUS, "VmRSS")


def peak_resident(root: Path = Path("/")) -> int | None:
    """The most this process has had, in bytes; None where the system does not tell."""
    return _bytes(root / _STATUS, "VmHWM")


def _bytes(path: Path, key: str) -> int | None:
    found = re.search(rf"^{key}:\s+(\d+) kB", read_value(path), re.MULTILINE)
    return int(found[1]) * 1024 if found else None
