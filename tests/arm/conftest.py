"""The emulated computers, and what runs where."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

import emulated_arm
from emulated_arm import MACHINES, Computer, Machine

HERE = Path(__file__).parent
TARGETS = [(name, module) for name, machine in MACHINES.items() for module in machine.modules]
"""Each computer with each stock runtime that exists for it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.arm)
            item.add_marker(pytest.mark.slow)


@dataclass(frozen=True, slots=True)
class Board:
    """A computer, and the build folder of the operators and their C tests for it."""

    computer: Computer
    build: Path

    @property
    def library(self) -> Path:
        return self.build / "libfacesdk_ops.so"


@pytest.fixture(scope="session")
def pool() -> Iterator[ThreadPoolExecutor]:
    """Runs emulators side by side, one a core."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield pool


@pytest.fixture(scope="session")
def boards(pool: ThreadPoolExecutor) -> dict[str, Board]:
    def board(machine: Machine) -> Board:
        computer = emulated_arm.prepare(machine)
        return Board(computer, emulated_arm.build_native(computer))

    emulated_arm.install_tools()
    return dict(zip(MACHINES, pool.map(board, MACHINES.values()), strict=True))
