"""The C tests and fuzzers, cross-compiled and emulated."""

from __future__ import annotations

import subprocess
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from arm.boards import Board
from tools.emulation import arm

CompletedProcess = subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def suites(
    boards: dict[str, Board], pool: ThreadPoolExecutor
) -> dict[str, Future[CompletedProcess]]:
    def ctest(board: Board) -> CompletedProcess:
        command = [arm.tool("ctest"), "--test-dir", str(board.build)]
        return subprocess.run([*command, "--output-on-failure"], capture_output=True, text=True)

    return {name: pool.submit(ctest, board) for name, board in boards.items()}


@pytest.mark.parametrize("machine", arm.MACHINES)
def test_c_suite(suites: dict[str, Future[CompletedProcess]], machine: str) -> None:
    result = suites[machine].result()
    assert result.returncode == 0, result.stdout + result.stderr
    assert "100% tests passed" in result.stdout
