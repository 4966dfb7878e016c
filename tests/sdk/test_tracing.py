"""Spans: nested as the program is, nothing lost when off or after an error."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass

import pytest

from facesdk import FaceEngine, samples, tracing
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.runtime import operator_library
from facesdk.runtime.operator_events import record_operators
from facesdk.tflite.operators import CUSTOM_OPERATORS
from facesdk.tracing import NETWORK, OPERATOR, STAGE, Span, network, record, stage


@pytest.fixture(scope="module")
def engine() -> FaceEngine:
    return FaceEngine.load(min_face=100)


def inside(span: Span, outer: Span) -> bool:
    return outer.start_ns <= span.start_ns and span.end_ns <= outer.end_ns


def test_an_engine_shows_its_stages_networks_and_operators(engine: FaceEngine) -> None:
    with engine.profile() as profile:
        verification = engine.verify(samples.OBAMA, samples.BIDEN)
    found = profile.spans
    stages = [span for span in found if span.kind == STAGE]
    assert [span.name for span in stages] == ["detect", "align", "embed", "match"]
    networks = [span for span in found if span.kind == NETWORK]
    assert {span.name for span in networks} >= {"finder", "mtcnn-onet", "compactfacenet-qb"}
    assert all(any(inside(span, outer) for outer in stages) for span in networks)
    operators = [span for span in found if span.kind == OPERATOR]
    bundle = ModelBundle.load(registry.resolve(registry.DEFAULT_RECOGNIZER))
    custom = {
        f"{row.index} {row.name}" for row in bundle.graph.operators if row.name in CUSTOM_OPERATORS
    }
    assert custom <= {span.name for span in operators}
    runs = [span for span in networks if span.name == "compactfacenet-qb"]
    assert len(runs) == 2
    assert all(any(inside(span, run) for run in runs) for span in operators)
    assert {span.depth for span in operators} == {2}
    assert {span.kernels for span in operators} == {operator_library.describe_library().isa}
    timings = verification.timings
    assert (timings.detect, timings.align, timings.embed, timings.match) == tuple(
        profile.total_ms(span.name) for span in stages
    )


def test_the_methods_of_an_engine_have_their_stages(engine: FaceEngine) -> None:
    with engine.profile(operators=False) as profile:
        engine.embed(samples.OBAMA)
    assert [s.name for s in profile.spans if s.kind == STAGE] == ["detect", "align", "embed"]
    assert not [s for s in profile.spans if s.kind == OPERATOR]


def test_operators_without_room_are_counted(engine: FaceEngine) -> None:
    with record() as profile, record_operators(capacity=5) as recording:
        engine.embed(samples.OBAMA)
    profile.add_operators(recording.events, lost=recording.lost)
    assert len([span for span in profile.spans if span.kind == OPERATOR]) == 5
    assert profile.lost > 5


def test_spans_nest_and_survive_an_error() -> None:
    with record() as profile, stage("outer"):
        with stage("inner"):
            pass
        with pytest.raises(KeyError), stage("failing"):
            raise KeyError
    assert [(span.name, span.depth) for span in profile.spans] == [
        ("outer", 0),
        ("inner", 1),
        ("failing", 1),
    ]
    outer, *rest = profile.spans
    assert all(inside(span, outer) for span in rest)


def test_nothing_is_recorded_outside_of_a_profile() -> None:
    with record() as profile:
        pass
    with stage("after"):
        pass
    assert profile.spans == ()
    assert stage("off") is stage("also off")


def test_a_profile_sees_its_own_thread_only() -> None:
    with record() as profile:
        other = threading.Thread(target=lambda: tracing.stage("other").__enter__())
        other.start()
        other.join()
        with stage("own"):
            pass
    assert [span.name for span in profile.spans] == ["own"]


def test_a_recording_in_a_recording_is_part_of_it() -> None:
    with record() as outer:
        with stage("before"), record() as inner, stage("within"):
            pass
        with pytest.raises(KeyError), record(), stage("failing"):
            raise KeyError
    assert [(span.name, span.depth) for span in inner.spans] == [("within", 1)]
    assert [(span.name, span.depth) for span in outer.spans] == [
        ("before", 0),
        ("within", 1),
        ("failing", 0),
    ]


@dataclass(frozen=True)
class Run:
    """An operator that ran in no library."""

    start_ns: int
    end_ns: int
    node: int
    path: str = "portable"


def test_operators_are_shown_in_their_networks_only() -> None:
    """Whoever knows what ran hands it over; the tracer knows no library and no model file."""
    with record() as profile:
        before = time.perf_counter_ns()
        with network("net", lambda: ["ADD", "MUL"]):
            within = time.perf_counter_ns()
    profile.add_operators([Run(before, before, 0), Run(within, within, 1)], lost=2)
    assert [(span.name, span.kind, span.depth, span.kernels) for span in profile.spans] == [
        ("net", NETWORK, 0, ""),
        ("1 MUL", OPERATOR, 1, "portable"),
    ]
    assert profile.lost == 2
