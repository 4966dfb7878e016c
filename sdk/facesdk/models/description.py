"""What is in a model file: its operators, its tensors and what its bytes are spent on."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import Contract
from facesdk.runtime import operator_library
from facesdk.tflite.flatbuffer import Table
from facesdk.tflite.graph import Graph, read_graph
from facesdk.tflite.verifier import verify

BIT = "1 bit"
"""What the kernels of binary operators are called; the file has them as words of 32 bits."""


@dataclass(frozen=True, slots=True)
class Port:
    """An input or an output of the network.

    Attributes:
        name: Its name in the file.
        shape: Its shape in the file; runtimes may resize it.
        dtype: Its type, for example ``"float32"``.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, slots=True)
class OperatorKind:
    """Operators of one name and one kind of kernel.

    Attributes:
        name: ``"CONV_2D"``, or a custom operator's own name.
        bits: Bits of its weights and of its activations, ``"1x1"`` or ``"8x32"``; None where it
            does not multiply.
        count: Number of them.
    """

    name: str
    bits: str | None
    count: int


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """A model file.

    Attributes:
        path: The file.
        bytes: Size of the model.
        packed_bytes: Size of the file if it is a container; None for a plain model.
        sha256: SHA-256 of the model (hex): the id that its embeddings carry.
        contract: What it says about itself; None if it carries no contract.
        inputs: What the caller gives.
        outputs: What the caller gets.
        operators: Its operators by kind, the most frequent first.
        operator_library: Whether it needs facesdk's operator library.
        unknown_operators: Custom operators that the library does not have either.
        constants: Bytes of weights and other constants by type, the most first.
        other_bytes: Bytes of all else: the graph, names, the contract, padding.
    """

    path: Path
    bytes: int
    packed_bytes: int | None
    sha256: str
    contract: Contract | None
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    operators: tuple[OperatorKind, ...]
    operator_library: bool
    unknown_operators: tuple[str, ...]
    constants: dict[str, int]
    other_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """The record that ``facesdk models show --json`` prints."""
        record = dataclasses.asdict(self)
        record["path"] = str(self.path)
        record["contract"] = self.contract and self.contract.to_dict()
        return record


def describe(bundle: ModelBundle) -> ModelDescription:
    """What is in a model file; of a model with several graphs, in the main one."""
    graph = read_graph(bundle.content)
    model = verify(bundle.content)
    tables = list(next(model.tables(2)).tables(0))
    constants = _constants(graph, tables, list(model.tables(4)))
    kinds = Counter((operator.name, operator.width) for operator in graph.operators)
    return ModelDescription(
        path=bundle.path,
        bytes=len(bundle.content),
        packed_bytes=bundle.packed_bytes,
        sha256=bundle.sha256,
        contract=bundle.embedded_contract,
        inputs=_ports(graph, tables, graph.inputs),
        outputs=_ports(graph, tables, graph.outputs),
        operators=tuple(OperatorKind(*kind, count) for kind, count in kinds.most_common()),
        operator_library=bool(bundle.custom_ops),
        unknown_operators=tuple(sorted(set(bundle.custom_ops) - set(operator_library.OPERATORS))),
        constants=constants,
        other_bytes=len(bundle.content) - sum(constants.values()),
    )


def _ports(graph: Graph, tables: list[Table], indices: tuple[int, ...]) -> tuple[Port, ...]:
    return tuple(
        Port(tables[i].bytes(3).decode(), graph.tensors[i].shape, graph.tensors[i].dtype)
        for i in indices
    )


def _constants(graph: Graph, tables: list[Table], buffers: list[Table]) -> dict[str, int]:
    """Bytes by type; a buffer that several tensors share counts once."""
    bits = {
        operator.inputs[1]
        for operator in graph.operators
        if operator.width and operator.width.startswith("1x")
    }
    sizes: Counter[str] = Counter()
    seen = set()
    for index, (tensor, table) in enumerate(zip(graph.tensors, tables, strict=True)):
        number = table.scalar(2)
        if tensor.constant and number not in seen:
            seen.add(number)
            sizes[BIT if index in bits else tensor.dtype] += _size(buffers[number])
    return dict(sizes.most_common())


def _size(buffer: Table) -> int:
    return buffer.scalar(2) if buffer.scalar(1) > 1 else buffer.count(0)
