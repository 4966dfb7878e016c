"""What runs where: the emulated computers and the runtimes on them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from tools.emulation.arm import MACHINES, ROOT, Computer

Target = tuple[str, str]
"""Name of a computer, and import name of a stock runtime."""

TARGETS: list[Target] = [
    (name, module) for name, machine in MACHINES.items() for module in machine.modules
]
"""Each computer with each stock runtime that exists for it."""

RUNTIMES = {"ai_edge_litert": "litert", "tflite_runtime": "tflite-runtime"}
"""What facesdk calls the runtimes."""


@dataclass(frozen=True, slots=True)
class Board:
    """A computer, and the build folder of the operators and their C tests for it."""

    computer: Computer
    build: Path

    @property
    def library(self) -> Path:
        return self.build / "libfacesdk_ops.so"

    def facesdk(self, runtime: str) -> dict[str, Any]:
        """What ``computer.python`` is given for facesdk with these operators on a runtime."""
        environment = {
            "FACESDK_OPS_LIBRARY": str(self.library),
            "FACESDK_RUNTIME": RUNTIMES[runtime],
        }
        return {"path": [ROOT / "sdk"], "environment": environment}

    def run_commands(
        self, runtime: str, commands: Iterable[Sequence[str | Path]]
    ) -> list[CompletedProcess[str]]:
        """What command lines of facesdk gave, one after the other in one process."""
        program = Path(__file__).with_name("run_commands.py")
        lines = [list(map(str, command)) for command in commands]
        done = self.computer.python(program, json.dumps(lines), **self.facesdk(runtime))
        assert done.returncode == 0, done.stderr
        rows = zip(lines, json.loads(done.stdout), strict=True)
        return [CompletedProcess(line, *row) for line, row in rows]
