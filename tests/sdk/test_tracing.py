"""Spans: nested as the program is, nothing lost when off or after an error."""

from __future__ import annotations

import threading

import pytest

from facesdk import FaceEngine, samples, tracing
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.runtime import operator_library
from facesdk.tflite.graph import read_graph
from facesdk.tracing import NETWORK, OPERATOR, STAGE, Span, record_spans, stage


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
    assert {span.name for span in networks} >= {"mtcnn-pnet", "mtcnn-onet", "compactfacenet-qb"}
    assert all(any(inside(span, outer) for outer in stages) for span in networks)
    operators = [span for span in found if span.kind == OPERATOR]
    bundle = ModelBundle.load(registry.resolve(registry.DEFAULT_RECOGNIZER))
    custom = {
        f"{row.index} {row.name}"
        for row in read_graph(bundle.content).operators
        if row.name in operator_library.OPERATORS
    }
    assert custom <= {span.name for span in operators}
    runs = [span for span in networks if span.name == "compactfacenet-qb"]
    assert len(runs) == 2
    assert all(any(inside(span, run) for run in runs) for span in operators)
    assert {span.depth for span in operators} == {2}
    assert {span.kernels for span in operators} == {operator_library.describe_library().isa}
    assert profile.total_ms("detect") == pytest.approx(verification.timings.detect, rel=0.5)


def test_the_methods_of_an_engine_have_their_stages(engine: FaceEngine) -> None:
    with engine.profile(operators=False) as profile:
        engine.embed(samples.OBAMA)
    assert [s.name for s in profile.spans if s.kind == STAGE] == ["detect", "align", "embed"]
    assert not [s for s in profile.spans if s.kind == OPERATOR]


def test_operators_without_room_are_counted(engine: FaceEngine) -> None:
    with record_spans(operators=True, capacity=5) as profile:
        engine.embed(samples.OBAMA)
    assert len([span for span in profile.spans if span.kind == OPERATOR]) == 5
    assert profile.lost > 5


def test_spans_nest_and_survive_an_error() -> None:
    with record_spans() as profile, stage("outer"):
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
    with record_spans() as profile:
        pass
    with stage("after"):
        pass
    assert profile.spans == ()
    assert stage("off") is stage("also off")


def test_a_profile_sees_its_own_thread_only() -> None:
    with record_spans() as profile:
        other = threading.Thread(target=lambda: tracing.stage("other").__enter__())
        other.start()
        other.join()
        with stage("own"):
            pass
    assert [span.name for span in profile.spans] == ["own"]
