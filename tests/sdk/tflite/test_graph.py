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
from facesdk.runtime.operator_events import record_operators
from facesdk.tflite.cut import cut
from facesdk.tflite.flatbuffer import FlatbufferError
from facesdk.tflite.graph import Graph, Operator, Tensor, read_graph
from native.support.binary_graph import BinaryModel
from native.support.lce_graph import BITS, VALID, Model


def bundle_of(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> ModelBundle:
    path = tmp_path_factory.mktemp("model") / "m.tflite"
    path.write_bytes(content)
    return ModelBundle.load(path)


@pytest.fixture(scope="module")
def onet() -> ModelBundle:
    return ModelBundle.load(registry.resolve("mtcnn-onet"))


def test_a_float_networks_layers(onet: ModelBundle) -> None:
    graph = read_graph(onet.content)
    first = graph.operators[0]
    assert (first.name, first.width) == ("CONV_2D", "32x32")
    assert first.macs == 46 * 46 * 32 * 3 * 3 * 3
    weights = 4 * (32 * 3 * 3 * 3 + 32)
    assert first.moved == 4 * (48 * 48 * 3 + 46 * 46 * 32) + weights
    assert graph.shape_text(first) == "1x48x48x3 float32 -> 1x46x46x32 float32"
    dense = [operator for operator in graph.operators if operator.name == "FULLY_CONNECTED"]
    assert [operator.macs for operator in dense] == [3 * 3 * 128 * 256, 256 * 15]
    assert sum(graph.macs.values()) == sum(operator.macs for operator in graph.operators)


@pytest.mark.parametrize("channels", [1, 32, 40, 96])
@pytest.mark.parametrize("groups", [1, 2])
def test_a_binary_convolutions_multiply_adds(channels: int, groups: int) -> None:
    if groups == 2:
        channels = 64
    model = Model(2, 9, 7, channels, 8, (3, 2), padding=VALID, groups=groups)
    operator = next(
        row for row in read_graph(model.to_bytes()).operators if row.name == "LceBconv2d"
    )
    assert operator.width == "1x1"
    assert operator.macs == 2 * 7 * 6 * 8 * 3 * 2 * (channels // groups)


@pytest.mark.parametrize("bits", [0, 8])
@pytest.mark.parametrize("dense", [False, True])
def test_multiply_adds_of_one_bit_weights(
    bits: int, dense: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    model = BinaryModel(2, 6, 5, 40, 9, (3, 2), dense=dense, activation_bits=bits)
    bundle = bundle_of(model.to_bytes(), tmp_path_factory)
    (operator,) = read_graph(bundle.content).operators
    rows = model.image().size // 40
    assert operator.macs == rows * 9 * 40 * (1 if dense else 3 * 2)
    assert operator.width == f"1x{bits or 32}"
    with record_operators() as recording:
        Interpreter(bundle).invoke()
    assert [event.node for event in recording.events] == [operator.index]


def test_channels_are_followed_through_bits() -> None:
    model = Model(1, 8, 8, 40, 72, (3, 3), output=BITS)
    graph = read_graph(model.to_bytes())
    assert graph.macs == {"1x1": 8 * 8 * 72 * 9 * 40}


def test_every_operator_alone_gives_what_it_gives_in_the_network(onet: ModelBundle) -> None:
    graph = read_graph(onet.content)
    values = {graph.inputs[0]: np.random.default_rng(1).normal(size=(1, 48, 48, 3)).astype("f4")}
    for operator in graph.operators:
        alone = single(onet, graph, operator, 1)
        given = next(i for i in operator.inputs if not graph.tensors[i].constant)
        values[operator.outputs[0]] = alone.run(values[given])[0]
    whole = Interpreter(onet).run(values[graph.inputs[0]])[0]
    np.testing.assert_allclose(values[graph.outputs[0]], whole, rtol=1e-4, atol=1e-5)


def test_a_cut_through_bits(tmp_path_factory: pytest.TempPathFactory) -> None:
    model = Model(1, 8, 8, 64, 32, (3, 3))
    bundle = bundle_of(model.to_bytes(), tmp_path_factory)
    graph = read_graph(bundle.content)
    quantize, convolve = graph.operators
    bits = single(bundle, graph, quantize, 1).run(model.image())[0]
    alone = single(bundle, graph, convolve, 1).run(bits)[0]
    assert alone.tobytes() == Interpreter(bundle).run(model.image())[0].tobytes()


def test_a_cut_leaves_signatures_out_and_the_model_as_it_was(onet: ModelBundle) -> None:
    before = bytes(onet.content)
    operator = read_graph(onet.content).operators[3]
    graph = read_graph(cut(onet.content, [3], operator.inputs[:1], operator.outputs))
    assert onet.content == before
    assert [row.name for row in graph.operators] == [operator.name]
    assert (graph.inputs, graph.outputs) == (operator.inputs[:1], operator.outputs)


def test_a_cut_that_nothing_fills_is_refused(onet: ModelBundle) -> None:
    graph = read_graph(onet.content)
    last = graph.operators[-1]
    with pytest.raises(FlatbufferError, match="before it is written"):
        cut(onet.content, [last.index], graph.inputs, last.outputs)


def chain(*edges: tuple[tuple[int, ...], int], constants: frozenset[int] = frozenset()) -> Graph:
    """A graph from what each operator reads and writes."""
    count = 1 + max(max((*reads, writes)) for reads, writes in edges)
    tensors = tuple(Tensor((1,), "float32", 32, i in constants) for i in range(count))
    operators = tuple(
        Operator(index, "X", reads, (writes,), 0, None, 0)
        for index, (reads, writes) in enumerate(edges)
    )
    return Graph(tensors, operators, (0,), (edges[-1][1],))


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
