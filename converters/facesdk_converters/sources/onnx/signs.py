"""Signs, in all the ways in which networks write them.

Whatever is computed of ``Sign(x)``, of comparisons of x with 0 and of constants alone has three
values: where x is negative, where it is 0, and where it is positive. Where the value at 0 is one of
the others, or between them as that of ``Sign`` is, it is two levels by the sign of x: -1 and 1 of
``2 * Cast(x > 0) - 1``, ``Where(x >= 0, 1, -1)`` or ``Sign(Sign(x) + 0.1)``, 0 and 1 of
``Cast(x > 0)``, others of ``a * Sign(x) + b``. A comparison with other numbers is one of the
difference with 0. ``x / Abs(x)``, and ``Clip`` or ``Tanh`` of x times a large number, are signs up
to what rounding does to x.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from facesdk_converters.sources.onnx.graph import Node, OnnxModel, clip_bounds

SIGN_OF_ZERO_IS_ONE, SIGN_OF_ZERO_IS_MINUS_ONE, SIGN_OF_ZERO_IS_ZERO = "AtLeast", "Above", "Sign"
"""Kinds of recognised signs: +1 where x >= 0, +1 where x > 0, and ONNX's own."""

SIGNS = (SIGN_OF_ZERO_IS_ONE, SIGN_OF_ZERO_IS_MINUS_ONE, SIGN_OF_ZERO_IS_ZERO)

_Values = NDArray[np.float64]
"""Of a tensor: where another is negative, where it is 0, and where it is positive."""

_SIGN: _Values = np.array([-1.0, 0.0, 1.0])
_COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "GreaterOrEqual": np.greater_equal,
    "Greater": np.greater,
    "Less": np.less,
    "LessOrEqual": np.less_equal,
    "Equal": np.equal,
}
_ARITHMETIC: Mapping[str, Callable[..., Any]] = {
    **_COMPARISONS,
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.divide,
    "Neg": np.negative,
    "Not": np.logical_not,
    "Sign": np.sign,
    "Where": np.where,
}
_ASKING = ("Not", "Where")
"""They ask whether their first input is true, as what is no single value need not be."""
_UP_TO_ROUNDING = ("Clip", "Div", "Tanh")
_KEEP_ZEROS = ("MaxPool", "Identity", "Dropout", "Flatten", "Reshape", "Squeeze", "Transpose")
_HALF = "a half"
"""A constant that graphs get beside their own."""
_LARGE = 1e6
"""Times this, what is between -1 and 1 is what rounding makes of 0 among numbers around 1."""


@dataclass(frozen=True, slots=True)
class _Step:
    """A tensor that the sign of another one decides.

    Attributes:
        source: The tensor whose sign decides.
        values: The three values; of a condition 1 stands for true and 0 for false, and NaN for what
            is no single value there.
        is_condition: Whether it is true or false.
    """

    source: str
    values: _Values
    is_condition: bool


class _Steps:
    """Goes through a graph in order, and keeps what signs decide."""

    def __init__(self, model: OnnxModel) -> None:
        self.model = model
        self.makers: dict[str, Node] = {}
        self.steps: dict[str, _Step] = {}
        self.differences: dict[tuple[str, str], Node] = {}

    def add(self, node: Node) -> list[Node]:
        """The node, or a sign in its place, behind what that needs."""
        before = len(self.differences)
        step = self._step(node)
        new = list(self.differences.values())[before:]
        if step is not None:
            self.steps[node.outputs[0]] = step
            node = _as_sign(node, step)
        self.makers |= dict.fromkeys(node.outputs, node)
        return [*new, node]

    def _step(self, node: Node) -> _Step | None:
        """What a node makes of signs; None if it is something else."""
        given = [self.steps.get(name) for name in node.inputs]
        known = [step for step in given if step is not None]
        if not known:
            return self._first(node)
        if node.kind == "Cast":
            return _cast(node, known[0])
        if node.kind not in _ARITHMETIC or len({step.source for step in known}) > 1:
            return None
        compares = node.kind in _COMPARISONS
        if (compares or node.kind == "Sign") and any(np.isnan(step.values).any() for step in known):
            return self._first(node)
        numbers = []
        for name, step in zip(node.inputs, given, strict=True):
            number = self._number(name, known[0].source)
            if step is None and number is None and node.kind != "Where":
                return None
            numbers.append(step.values if step else np.nan if number is None else number)
        if node.kind in _ASKING and np.isnan(numbers[0]).any():
            return None
        with np.errstate(all="ignore"):
            values = np.asarray(_ARITHMETIC[node.kind](*numbers), np.float64)
        if np.isinf(values).any() or np.isnan(values).all():
            return None
        return _Step(known[0].source, values, compares or node.kind == "Not")

    def _number(self, tensor: str, source: str) -> float | None:
        """The one value of a constant, or of a tensor that is made as large as a source."""
        maker = self.makers.get(tensor)
        if maker is None:
            return self.model.number(tensor)
        if maker.kind == "Neg":
            opposite = self._number(maker.inputs[0], source)
            return None if opposite is None else -opposite
        shape = self.makers.get(maker.inputs[0]) if maker.kind == "ConstantOfShape" else None
        if shape is None or shape.kind != "Shape" or not self._is_as_large(shape.inputs[0], source):
            return None
        value = maker.attributes.get("value")
        return 0.0 if value is None else float(numpy_helper.to_array(value).flat[0])

    def _is_as_large(self, tensor: str, source: str) -> bool:
        """Whether it is a source, what is made of signs of it, or what it is the difference of."""
        step = self.steps.get(tensor)
        known = [x for (x, _), node in self.differences.items() if source in node.outputs]
        return tensor in (source, *known) or (step is not None and step.source == source)

    def _first(self, node: Node) -> _Step | None:
        """Signs of a tensor that none decides, and comparisons of it with constants."""
        if node.kind in _COMPARISONS:
            source = self._difference(node)
            values = np.asarray(_COMPARISONS[node.kind](_SIGN, 0.0), np.float64)
            return None if source is None else _Step(source, values, True)
        if node.kind == "Sign":
            return _Step(self._unclipped(node.inputs[0]), _SIGN, False)
        if node.kind == "Round":
            return self._rounded(node)
        source = self._quotient(node) if node.kind == "Div" else self._scaled(node)
        return None if source is None else _Step(source, _SIGN, False)

    def _difference(self, node: Node) -> str | None:
        """The tensor whose sign says how another compares with a constant."""
        x, other = node.inputs
        threshold = self.model.constants.get(other)
        if threshold is None or threshold.dtype != np.float32 or x in self.model.constants:
            return None
        return x if self.model.number(other) == 0 else self._minus(x, other)

    def _minus(self, x: str, constant: str) -> str:
        if (x, constant) not in self.differences:
            name = f"{x} - {constant}"
            proto = onnx.helper.make_node("Sub", [x, constant], [name])
            made = Node("Sub", name, (x, constant), (name,), {}, proto)
            self.differences[x, constant] = made
        return self.differences[x, constant].outputs[0]

    def _unclipped(self, tensor: str) -> str:
        """What has the same signs as a tensor: that which a ``Clip`` around 0 reads."""
        clip = self.makers.get(tensor)
        if clip is None or clip.kind != "Clip" or not self._bounds(clip):
            return tensor
        low, high = self._bounds(clip)
        return clip.inputs[0] if low < 0 < high else tensor

    def _bounds(self, clip: Node) -> tuple[float, ...]:
        """Of a ``Clip``; empty if they are computed."""
        known = all(self.model.number(name) is not None for name in clip.inputs[1:3] if name)
        return clip_bounds(self.model, clip) if known else ()

    def _quotient(self, node: Node) -> str | None:
        """The x of ``x / Abs(x)``."""
        x, other = node.inputs
        size = self.makers.get(other)
        return x if size is not None and size.kind == "Abs" and size.inputs == (x,) else None

    def _scaled(self, node: Node) -> str | None:
        """The x of ``Clip(x * 1e6, -1, 1)`` and of ``Tanh``, for numbers that are as large."""
        if node.kind not in ("Clip", "Tanh"):
            return None
        if node.kind == "Clip" and self._bounds(node) != (-1.0, 1.0):
            return None
        product = self.makers.get(node.inputs[0])
        if product is None or product.kind not in ("Mul", "Div"):
            return None
        for x, other in (product.inputs, product.inputs[::-1]):
            number = self.model.number(other)
            if number and (product.kind == "Mul" or x == product.inputs[0]):
                factor = number if product.kind == "Mul" else 1 / number
                return x if factor >= _LARGE else None
        return None

    def _rounded(self, node: Node) -> _Step | None:
        """``Round(Clip(x, 0, 1))``, which is 0 up to a half and 1 above."""
        clip = self.makers.get(node.inputs[0])
        if clip is None or clip.kind != "Clip" or self._bounds(clip) != (0.0, 1.0):
            return None
        source = self._minus(clip.inputs[0], _HALF)
        return _Step(source, np.array([0.0, 0.0, 1.0]), False)


def _cast(node: Node, step: _Step) -> _Step | None:
    wanted = int(node.attributes["to"])
    if wanted == onnx.TensorProto.FLOAT:
        return replace(step, is_condition=False)
    if wanted != onnx.TensorProto.BOOL or np.isnan(step.values).any():
        return None
    return _Step(step.source, np.asarray(step.values != 0, np.float64), True)


def with_signs(model: OnnxModel) -> OnnxModel:
    """A graph with one node of :data:`SIGNS` in place of each way to write a sign.

    Its first input is the tensor whose signs they are. Where the levels are not -1 and 1, or only
    up to rounding, it has them as attributes, ``low`` and ``high``, and as ``written`` the node as
    it was, whose inputs follow.
    """
    model = replace(model, constants={**model.constants, _HALF: np.array(0.5, np.float32)})
    steps = _Steps(model)
    nodes = [new for node in model.nodes for new in steps.add(node)]
    return replace(model, nodes=tuple(nodes))


def _as_sign(node: Node, step: _Step) -> Node:
    """The node of signs in a node's place; the node where there is none."""
    if step.is_condition or np.isnan(step.values).any():
        return node
    low, zero, high = step.values.tolist()
    kinds = {
        high: SIGN_OF_ZERO_IS_ONE,
        low: SIGN_OF_ZERO_IS_MINUS_ONE,
        (low + high) / 2: SIGN_OF_ZERO_IS_ZERO,
    }
    if low == high or zero not in kinds:
        return node
    if (low, high) == (-1.0, 1.0) and node.kind not in _UP_TO_ROUNDING:
        return replace(node, kind=kinds[zero], inputs=(step.source,), attributes={})
    levels = {"low": low, "high": high, "written": node}
    inputs = (step.source, *node.inputs)
    return replace(node, kind=kinds[zero], inputs=inputs, attributes=levels)


def gives_zeros(model: OnnxModel, tensor: str) -> str:
    """The node that makes many values of a tensor exactly 0, of which ONNX's sign is 0; or ""."""
    for node in _backwards(model, tensor):
        if node.kind == "Relu" or (node.kind == "Clip" and clip_bounds(model, node)[0] == 0):
            return f"{node.kind} {node.name}"
        if node.kind == "Pad" and node.attributes.get("mode", b"constant") == b"constant":
            return f"{node.kind} {node.name}"
    return ""


def is_sum_of_signs(model: OnnxModel, tensor: str) -> bool:
    """Whether it is a sum of two signs, which is 0 where they differ: ternary quantizers."""
    node = model.maker(tensor)
    if node is None or node.kind not in ("Add", "Sub"):
        return False
    makers = [model.maker(name) for name in node.inputs]
    return all(maker is not None and maker.kind in SIGNS for maker in makers)


def _backwards(model: OnnxModel, tensor: str) -> Iterator[Node]:
    """A tensor's maker, and those before it while they keep values as they are."""
    node = model.maker(tensor)
    while node is not None:
        yield node
        if node.kind not in _KEEP_ZEROS:
            return
        node = model.maker(node.inputs[0])
