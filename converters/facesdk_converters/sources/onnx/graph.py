"""An ONNX graph as plain data: its nodes, its constants, what it reads and gives."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from facesdk.errors import ModelError

LARGEST = 2**29
"""Numbers that a tensor may have: 2 GiB, which devices do not have."""

SEVERAL = 3
"""The size of a batch by which to see what the size of any batch decides."""


@dataclass(frozen=True, slots=True)
class Node:
    """An operator of the graph.

    Attributes:
        kind: Its type, ``Conv`` for example, or one of
            :data:`facesdk_converters.sources.onnx.signs.SIGNS`.
        name: Its name; never empty.
        inputs: Names of the tensors that it takes; empty for those left out.
        outputs: Names of those that it makes.
        attributes: Numbers, lists, text and arrays by name.
        proto: The operator as it is in the file.
    """

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]
    proto: onnx.NodeProto

    def reads_only(self, constants: Container[str]) -> bool:
        """Whether it makes the same of these tensors each time."""
        return "Random" not in self.kind and all(name in constants for name in self.inputs if name)

    @property
    def part_of_shape(self) -> slice:
        """Which sizes a Shape gives."""
        return slice(self.attributes.get("start", 0), self.attributes.get("end"))


@dataclass(frozen=True, slots=True)
class OnnxModel:
    """A graph.

    Attributes:
        nodes: What is needed for the outputs, in order of execution.
        constants: Arrays by name; those that the size of a batch decides are for one input.
        inputs: Names of the inputs.
        input_shapes: Their shapes, the batch included; the batch is None where any will do.
        outputs: Names of the tensors that are the outputs.
        proto: The file.
        several: Constants that are others for :data:`SEVERAL` inputs, as they are then.
    """

    nodes: tuple[Node, ...]
    constants: dict[str, NDArray[Any]]
    inputs: tuple[str, ...]
    input_shapes: tuple[tuple[int | None, ...], ...]
    outputs: tuple[str, ...]
    proto: onnx.ModelProto
    several: dict[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def opsets(self) -> dict[str, int]:
        """Version of the operators of each domain."""
        return {row.domain: row.version for row in self.proto.opset_import}

    def maker(self, tensor: str) -> Node | None:
        """The node that computes a tensor; None for an input or a constant."""
        return next((node for node in self.nodes if tensor in node.outputs), None)

    def number(self, tensor: str) -> float | None:
        """The value of a constant of equal numbers; None for any other tensor."""
        values = self.constants.get(tensor)
        if values is None or values.size == 0 or not (values == values.flat[0]).all():
            return None
        return float(values.flat[0])


def clip_bounds(model: OnnxModel, node: Node) -> tuple[float, float]:
    """The bounds of a Clip: inputs since opset 11, attributes before.

    Raises:
        ModelError: One of them is computed, or not one number.
    """
    bounds = [node.attributes.get("min", -np.inf), node.attributes.get("max", np.inf)]
    for place, name in enumerate(node.inputs[1:3]):
        if name:
            bounds[place] = model.number(name)
    if None in bounds:
        raise ModelError("has a bound that is not a number of the file: export it as one")
    return float(bounds[0]), float(bounds[1])
