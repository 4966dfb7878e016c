"""``facesdk bench`` on ARM: it works and says that its times mean nothing there."""

from __future__ import annotations

import json
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from arm.boards import TARGETS, Board, Target
from facesdk.bench.network_profile import FUSED, MEASURED
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.tflite import macs
from facesdk.tflite.operators import CUSTOM_OPERATORS
from tools.emulation.arm import ROOT

RUNTIMES = {"ai_edge_litert": "litert", "tflite_runtime": "tflite-runtime"}
FEW = ("--runs", "1", "--warm-up", "0", "--json")
COMMANDS = {
    "models": ("compactfacenet-qb", *FEW, "--cold-starts", "1"),
    "ops": ("ops", "mtcnn-rnet", *FEW),
    "pipeline": ("pipeline", "--synthetic", "160x120", "--min-face", "100", *FEW),
}
CASES = [
    *(("models", target) for target in TARGETS if target[1] == TARGETS[0][1]),
    *((kind, TARGETS[-1]) for kind in COMMANDS),
    ("ops", TARGETS[1]),
]
"""Emulated floating point is slow, so not everything everywhere; each computer and each runtime."""

Reports = list[Future[dict[str, Any]]]


@pytest.fixture(scope="module")
def reports(boards: dict[str, Board], pool: ThreadPoolExecutor) -> Reports:
    def bench(kind: str, target: Target) -> dict[str, Any]:
        board = boards[target[0]]
        environment = {
            "FACESDK_OPS_LIBRARY": str(board.library),
            "FACESDK_RUNTIME": RUNTIMES[target[1]],
        }
        done = board.computer.python(
            "-m", "facesdk", "bench", *COMMANDS[kind], path=[ROOT / "sdk"], environment=environment
        )
        assert done.returncode == 0, done.stderr
        record: dict[str, Any] = json.loads(done.stdout)
        return record

    return [pool.submit(bench, *case) for case in CASES]


@pytest.mark.parametrize("number", range(len(CASES)))
def test_each_report_knows_where_it_ran(reports: Reports, number: int) -> None:
    kind, target = CASES[number]
    record = reports[number].result()
    assert record["kind"] == kind
    environment = record["environment"]
    assert environment["runtime"] == RUNTIMES[target[1]]
    assert environment["kernel_path"] == "neon"
    assert environment["userland_bits"] == (64 if target[0] == "aarch64" else 32)
    assert "emulated" in {flag["code"] for flag in record["flags"]}


@pytest.mark.parametrize(
    "number", [number for number, case in enumerate(CASES) if case[0] == "models"]
)
def test_the_operators_of_a_model_are_measured(reports: Reports, number: int) -> None:
    record = reports[number].result()
    (model,) = record["models"]
    graph = ModelBundle.load(registry.resolve(registry.DEFAULT_RECOGNIZER)).graph
    assert model["macs"] == macs.totals(graph.operators, macs.multiplied)
    rows = {index: row for row in model["operators"]["rows"] for index in row["merged"]}
    assert sorted(rows) == list(range(len(graph.operators)))
    for operator in graph.operators:
        if operator.name in CUSTOM_OPERATORS:
            row = rows[operator.index]
            assert row["kernels"] == "facesdk neon"
            assert (row["found"] == MEASURED and row["ms"] > 0) or row["found"] == FUSED
    # These computers cannot start a process.
    assert model["cold_start"] is None
    assert any("cold start" in note for note in record["notes"])


def test_every_computer_and_runtime_is_tried() -> None:
    assert {target for _, target in CASES} == set(TARGETS)
