"""Signs in the ways in which layers of one's own write them.

Whatever is computed of the sign of x, of a comparison and of constants alone has few values: where
x is below a number, where it is that number, and where it is above; or where a condition is false
and where it is true. Where the values are -1 and 1, that is ``tf.where(condition, 1, -1)``, which
LCE's converter knows. Two things are known besides:

- ``a - b + b``, ``b + (a - b)``, ``a + b - b`` and ``b - (b - a)``: how a sign gets the gradient of
  something else. It is a, up to rounding.
- ``Round`` of what grows with x and is clipped to two numbers. The least x for which it is the
  higher one is found in float32.

It is exact also where x is 0; only where it is NaN the sign may be another. ``x / abs(x)`` is none:
it is NaN where x is 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow.core.framework.node_def_pb2 import NodeDef

from facesdk_converters.targets.lce.nodes import constant, copied, level, made_by, of_floats

_Values = NDArray[np.float32]

_SUMS = ("Add", "AddV2")
_CHOICES = ("Select", "SelectV2")
_COMPARISONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "Equal": np.equal,
    "Greater": np.greater,
    "GreaterEqual": np.greater_equal,
    "Less": np.less,
    "LessEqual": np.less_equal,
    "NotEqual": np.not_equal,
}
_MIRRORED = {
    "Greater": "Less",
    "GreaterEqual": "LessEqual",
    "Less": "Greater",
    "LessEqual": "GreaterEqual",
}
_GROWING: Mapping[str, Callable[..., Any]] = {
    **dict.fromkeys(_SUMS, np.add),
    "Sub": np.subtract,
    "Mul": np.multiply,
    "RealDiv": np.divide,
    "Maximum": np.maximum,
    "Minimum": np.minimum,
}
"""Of x and a number they never fall while x grows, if those of :data:`_SCALING` are positive."""
_SCALING = ("Mul", "RealDiv")
_COMMUTING = (*_SUMS, "Mul", "Maximum", "Minimum")
_ARITHMETIC: Mapping[str, Callable[..., Any]] = {
    **_COMPARISONS,
    **_GROWING,
    "LogicalNot": np.logical_not,
    "Neg": np.negative,
    "Round": np.round,
    "Sign": np.sign,
}
_CONDITIONS = {
    (-1.0, 1.0, 1.0): "GreaterEqual",
    (-1.0, -1.0, 1.0): "Greater",
    (1.0, -1.0, -1.0): "Less",
    (1.0, 1.0, -1.0): "LessEqual",
}
"""Where signs are 1, by their values below, at and above a number."""


@dataclass(frozen=True, slots=True)
class Step:
    """A tensor of few values, which another one decides.

    Attributes:
        source: The tensor that decides.
        at: The number below, at and above which the source has the three values; None where the
            source is a condition, with a value for false and one for true.
        values: The values, 0 and 1 of a condition; NaN for what is no single value there.
    """

    source: tf.Tensor
    at: float | None
    values: _Values

    @property
    def key(self) -> tuple[str, float | None]:
        """Two steps with one key can be computed with each other."""
        return self.source.name, self.at


class Steps:
    """The steps of a graph.

    Args:
        operations: All of its operations, in the order in which they can run.
    """

    def __init__(self, operations: list[tf.Operation]) -> None:
        self._found: dict[str, Step] = {}
        for operation in operations:
            step = self._step(operation) if len(operation.outputs) == 1 else None
            if step is not None:
                self._found[operation.name] = step

    def sign(self, operation: tf.Operation) -> Step | None:
        """What an operation computes, if that is -1 and 1, and none that is known as a sign."""
        step = self._found.get(operation.name)
        if step is None or operation.outputs[0].dtype != tf.float32 or is_larqs(operation):
            return None
        shape, decides = operation.outputs[0].shape, step.source.shape
        if shape.rank is None or decides.rank is None or shape.as_list() != decides.as_list():
            return None
        values = tuple(step.values.tolist())
        known = _CONDITIONS if step.at is not None else ((-1.0, 1.0), (1.0, -1.0))
        return step if values in known else None

    def _of(self, tensor: tf.Tensor) -> Step | None:
        return self._found.get(made_by(tensor).name)

    def _step(self, operation: tf.Operation) -> Step | None:
        given = [self._of(one) for one in operation.inputs]
        if (signs := self._behind_detour(operation)) is not None:
            return signs
        known = [step for step in given if step is not None]
        if not known:
            return _first(operation)
        if len({step.key for step in known}) > 1:
            return None
        numbers = [
            step.values if step is not None else level(tensor)
            for step, tensor in zip(given, operation.inputs, strict=True)
        ]
        values = _computed(operation, numbers)
        return None if values is None else Step(known[0].source, known[0].at, values)

    def _behind_detour(self, operation: tf.Operation) -> Step | None:
        """The a of ``a - b + b`` and its like, if that is a step."""
        if operation.type not in (*_SUMS, "Sub"):
            return None
        first, second = (copied(one) for one in operation.inputs)
        adds = operation.type in _SUMS
        for inner, other in ((first, second), (second, first)):
            makes, terms = inner.op.type, [copied(one).name for one in inner.op.inputs]
            if makes not in (*_SUMS, "Sub") or other.name not in terms:
                continue
            place = 1 - terms.index(other.name)
            if adds and (makes != "Sub" or place != 0):
                continue
            if not adds and inner is first and makes not in _SUMS:
                continue
            if not adds and inner is second and (makes != "Sub" or place != 1):
                continue
            step = self._of(inner.op.inputs[place])
            if step is not None:
                return step
        return None


def is_larqs(sign: tf.Operation) -> bool:
    """Whether it is the sign that Larq writes, ``sign(sign(x) + 0.1)``."""
    sum_ = made_by(sign.inputs[0]) if sign.type == "Sign" else sign
    if sign.type != "Sign" or sum_.type not in _SUMS:
        return False
    for one, other in (sum_.inputs, list(sum_.inputs)[::-1]):
        offset = tf.get_static_value(other)
        if made_by(one).type == "Sign" and offset is not None:
            return bool(((offset > 0) & (offset < 1)).all())
    return False


def choice(node: NodeDef, step: Step) -> Iterator[NodeDef]:
    """Makes a node the choice of 1 and -1 that a step is; gives the nodes that it needs."""
    one, other = (
        constant(f"{node.name}/{name}", np.array(value, np.float32))
        for name, value in (("positive", 1.0), ("negative", -1.0))
    )
    decides = step.source.name.removesuffix(":0")
    name = f"{node.name}/condition"
    if step.at is not None:
        number = constant(f"{node.name}/number", np.array(step.at, np.float32))
        kind = _CONDITIONS[tuple(step.values.tolist())]
        yield number
        yield of_floats(name, kind, decides, number.name)
        decides = name
    elif step.values[0] == 1:
        yield NodeDef(name=name, op="LogicalNot", input=[decides])
        decides = name
    node.CopyFrom(of_floats(node.name, "SelectV2", decides, one.name, other.name))
    yield one
    yield other


def _first(operation: tf.Operation) -> Step | None:
    """A step that none was computed for: a sign, a comparison, or rounding."""
    if operation.type in _COMPARISONS:
        return _comparison(operation)
    if operation.outputs[0].dtype == tf.bool:
        return Step(operation.outputs[0], None, np.array([0, 1], np.float32))
    if operation.type == "Sign" and operation.outputs[0].dtype == tf.float32:
        return Step(copied(operation.inputs[0]), 0.0, np.array([-1, 0, 1], np.float32))
    return _rounded(operation) if operation.type == "Round" else None


def _comparison(operation: tf.Operation) -> Step:
    x, other = operation.inputs
    kind, number = operation.type, level(other)
    if number is None:
        x, kind, number = other, _MIRRORED.get(kind, kind), level(x)
    if number is None or not np.isfinite(number):
        return Step(operation.outputs[0], None, np.array([0, 1], np.float32))
    values = _COMPARISONS[kind](np.array([-1.0, 0.0, 1.0]), 0.0)
    return Step(copied(x), number, np.asarray(values, np.float32))


def _computed(operation: tf.Operation, numbers: list[Any]) -> _Values | None:
    """What an operation makes of values and numbers, of which None is not known."""
    values: Any = None
    if operation.type in _CHOICES:
        if numbers[0] is None or np.isnan(numbers[0]).any():
            return None
        values = np.where(numbers[0], *(np.nan if one is None else one for one in numbers[1:]))
    elif operation.type == "Cast":
        values = _cast(operation, numbers[0])
    elif operation.type in _ARITHMETIC:
        if any(one is None for one in numbers):
            return None
        asks = operation.type in (*_COMPARISONS, "LogicalNot")
        if asks and any(np.isnan(one).any() for one in numbers):
            return None
        with np.errstate(all="ignore"):
            values = _ARITHMETIC[operation.type](*(np.float32(one) for one in numbers))
    if values is None or np.isnan(values).all():
        return None
    return np.asarray(values, np.float32)


def _cast(operation: tf.Operation, values: _Values) -> _Values | None:
    before, after = operation.inputs[0].dtype, operation.outputs[0].dtype
    if after == tf.float32 and before in (tf.bool, tf.float32):
        return values
    if after == tf.bool and not np.isnan(values).any():
        return np.asarray(values != 0, np.float32)
    return None


def _rounded(operation: tf.Operation) -> Step | None:
    """``Round`` of what never falls while x grows, if that is two numbers."""
    links: list[Callable[[Any], Any]] = [np.round]
    tensor = copied(operation.inputs[0])
    while (found := _growing(tensor.op)) is not None:
        tensor, link = copied(found[0]), found[1]
        links.insert(0, link)

    def result(x: np.float32) -> float:
        with np.errstate(all="ignore"):
            for link in links:
                x = link(x)
        return float(x)

    if tensor.dtype != tf.float32:
        return None
    most = np.finfo(np.float32).max
    low, high = result(-most), result(most)
    if high - low != 1:
        return None
    number = _least(lambda x: result(x) == high)
    return Step(tensor, number, np.array([low, high, high], np.float32))


def _growing(operation: tf.Operation) -> tuple[tf.Tensor, Callable[[Any], Any]] | None:
    """What an operation reads, and what it computes of it, if that never falls."""
    if operation.type == "Relu":
        return operation.inputs[0], lambda x: np.maximum(x, np.float32(0))
    function = _GROWING.get(operation.type)
    if function is None:
        return None
    x, other = operation.inputs
    number = level(other)
    if number is None and operation.type in _COMMUTING:
        x, number = other, level(x)
    if number is None or not np.isfinite(number):
        return None
    if operation.type in _SCALING and number <= 0:
        return None
    value = np.float32(number)
    return x, lambda x: function(x, value)


def _least(holds: Callable[[np.float32], bool]) -> float:
    """The least float32 from which on something holds, which does so for the largest one."""

    def float_of(order: int) -> np.float32:
        """By its place among all floats: they lie in the order of their bits."""
        size = np.array(abs(order), np.uint32).view(np.float32)[()]
        return np.float32(size if order >= 0 else -size)

    most = int(np.array(np.finfo(np.float32).max).view(np.uint32))
    low, high = -most, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(float_of(middle)) else (middle, high)
    return float(float_of(high))
