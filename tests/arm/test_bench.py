"""``facesdk bench`` on ARM: it works and says that its times mean nothing there."""

from __future__ import annotations

import json
from concurrent.futures import Future, ThreadPoolExecutor
from subprocess import CompletedProcess
from typing import Any

import pytest

from arm.boards import RUNTIMES, TARGETS, Board, Target
from facesdk.bench.network_profile import FUSED, MEASURED
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.tflite import macs
from facesdk.tflite.operators import CUSTOM_OPERATORS

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

Reports = dict[Target, Future[list[CompletedProcess[str]]]]


def kinds_on(target: Target) -> list[str]:
    return [kind for kind, where in CASES if where == target]


@pytest.fixture(scope="module")
def reports(boards: dict[str, Board], pool: ThreadPoolExecutor) -> Reports:
    """Of the cases on a target, in their order."""

    def bench(target: Target) -> list[CompletedProcess[str]]:
        commands = [("bench", *COMMANDS[kind]) for kind in kinds_on(target)]
        return boards[target[0]].run_commands(target[1], commands)

    return {target: pool.submit(bench, target) for target in TARGETS}


def report(reports: Reports, number: int) -> dict[str, Any]:
    kind, target = CASES[number]
    done = reports[target].result()[kinds_on(target).index(kind)]
    assert done.returncode == 0, done.stderr
    record: dict[str, Any] = json.loads(done.stdout)
    return record


@pytest.mark.parametrize("number", range(len(CASES)))
def test_each_report_knows_where_it_ran(reports: Reports, number: int) -> None:
    kind, target = CASES[number]
    record = report(reports, number)
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
    record = report(reports, number)
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
