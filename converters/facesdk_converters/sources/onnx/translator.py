"""An ONNX graph on its way to Keras: its tensors so far, with channels last.

Tensors of four axes are kept as (batch, height, width, channels), where ONNX has channels second;
all others have ONNX's order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import larq as lq
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from facesdk.errors import ModelError, one_line
from facesdk_converters.sources.onnx.file import (
    Node,
    OnnxModel,
)

LAYERS = tf.keras.layers
NHWC = (0, 2, 3, 1)
NCHW = (0, 3, 1, 2)
PLACES = NCHW
"""Where each of ONNX's axes is."""


@dataclass(frozen=True, slots=True)
class Signs:
    """Signs that are not computed yet: a binary layer takes them itself.

    Attributes:
        of: The tensor whose signs they are, +1 where it is 0 or more.
        turned: Whether they are the opposite of that.
    """

    of: Any
    turned: bool


@dataclass(frozen=True, slots=True)
class Flat:
    """A picture that is to be read as a vector, in ONNX's order."""

    picture: Any


class Translator:
    """Makes a Keras model of a graph, node by node."""

    def __init__(
        self,
        model: OnnxModel,
        path: Path,
        operators: Mapping[str, Callable[[Translator, Node], Any]],
    ) -> None:
        """Begins with nothing computed.

        Args:
            model: The graph.
            path: Its file, for messages.
            operators: What each kind of node becomes: its output, or a list of them.
        """
        self.onnx = model
        self.path = path
        self.operators = operators
        self.values: dict[str, Any] = {}
        self.names: set[str] = set()

    def model(self) -> tf.keras.Model:
        """The model; messages of :class:`ModelError` name the node."""
        given = []
        for name, shape in zip(self.onnx.inputs, self.onnx.input_shapes, strict=True):
            sizes = shape[1:] if len(shape) != 4 else (shape[2], shape[3], shape[1])
            given.append(
                LAYERS.Input(
                    sizes, batch_size=shape[0], name=self._own_name(name.replace(".", "_"))
                )
            )
            self.values[name] = given[-1]
        for node in self.onnx.nodes:
            self._add(node)
        for name in self.onnx.outputs:
            if name in self.onnx.constants:
                raise ModelError(f"{self.path} gives {name} as an output, which is a constant")
        outputs = [self.tensor(name) for name in self.onnx.outputs]
        if all(any(output is one for one in given) for output in outputs):
            raise ModelError(f"{self.path} computes nothing")
        return tf.keras.Model(given, outputs, name=_legal(self.path.stem))

    def _add(self, node: Node) -> None:
        function = self.operators.get(node.kind)
        if function is None:
            raise ModelError(
                f"{self.path}: node {node.name} is {node.kind}, which facesdk does not translate "
                "from ONNX (docs/train/convert.md lists what it does)"
            )
        try:
            results = function(self, node)
        except ModelError as error:
            raise ModelError(f"{self.path}: node {node.name} ({node.kind}) {error}") from None
        except Exception as error:  # shapes and attributes that Keras does not take
            raise ModelError(
                f"{self.path}: node {node.name} ({node.kind}) cannot be translated from ONNX "
                f"({one_line(error, 200)})"
            ) from None
        outputs = results if isinstance(results, list) else [results]
        for name, value in zip(node.outputs, outputs, strict=False):
            self.values[name] = value

    def layer_name(self, node: Node) -> str:
        """A name for a layer of a node, which no other has."""
        return self._own_name(node.name)

    def _own_name(self, wanted: str) -> str:
        name = base = _legal(wanted)
        number = 1
        while name in self.names:
            number += 1
            name = f"{base}_{number}"
        self.names.add(name)
        return name

    def constant(self, name: str) -> NDArray[Any] | None:
        """The numbers of a tensor of the file; None if it is computed."""
        return self.onnx.constants.get(name)

    def given(self, node: Node, place: int) -> NDArray[Any]:
        """A constant input; raises where it is computed."""
        values = self.constant(node.inputs[place]) if place < len(node.inputs) else None
        if values is None:
            raise ModelError(f"takes input {place} from another operator, which must be a constant")
        return values

    def numbers(self, node: Node, name: str, place: int) -> list[int] | None:
        """Integers that are an attribute in old opsets and an input in new ones."""
        if name in node.attributes:
            value = node.attributes[name]
            return [int(n) for n in value] if isinstance(value, (list, tuple)) else [int(value)]
        if place < len(node.inputs) and node.inputs[place]:
            return [int(n) for n in self.given(node, place).reshape(-1)]
        return None

    def raw(self, name: str) -> Any:
        """A tensor, or signs or a vector that are not computed yet."""
        return self.values[name]

    def tensor(self, name: str) -> Any:
        """A tensor, computed."""
        value = self.values[name]
        if isinstance(value, Signs):
            signs = LAYERS.Activation(lq.quantizers.SteSign())(value.of)
            value = -signs if value.turned else signs
        elif isinstance(value, Flat):
            value = as_vector(value.picture)
        self.values[name] = value
        return value

    def operand(self, name: str, rank: int) -> Any:
        """A tensor, or a constant that broadcasts with tensors of that rank."""
        values = self.constant(name)
        if values is None:
            return self.tensor(name)
        values = np.asarray(values, np.float32)
        if rank == 4 and values.ndim:
            values = values.reshape((1,) * (4 - values.ndim) + values.shape).transpose(NHWC)
            return values if values.shape[:3] != (1, 1, 1) else values.reshape(-1)
        return values


def _legal(name: str) -> str:
    """A name that Keras takes: ``/layer1/conv/Conv`` becomes ``layer1_conv_Conv``."""
    return re.sub(r"[^A-Za-z0-9_.]", "_", name.strip("/")).lstrip("_.") or "node"


def rank_of(value: Any) -> int:
    """Number of axes, the batch among them."""
    return len(value.shape)


def as_vector(picture: Any) -> Any:
    """A picture as a vector in ONNX's order: channels first."""
    if rank_of(picture) != 4:
        return LAYERS.Flatten()(picture)
    if picture.shape[1] != 1 or picture.shape[2] != 1:
        picture = tf.transpose(picture, NCHW)
    return LAYERS.Flatten()(picture)
