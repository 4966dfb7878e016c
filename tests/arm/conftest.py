"""The emulated computers, ready to run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from arm.boards import Board
from tools.emulation import arm
from tools.emulation.arm import MACHINES, Machine

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.arm)
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def pool() -> Iterator[ThreadPoolExecutor]:
    """Runs emulators side by side, one a core."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield pool


@pytest.fixture(scope="session")
def boards(pool: ThreadPoolExecutor) -> dict[str, Board]:
    def board(machine: Machine) -> Board:
        computer = arm.prepare(machine)
        return Board(computer, arm.build_native(computer))

    arm.install_tools()
    return dict(zip(MACHINES, pool.map(board, MACHINES.values()), strict=True))
