"""Times of operators inside a running network: they are all there, in order, and add up."""

from __future__ import annotations

import time
from collections import Counter

import numpy as np
import pytest

from facesdk.bench.network_profile import (
    FOLDED,
    FUSED,
    MEASURED,
    SHARED,
    OperatorTable,
    profile_operators,
)
from facesdk.errors import OperatorLibraryError
from facesdk.measure.timing import Policy
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.runtime import operator_library
from facesdk.runtime.interpreter import Interpreter
from facesdk.runtime.operator_events import record_operators
from facesdk.tflite.operators import CUSTOM_OPERATORS

FEW = Policy(8, 1, 0.0, lead=1)


@pytest.fixture(scope="module")
def recogniser() -> ModelBundle:
    return ModelBundle.load(registry.resolve(registry.DEFAULT_RECOGNIZER))


@pytest.fixture(scope="module")
def table(recogniser: ModelBundle) -> OperatorTable:
    return profile_operators(recogniser, "runtime", FEW)


def test_the_librarys_clock_is_pythons(recogniser: ModelBundle) -> None:
    interpreter = Interpreter(recogniser)
    interpreter.invoke()
    with record_operators() as recording:
        begin = time.perf_counter_ns()
        interpreter.invoke()
        end = time.perf_counter_ns()
    events = recording.events
    assert events
    assert recording.lost == 0
    moments = [begin, *(t for event in events for t in (event.start_ns, event.end_ns)), end]
    assert moments == sorted(moments)
    assert {event.path for event in events} == {operator_library.describe_library().isa}


def test_every_custom_operator_of_the_model_is_recorded(recogniser: ModelBundle) -> None:
    interpreter = Interpreter(recogniser)
    with record_operators() as recording:
        interpreter.invoke()
    recorded = {event.node for event in recording.events}
    custom = {
        operator.index
        for operator in recogniser.graph.operators
        if operator.name in CUSTOM_OPERATORS
    }
    assert custom <= recorded
    assert {recogniser.graph.operators[place].name for place in recorded - custom} == {
        "ADD",
        "PRELU",
    }
    part_of = {event.node: event.within for event in recording.events}
    for node, other in part_of.items():
        assert other is None or (other < node and part_of[other] is None)
    names = {recogniser.graph.operators[node].name for node, other in part_of.items() if other}
    assert names == {"ADD", "PRELU", "LceQuantize"}


@pytest.mark.parametrize("isa", ["reference", "portable"])
def test_the_path_is_that_which_ran(
    recogniser: ModelBundle, isa: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(operator_library.FORCED_PATH, isa)
    interpreter = Interpreter(recogniser)
    monkeypatch.delenv(operator_library.FORCED_PATH)
    with record_operators() as recording:
        interpreter.invoke()
    assert {event.path for event in recording.events} == {isa}


def test_a_full_recording_counts_what_it_lost(recogniser: ModelBundle) -> None:
    interpreter = Interpreter(recogniser)
    with record_operators(3) as recording:
        interpreter.invoke()
    assert len(recording.events) == 3
    assert recording.lost == recording.happened - 3 > 0


def test_one_recording_at_a_time() -> None:
    with record_operators(1), pytest.raises(OperatorLibraryError, match="another profile"):  # noqa: SIM117
        with record_operators(1):
            pass
    with record_operators(1) as again:
        pass
    assert again.events == ()


def test_a_table_has_each_operator_once_and_adds_up(
    recogniser: ModelBundle, table: OperatorTable
) -> None:
    assert Counter(one.index for row in table.rows for one in row.operators) == Counter(
        range(len(recogniser.graph.operators))
    )
    parts = sum(row.ms or 0.0 for row in table.rows)
    assert parts + table.copies_ms + table.rest_ms == pytest.approx(table.total_ms)
    assert table.rows[-1].cumulative == pytest.approx(parts / table.total_ms)
    assert table.rest_ms >= -1e-9
    for row in table.rows:
        own = row.kernels.startswith("facesdk ")
        assert row.ms is not None
        assert row.error_ms is not None
        assert row.error_ms >= 0
        stock = (FOLDED,) if row.operator.widens_constant else (MEASURED, SHARED)
        assert row.found in ((MEASURED, FUSED) if own else stock)
        if row.operator.name in CUSTOM_OPERATORS:
            assert own and (row.ms > 0 or row.found == FUSED)


def test_a_network_of_stock_operators_is_shared_out() -> None:
    table = profile_operators(ModelBundle.load(registry.resolve("mtcnn-rnet")), "runtime", FEW)
    assert {row.found for row in table.rows} == {SHARED}
    assert sum(row.ms or 0 for row in table.rows) + table.copies_ms == pytest.approx(table.total_ms)
    heaviest = max(table.rows, key=lambda row: row.ms or 0)
    assert heaviest.multiplied.count > 0


@pytest.mark.parametrize("runs", [1, 2, 3])
def test_few_runs_are_enough(recogniser: ModelBundle, runs: int) -> None:
    table = profile_operators(recogniser, "runtime", Policy(runs, 0, 0.0, lead=0))
    assert table.runs == runs
    assert table.total_ms > sum(row.ms or 0.0 for row in table.rows) > 0


def test_recording_changes_no_result(recogniser: ModelBundle) -> None:
    interpreter = Interpreter(recogniser)
    image = np.random.default_rng(0).normal(size=interpreter.input_shapes[0]).astype(np.float32)
    plain = interpreter.run(image)[0]
    with record_operators():
        profiled = interpreter.run(image)[0]
    assert plain.tobytes() == profiled.tobytes()
