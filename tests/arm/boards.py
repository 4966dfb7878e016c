"""What runs where: the emulated computers and the runtimes on them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tools.emulation.arm import MACHINES, Computer

Target = tuple[str, str]
"""Name of a computer, and import name of a stock runtime."""

TARGETS: list[Target] = [
    (name, module) for name, machine in MACHINES.items() for module in machine.modules
]
"""Each computer with each stock runtime that exists for it."""


@dataclass(frozen=True, slots=True)
class Board:
    """A computer, and the build folder of the operators and their C tests for it."""

    computer: Computer
    build: Path

    @property
    def library(self) -> Path:
        return self.build / "libfacesdk_ops.so"
