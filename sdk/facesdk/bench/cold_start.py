"""What the first inference of a fresh process costs: import, load, first run.

``python -m facesdk.bench.cold_start MODEL THREADS`` is the process that is measured; it prints
one JSON object. It imports nothing of this package before the clock runs but what it measures.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from facesdk.errors import InputError

_TIME_LIMIT = 600


@dataclass(frozen=True, slots=True)
class ColdStart:
    """One fresh process, in milliseconds. Files are in the page cache.

    Attributes:
        processes: How many processes were started; the figures are those of the median total.
        import_ms: Importing facesdk and the runtime.
        load_ms: Reading and verifying the model, loading the operator library, allocating.
        first_ms: The first inference.
        second_ms: The one after it, to compare with.
        peak_bytes: The most memory that process had; None if unknown.
    """

    processes: int
    import_ms: float
    load_ms: float
    first_ms: float
    second_ms: float
    peak_bytes: int | None

    @property
    def total_ms(self) -> float:
        """From the begin of the import to the end of the first inference."""
        return self.import_ms + self.load_ms + self.first_ms

    def to_dict(self) -> dict[str, Any]:
        """All of it, to a microsecond."""
        return {
            "processes": self.processes,
            "import_ms": round(self.import_ms, 3),
            "load_ms": round(self.load_ms, 3),
            "first_ms": round(self.first_ms, 3),
            "second_ms": round(self.second_ms, 3),
            "total_ms": round(self.total_ms, 3),
            "peak_bytes": self.peak_bytes,
        }


def measure_cold_start(path: Path, *, threads: int = 1, processes: int = 3) -> ColdStart:
    """Start processes that run a model once, without a probe.

    Args:
        path: The model.
        threads: Threads the network may use.
        processes: How many, at least 1.

    Raises:
        InputError: Such a process cannot be started, or fails.
    """
    command = [sys.executable, "-m", "facesdk.bench.cold_start", str(path), str(threads)]
    records = []
    for _ in range(processes):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_TIME_LIMIT)
            record = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else None
        except (OSError, ValueError, IndexError, subprocess.TimeoutExpired) as error:
            raise InputError(f"no fresh process could be measured: {error}") from None
        if record is None:
            reason = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
            raise InputError(f"no fresh process could be measured: {reason}")
        records.append(record)
    records.sort(key=lambda row: row["import_ms"] + row["load_ms"] + row["first_ms"])
    return ColdStart(processes, **records[len(records) // 2])


def _measure_this_process(path: str, threads: int) -> dict[str, float | int | None]:
    marks = [time.perf_counter()]
    from facesdk.models.bundle import ModelBundle
    from facesdk.runtime.backend import load_backend
    from facesdk.runtime.inputs import random_inputs
    from facesdk.runtime.interpreter import Interpreter

    load_backend()
    marks.append(time.perf_counter())
    interpreter = Interpreter(ModelBundle.load(path, trust=True), threads=threads)
    marks.append(time.perf_counter())
    inputs = random_inputs(interpreter)
    marks.append(time.perf_counter())
    interpreter.run(*inputs)
    marks.append(time.perf_counter())
    interpreter.run(*inputs)
    marks.append(time.perf_counter())
    from facesdk.measure.memory import peak_resident

    imported, loaded, _, first, second = ((b - a) * 1e3 for a, b in pairwise(marks))
    return {
        "import_ms": imported,
        "load_ms": loaded,
        "first_ms": first,
        "second_ms": second,
        "peak_bytes": peak_resident(),
    }


if __name__ == "__main__":
    print(json.dumps(_measure_this_process(sys.argv[1], int(sys.argv[2]))))
