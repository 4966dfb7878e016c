"""Multiply-adds and bytes of models, counted by hand; operators cut out give the same results."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facesdk.bench.partition import Segment, segments
from facesdk.bench.single_operator import constant_operators, single
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.runtime.interpreter import Interpreter
from facesdk.tflite.cut import cut
from facesdk.tflite.flatbuffer import FlatbufferError
from facesdk.tflite.graph import Graph, Operator, Tensor, read_graph
from facesdk.tflite.verifier import verify
from native.support.lce_graph import Model


@pytest.fixture(scope="module")
def onet() -> ModelBundle:
    return ModelBundle.load(registry.resolve("mtcnn-onet"))


def test_every_operator_alone_gives_what_it_gives_in_the_network(onet: ModelBundle) -> None:
    graph = onet.graph
    image, result = graph.inputs[0].index, graph.outputs[0].index
    values = {image: np.random.default_rng(1).normal(size=(1, 48, 48, 3)).astype("f4")}
    for operator in graph.operators:
        alone = single(onet, graph, operator, 1)
        assert operator.data is not None
        values[operator.outputs[0].index] = alone.run(values[operator.data.index])[0]
    whole = Interpreter(onet).run(values[image])[0]
    np.testing.assert_allclose(values[result], whole, rtol=1e-4, atol=1e-5)


def test_a_cut_through_bits() -> None:
    model = Model(1, 8, 8, 64, 32, (3, 3))
    bundle = ModelBundle.from_bytes(model.to_bytes(), "bits")
    graph = bundle.graph
    quantize, convolve = graph.operators
    bits = single(bundle, graph, quantize, 1).run(model.image())[0]
    alone = single(bundle, graph, convolve, 1).run(bits)[0]
    assert alone.tobytes() == Interpreter(bundle).run(model.image())[0].tobytes()


def test_a_cut_leaves_signatures_out_and_the_model_as_it_was(onet: ModelBundle) -> None:
    before = bytes(onet.content)
    operator = onet.graph.operators[3]
    given, results = [operator.inputs[0].index], [operator.outputs[0].index]
    graph = read_graph(verify(cut(onet.root, [3], given, results)))
    assert onet.content == before
    assert [row.name for row in graph.operators] == [operator.name]
    assert (graph.inputs, graph.outputs) == (operator.inputs[:1], operator.outputs)


def test_a_cut_that_nothing_fills_is_refused(onet: ModelBundle) -> None:
    last = onet.graph.operators[-1]
    given, results = [onet.graph.inputs[0].index], [last.outputs[0].index]
    with pytest.raises(FlatbufferError, match="before it is written"):
        cut(onet.root, [last.index], given, results)


def chain(*edges: tuple[tuple[int, ...], int], constants: frozenset[int] = frozenset()) -> Graph:
    """A graph from what each operator reads and writes."""
    count = 1 + max(max((*reads, writes)) for reads, writes in edges)
    tensors = tuple(
        Tensor(i, "", (1,), "float32", 32, b"1" if i in constants else b"") for i in range(count)
    )
    operators = tuple(
        Operator(index, "X", tuple(tensors[i] for i in reads), (tensors[writes],))
        for index, (reads, writes) in enumerate(edges)
    )
    return Graph(tensors, operators, tensors[:1], (tensors[edges[-1][1]],))


def test_segments_grow_as_far_as_the_data_allows() -> None:
    # 0 stock -> 1 ours -> 3 stock; 2 stock needs only 0; 4 ours needs 3.
    graph = chain(((0,), 1), ((1,), 2), ((1,), 3), ((2, 3), 4), ((4,), 5))
    assert segments(graph, {1, 4}) == (
        Segment(False, (0, 2)),
        Segment(True, (1,)),
        Segment(False, (3,)),
        Segment(True, (4,)),
    )


@given(st.data())
@settings(max_examples=60)
def test_segments_hold_every_operator_once_after_what_it_reads(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 12))
    edges = []
    for index in range(count):
        reads = data.draw(st.lists(st.integers(0, index), min_size=1, max_size=3))
        edges.append((tuple(reads), index + 1))
    claimed = data.draw(st.sets(st.integers(0, count - 1)))
    found = segments(chain(*edges), claimed)
    order = [index for segment in found for index in segment.operators]
    assert sorted(order) == list(range(count))
    for place, index in enumerate(order):
        assert all(read == 0 or read - 1 in order[:place] for read in edges[index][0])
    kinds = [segment.claimed for segment in found]
    assert all(a != b for a, b in pairwise(kinds))


def test_operators_of_constants_are_found() -> None:
    graph = chain(((1,), 2), ((2,), 3), ((0, 3), 4), constants=frozenset({1}))
    assert constant_operators(graph) == {0, 1}
