"""``facesdk bench`` on ARM: it works and says that its times mean nothing there."""

from __future__ import annotations

import json
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from arm.boards import TARGETS, Board, Target
from emulated_arm import MACHINES, ROOT
from facesdk.models import registry
from facesdk.profiling.graph import read_graph
from facesdk.runtime import plugin
from facesdk.runtime.bundle import ModelBundle

RUNTIMES = {"ai_edge_litert": "litert", "tflite_runtime": "tflite-runtime"}
FEW = ("--runs", "2", "--warm-up", "0", "--json")
COMMANDS = {
    "models": ("compactfacenet-qb", *FEW, "--cold-starts", "1"),
    "ops": ("ops", "mtcnn-rnet", *FEW),
    "pipeline": ("pipeline", "--synthetic", "160x120", "--min-face", "100", *FEW),
}


@pytest.fixture(scope="module")
def reports(
    boards: dict[str, Board], pool: ThreadPoolExecutor
) -> dict[tuple[Target, str], Future[dict[str, Any]]]:
    def bench(target: Target, kind: str) -> dict[str, Any]:
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

    return {
        (target, kind): pool.submit(bench, target, kind) for target in TARGETS for kind in COMMANDS
    }


@pytest.mark.parametrize("target", TARGETS, ids="-".join)
@pytest.mark.parametrize("kind", COMMANDS)
def test_each_report_knows_where_it_ran(
    reports: dict[tuple[Target, str], Future[dict[str, Any]]], target: Target, kind: str
) -> None:
    record = reports[target, kind].result()
    assert record["kind"] == kind
    environment = record["environment"]
    assert environment["runtime"] == RUNTIMES[target[1]]
    assert environment["kernel_path"] == "neon"
    assert environment["userland_bits"] == (64 if target[0] == "aarch64" else 32)
    assert "emulated" in {flag["code"] for flag in record["flags"]}


@pytest.mark.parametrize("target", TARGETS, ids="-".join)
def test_the_operators_of_a_model_are_measured(
    reports: dict[tuple[Target, str], Future[dict[str, Any]]], target: Target
) -> None:
    record = reports[target, "models"].result()
    (model,) = record["models"]
    graph = read_graph(ModelBundle.load(registry.resolve(registry.DEFAULT_RECOGNIZER)).content)
    assert model["macs"] == graph.macs
    rows = {row["index"]: row for row in model["operators"]["rows"]}
    assert sorted(rows) == list(range(len(graph.operators)))
    for operator in graph.operators:
        if operator.name in plugin.OPERATORS:
            row = rows[operator.index]
            assert (row["kernels"], row["found"]) == ("facesdk neon", "measured")
            assert row["ms"] > 0
    # These computers cannot start a process.
    assert model["cold_start"] is None
    assert any("cold start" in note for note in record["notes"])


def test_every_computer_is_tried() -> None:
    assert {machine for machine, _ in TARGETS} == set(MACHINES)
