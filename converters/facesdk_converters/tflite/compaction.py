"""Removing what nothing refers to from a TFLite model tree."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ai_edge_litert import schema_py_generated as schema


def compact(tree: schema.ModelT) -> None:
    """Drops tensors, buffers and operator codes that nothing refers to; order is kept.

    Args:
        tree: The model, as ``ModelT.InitFromPackedBuf`` gives it; changed in place.
    """
    for number, graph in enumerate(tree.subgraphs):
        _drop_tensors(tree, number, graph)
    entries = [tensor for graph in tree.subgraphs for tensor in graph.tensors]
    entries += tree.metadata or []
    kept = _renumber(len(tree.buffers), {0, *(entry.buffer for entry in entries)})
    tree.buffers = _at(tree.buffers, kept)
    for entry in entries:
        entry.buffer = kept[entry.buffer]
    operators = [operator for graph in tree.subgraphs for operator in graph.operators or []]
    codes = _renumber(len(tree.operatorCodes), {operator.opcodeIndex for operator in operators})
    tree.operatorCodes = _at(tree.operatorCodes, codes)
    for operator in operators:
        operator.opcodeIndex = codes[operator.opcodeIndex]


def _drop_tensors(tree: schema.ModelT, number: int, graph: schema.SubGraphT) -> None:
    operators = graph.operators or []
    lists = [(graph, "inputs"), (graph, "outputs")]
    lists += [(op, name) for op in operators for name in ("inputs", "outputs", "intermediates")]
    maps = [
        entry
        for signature in tree.signatureDefs or []
        if signature.subgraphIndex == number
        for entry in [*(signature.inputs or []), *(signature.outputs or [])]
    ]
    used = {index for owner, name in lists for index in _indices(getattr(owner, name))}
    kept = _renumber(len(graph.tensors), used | {entry.tensorIndex for entry in maps})
    graph.tensors = _at(graph.tensors, kept)
    for owner, name in lists:
        if getattr(owner, name) is not None:
            setattr(owner, name, [kept.get(int(i), -1) for i in getattr(owner, name)])
    for entry in maps:
        entry.tensorIndex = kept[entry.tensorIndex]


def _indices(values: Iterable[int] | None) -> list[int]:
    return [int(value) for value in values] if values is not None else []


def _renumber(count: int, used: set[int]) -> dict[int, int]:
    """New numbers of the used ones of ``range(count)``."""
    return {old: new for new, old in enumerate(i for i in range(count) if i in used)}


def _at(items: list[Any], kept: dict[int, int]) -> list[Any]:
    return [items[old] for old in kept]
