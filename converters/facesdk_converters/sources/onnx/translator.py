"""An ONNX graph on its way to Keras: its tensors so far, with channels last.

Tensors of four axes are kept as (batch, height, width, channels), where ONNX has channels second;
all others have ONNX's order.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import larq as lq
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from facesdk.errors import ModelError, one_line
from facesdk_converters.sources.onnx.graph import LARGEST, SEVERAL, Node, OnnxModel
from facesdk_converters.sources.onnx.reference import evaluated, evaluated_for_several

LAYERS = tf.keras.layers
NHWC = (0, 2, 3, 1)
NCHW = (0, 3, 1, 2)
ONE_AT_A_TIME = "export it for a batch of 1, without dynamic_axes"
PLACES = NCHW
"""Where each of ONNX's axes is."""


_FRAMES, _DEEPEST = 4, 5000
"""Calls in each other that an operator may take, and the most operators that may."""


@dataclass(frozen=True, slots=True)
class Signs:
    """Two levels by signs that are not computed yet: a binary layer takes the signs itself.

    Attributes:
        of: The tensor whose signs they are, +1 where it is 0 or more.
        scale: By what signs are multiplied; -1 for their opposite.
        offset: What is added then.
        written: The tensor as the file computes it; None if that is a sign.
    """

    of: Any
    scale: float = 1.0
    offset: float = 0.0
    written: Any = None

    def sign_of(self, value: float) -> float:
        """The sign that gives a value; another number if none does."""
        return (value - self.offset) / self.scale

    def moved(self, of: Any) -> Signs:
        """The levels of another tensor."""
        return Signs(of, self.scale, self.offset)


@dataclass(frozen=True, slots=True)
class Flat:
    """A picture that is to be read as a vector, in ONNX's order."""

    picture: Any


@dataclass(frozen=True, slots=True)
class Batch:
    """How the inputs of a batch of any size lie along the axis that has them.

    Attributes:
        outer: Parts of the axis, each with all inputs.
        inner: Places of each input in a part.
    """

    outer: int = 1
    inner: int = 1


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
        self.constants = dict(model.constants)
        self.several = dict(model.several)
        self.batches: dict[str, Batch] = {}
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
            if shape[0] is None:
                self.batches[name] = Batch()
        for node in self.onnx.nodes:
            self._add(node)
        for name in self.onnx.outputs:
            if name in self.constants:
                raise ModelError(f"{self.path} gives {name} as an output, which is a constant")
            if self.batches.get(name, Batch()) != Batch():
                raise ModelError(
                    f"{self.path} puts inputs of a batch together in its output {name}: "
                    f"{ONE_AT_A_TIME}"
                )
            if not self.sizes(name):
                raise ModelError(
                    f"{self.path} gives a single number for a whole batch as its output {name}: "
                    "keep the axis of the batch where it is reduced, for example with keepdims"
                )
        outputs = [_as_float(self.tensor(name)) for name in self.onnx.outputs]
        if all(any(output is one for one in given) for output in outputs):
            raise ModelError(f"{self.path} computes nothing")
        return self._network(given, outputs)

    def _network(self, given: list[Any], outputs: list[Any]) -> tf.keras.Model:
        """Keras goes through layers by recursion, one in the other."""
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(limit + _FRAMES * min(len(self.onnx.nodes), _DEEPEST))
        try:
            return tf.keras.Model(given, outputs, name=_legal(self.path.stem))
        except RecursionError:
            raise ModelError(f"{self.path} has too many operators behind each other") from None
        finally:
            sys.setrecursionlimit(limit)

    def _add(self, node: Node) -> None:
        opsets = self.onnx.opsets
        if node.reads_only(self.constants):
            try:
                self.constants |= evaluated(node, self.constants, opsets)
            except ModelError as error:
                raise ModelError(f"{self.path}: {error}") from None
            self.several |= evaluated_for_several(node, self.constants, self.several, opsets)
            return
        if node.kind == "Shape":
            one, several = (
                np.array(self.sizes(node.inputs[0], count)[node.part_of_shape], np.int64)
                for count in (1, SEVERAL)
            )
            self.constants[node.outputs[0]] = one
            if not np.array_equal(one, several):
                self.several[node.outputs[0]] = several
            return
        if node.kind not in self.operators:
            raise ModelError(
                f"{self.path}: node {node.name} is {node.kind}, which facesdk does not translate "
                "from ONNX (docs/train/convert.md lists what it does)"
            )
        try:
            results = self.translated(node)
        except ModelError as error:
            raise ModelError(f"{self.path}: node {node.name} ({node.kind}) {error}") from None
        except Exception as error:  # shapes and attributes that Keras does not take
            raise ModelError(
                f"{self.path}: node {node.name} ({node.kind}) cannot be translated from ONNX "
                f"({one_line(error, 200)})"
            ) from None
        outputs = results if isinstance(results, list) else [results]
        batches = {self.batches[name] for name in node.inputs if name in self.batches}
        if len(batches) > 1:
            raise ModelError(
                f"{self.path}: node {node.name} ({node.kind}) meets inputs of a batch in another "
                f"order: {ONE_AT_A_TIME}"
            )
        for name, value in zip(node.outputs, outputs, strict=False):
            self.values[name] = value
            if batches and name not in self.batches and batch_axis(value) is not None:
                self.batches[name] = next(iter(batches))
            if math.prod(sizes := self.sizes(name)) > LARGEST:
                raise ModelError(
                    f"{self.path}: node {node.name} ({node.kind}) makes a tensor of {sizes}, more "
                    f"than {LARGEST:,} numbers"
                )

    def translated(self, node: Node) -> Any:
        """What a node of a known operator gives: its output, or a list of them."""
        return self.operators[node.kind](self, node)

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
        return self.constants.get(name)

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
        self.values[name] = value = computed(self.values[name])
        return value

    def sizes(self, name: str, count: int = 1) -> list[int]:
        """ONNX's shape of a tensor, for so many inputs if the batch is open."""
        value = self.values[name]
        sizes, axis = sizes_of(value), batch_axis(value)
        if axis is not None:
            batch = self.batches[name]
            sizes[axis] = batch.outer * count * batch.inner
        return sizes

    def operand(self, name: str, rank: int, kind: Any = tf.float32) -> Any:
        """A tensor, or a constant of a type that broadcasts with tensors of that rank."""
        values = self.constant(name)
        if values is None:
            return _of_rank(self.tensor(name), rank)
        values = np.asarray(values, kind.as_numpy_dtype)
        if rank == 4 and values.ndim:
            values = values.reshape((1,) * (4 - values.ndim) + values.shape).transpose(NHWC)
            return values if values.shape[:3] != (1, 1, 1) else values.reshape(-1)
        return values


def _legal(name: str) -> str:
    """A name that Keras takes: ``/layer1/conv/Conv`` becomes ``layer1_conv_Conv``."""
    return re.sub(r"[^A-Za-z0-9_.]", "_", name.strip("/")).lstrip("_.") or "node"


def computed(value: Any) -> Any:
    """The tensor of signs or of a vector that are not computed yet; a tensor as it is."""
    if isinstance(value, Signs):
        if value.written is not None:
            return value.written
        signs = LAYERS.Activation(lq.quantizers.SteSign())(value.of)
        if (value.scale, value.offset) == (1.0, 0.0):
            return signs
        if (value.scale, value.offset) == (-1.0, 0.0):
            return -signs
        return signs * value.scale + value.offset
    return as_vector(value.picture) if isinstance(value, Flat) else value


def rank_of(value: Any) -> int:
    """Number of axes, the batch among them."""
    return len(value.shape)


def sizes_of(value: Any) -> list[int]:
    """ONNX's shape of a value; a batch of any size counts as 1."""
    x = value.of if isinstance(value, Signs) else value
    shape = x.picture.shape if isinstance(x, Flat) else x.shape
    sizes = [1 if size is None else int(size) for size in shape]
    if isinstance(x, Flat):
        return [sizes[0], int(np.prod(sizes[1:]))]
    return [sizes[place] for place in PLACES] if len(sizes) == 4 else sizes


def batch_axis(value: Any) -> int | None:
    """Which of ONNX's axes counts the inputs of a batch of any size; None if it is fixed."""
    x = value.of if isinstance(value, Signs) else value
    shape = list(x.picture.shape[:1] if isinstance(x, Flat) else x.shape)
    if None not in shape:
        return None
    place = shape.index(None)
    return PLACES.index(place) if len(shape) == 4 else place


def ordered(x: Any) -> Any:
    """A tensor with its axes in ONNX's order."""
    return tf.transpose(x, NCHW) if rank_of(x) == 4 else x


def stored(x: Any) -> Any:
    """A tensor with its axes in ONNX's order as it is kept here."""
    return tf.transpose(x, NHWC) if rank_of(x) == 4 else x


def _of_rank(x: Any, rank: int) -> Any:
    """A tensor that broadcasts with those of a rank as ONNX's would."""
    if rank != 4 or rank_of(x) == 4 or rank_of(x) == 0:
        return x
    for _ in range(4 - rank_of(x)):
        x = tf.expand_dims(x, 0)
    return stored(x)


def _as_float(x: Any) -> Any:
    return x if x.dtype == tf.float32 else tf.cast(x, tf.float32)


def as_vector(picture: Any) -> Any:
    """A picture as a vector in ONNX's order: channels first."""
    if rank_of(picture) != 4:
        return LAYERS.Flatten()(picture)
    if picture.shape[1] != 1 or picture.shape[2] != 1:
        picture = tf.transpose(picture, NCHW)
    return LAYERS.Flatten()(picture)
