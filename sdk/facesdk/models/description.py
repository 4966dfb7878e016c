"""What is in a model file: its operators, its tensors and what its bytes are spent on."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import Contract
from facesdk.tflite import macs
from facesdk.tflite.graph import Graph, Tensor
from facesdk.tflite.operators import CUSTOM_OPERATORS

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
        bits: Bits of its weights and of its activations that are multiplied, ``"1x1"`` or
            ``"8x32"``; None where it does not multiply.
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
        sha256: SHA-256 of the model (hex).
        model_id: The id that its embeddings carry: that of the model as it was converted, before it
            was calibrated or edited.
        contract: What it says about itself; None if it carries no contract.
        inputs: What the caller gives.
        outputs: What the caller gets.
        operators: Its operators by kind, the most frequent first.
        macs: Multiply-adds by the bits multiplied, for the file's batch
            (:func:`facesdk.tflite.macs.multiplied`).
        stored_macs: Multiply-adds by the bits of weights as they are stored, for one
            input (:func:`facesdk.tflite.macs.stored`).
        operator_library: Whether it needs facesdk's operator library.
        unknown_operators: Custom operators that the library does not have either.
        constants: Bytes of weights and other constants by type, the most first.
        other_bytes: Bytes of all else: the graph, names, the contract, padding.
    """

    path: Path
    bytes: int
    packed_bytes: int | None
    sha256: str
    model_id: str
    contract: Contract | None
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    operators: tuple[OperatorKind, ...]
    macs: dict[str, int]
    stored_macs: dict[str, int]
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
    graph = bundle.graph
    constants = _constants(graph)
    kinds = Counter((row.name, macs.multiplied(row).width) for row in graph.operators)
    return ModelDescription(
        path=bundle.path,
        bytes=len(bundle.content),
        packed_bytes=bundle.packed_bytes,
        sha256=bundle.sha256,
        model_id=bundle.model_id,
        contract=bundle.embedded_contract,
        inputs=_ports(graph.inputs),
        outputs=_ports(graph.outputs),
        operators=tuple(OperatorKind(*kind, count) for kind, count in kinds.most_common()),
        macs=macs.totals(graph.operators, macs.multiplied),
        stored_macs=macs.totals(graph.operators, macs.stored),
        operator_library=bool(bundle.custom_ops),
        unknown_operators=tuple(sorted(set(bundle.custom_ops) - set(CUSTOM_OPERATORS))),
        constants=constants,
        other_bytes=len(bundle.content) - sum(constants.values()),
    )


def _ports(tensors: tuple[Tensor, ...]) -> tuple[Port, ...]:
    return tuple(Port(row.name, row.shape, row.dtype) for row in tensors)


def _constants(graph: Graph) -> dict[str, int]:
    """Bytes by type; a buffer that several tensors share counts once."""
    signs = {row.weights.buffer for row in graph.operators if row.weights and row.is_packed}
    sizes: Counter[str] = Counter()
    seen = set()
    for tensor in graph.tensors:
        if tensor.constant and tensor.buffer not in seen:
            seen.add(tensor.buffer)
            sizes[BIT if tensor.buffer in signs else tensor.dtype] += len(tensor.data)
    return dict(sizes.most_common())
