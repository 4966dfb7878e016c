"""In which order a runtime runs a graph of which a delegate has claimed some operators.

TensorFlow Lite joins what a delegate claimed, and what it did not, to sets as large as the order
of the data allows (``graph_info.cc``, ``PartitionGraphIntoIndependentNodeSubsets``): beginning with
the first operator that is ready, a set takes every operator of its kind that becomes ready, then
the next set begins.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from facesdk.tflite.graph import Graph


@dataclass(frozen=True, slots=True)
class Segment:
    """Operators that run together.

    Attributes:
        claimed: Whether the operator library runs them; else the runtime does.
        operators: Their places in the model, in the order in which they run.
    """

    claimed: bool
    operators: tuple[int, ...]


def segments(graph: Graph, claimed: Collection[int]) -> tuple[Segment, ...]:
    """The sets of a graph in the order in which they run.

    Args:
        graph: The model's graph.
        claimed: Places of the operators that the delegate took.
    """
    reads = [{row.index for row in op.inputs if row is not None} for op in graph.operators]
    writes = [{row.index for row in op.outputs} for op in graph.operators]
    written = set().union(*writes)
    pending = list(range(len(graph.operators)))
    available: set[int] = set()
    result: list[Segment] = []
    while pending:
        kind: bool | None = None
        taken: list[int] = []
        progress = True
        while progress:
            progress = False
            for index in list(pending):
                if (index in claimed) != kind and kind is not None:
                    continue
                if any(i in written and i not in available for i in reads[index]):
                    continue
                kind = index in claimed
                taken.append(index)
                available |= writes[index]
                pending.remove(index)
                progress = True
        if kind is None:
            raise ValueError("the graph has a cycle")
        result.append(Segment(kind, tuple(taken)))
    return tuple(result)
