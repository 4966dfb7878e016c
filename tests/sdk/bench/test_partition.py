"""In which order a runtime runs a graph, on graphs of edges alone."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from facesdk.bench.network_part import constant_operators
from facesdk.bench.partition import Segment, segments
from facesdk.tflite.graph import Graph, Operator, Tensor


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
