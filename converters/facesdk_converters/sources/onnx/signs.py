"""Signs, in all the ways in which networks write them.

Beside ``Sign`` itself these are ``Sign(Sign(x) + 0.1)``, which Larq writes, ``Sign`` of a clip
around 0, and whatever is -1 where a comparison of x with 0 says no and 1 where it says yes:
constants chosen by ``Where``, and arithmetic on the comparison as a number, for example
``2 * Cast(x > 0) - 1`` or ``Cast(x >= 0) - Cast(x < 0)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import onnx

from facesdk_converters.sources.onnx.graph import Node, OnnxModel, clip_bounds

SIGN_OF_ZERO_IS_ONE, SIGN_OF_ZERO_IS_MINUS_ONE, SIGN_OF_ZERO_IS_ZERO = "AtLeast", "Above", "Sign"
"""Kinds of recognised signs: +1 where x >= 0, +1 where x > 0, and ONNX's own."""

SIGNS = (SIGN_OF_ZERO_IS_ONE, SIGN_OF_ZERO_IS_MINUS_ONE, SIGN_OF_ZERO_IS_ZERO)

_COMPARISONS = {
    "GreaterOrEqual": (SIGN_OF_ZERO_IS_ONE, 0.0, 1.0),
    "Greater": (SIGN_OF_ZERO_IS_MINUS_ONE, 0.0, 1.0),
    "Less": (SIGN_OF_ZERO_IS_ONE, 1.0, 0.0),
    "LessOrEqual": (SIGN_OF_ZERO_IS_MINUS_ONE, 1.0, 0.0),
}
_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "Add": lambda a, b: a + b,
    "Sub": lambda a, b: a - b,
    "Mul": lambda a, b: a * b,
    "Div": lambda a, b: a / b if b else np.inf,
}
_CASTS = (onnx.TensorProto.FLOAT, onnx.TensorProto.BOOL)
_KEEP_ZEROS = ("MaxPool", "Identity", "Dropout", "Flatten", "Reshape", "Squeeze", "Transpose")


@dataclass(frozen=True, slots=True)
class _Step:
    """A tensor of two values, by where another one is below 0.

    Attributes:
        kind: Which sign decides: :data:`SIGN_OF_ZERO_IS_ONE` or :data:`SIGN_OF_ZERO_IS_MINUS_ONE`.
        source: The tensor whose sign decides.
        low: The value where the sign is -1; of a condition 1 stands for true and 0 for false.
        high: The value where it is 1.
    """

    kind: str
    source: str
    low: float
    high: float


def with_signs(model: OnnxModel) -> OnnxModel:
    """A graph with one node of :data:`SIGNS` in place of each way to write a sign."""
    steps: dict[str, _Step] = {}
    nodes = []
    for node in model.nodes:
        step = _step(model, node, steps)
        if step is not None:
            steps[node.outputs[0]] = step
        found = None
        if node.kind == "Sign":
            found = _of_a_sign(model, node) or _of_a_clip(model, node)
        elif (
            step is not None and node.kind not in _COMPARISONS and (step.low, step.high) == (-1, 1)
        ):
            found = step.kind, step.source
        nodes.append(node if found is None else replace(node, kind=found[0], inputs=(found[1],)))
    return replace(model, nodes=tuple(nodes))


def _step(model: OnnxModel, node: Node, steps: Mapping[str, _Step]) -> _Step | None:
    """What a node makes of two values, or of a comparison with 0; None if it is something else."""
    given = [steps.get(name) for name in node.inputs]
    first = given[0] if given else None
    if node.kind in _COMPARISONS:
        kind, low, high = _COMPARISONS[node.kind]
        is_zero = model.number(node.inputs[1]) == 0
        return _Step(kind, node.inputs[0], low, high) if is_zero else None
    if node.kind in _ARITHMETIC:
        return _combined(model, node, steps)
    if first is None:
        return None
    if node.kind == "Not":
        return replace(first, low=1 - first.low, high=1 - first.high)
    if node.kind == "Neg":
        return replace(first, low=-first.low, high=-first.high)
    if node.kind == "Cast" and node.attributes["to"] in _CASTS:
        return first
    if node.kind == "Where":
        yes, no = (model.number(name) for name in node.inputs[1:])
        if yes is not None and no is not None:
            return replace(first, low=yes if first.low else no, high=yes if first.high else no)
    return None


def _combined(model: OnnxModel, node: Node, steps: Mapping[str, _Step]) -> _Step | None:
    """Arithmetic on two values and a constant, or on two tensors that one sign decides."""
    known = [steps[name] for name in node.inputs if name in steps]
    if not known or len({(step.kind, step.source) for step in known}) > 1:
        return None
    levels = []
    for name in node.inputs:
        step, constant = steps.get(name), model.number(name)
        if step is None and constant is None:
            return None
        levels.append((constant, constant) if step is None else (step.low, step.high))
    low, high = (_ARITHMETIC[node.kind](*values) for values in zip(*levels, strict=True))
    return replace(known[0], low=low, high=high)


def _of_a_sign(model: OnnxModel, node: Node) -> tuple[str, str] | None:
    """``Sign(Sign(x) + 0.1)``, which Larq writes."""
    if (sum_ := model.maker(node.inputs[0])) is None or sum_.kind != "Add":
        return None
    for inner, other in (sum_.inputs, sum_.inputs[::-1]):
        sign, offset = model.maker(inner), model.number(other)
        if sign is not None and sign.kind == "Sign" and offset is not None and 0 < offset < 1:
            return SIGN_OF_ZERO_IS_ONE, sign.inputs[0]
    return None


def _of_a_clip(model: OnnxModel, node: Node) -> tuple[str, str] | None:
    """``Sign(Clip(x, -1, 1))`` is the sign of x."""
    clip = model.maker(node.inputs[0])
    if clip is None or clip.kind != "Clip":
        return None
    if any(model.number(bound) is None for bound in clip.inputs[1:3] if bound):
        return None
    low, high = clip_bounds(model, clip)
    return (SIGN_OF_ZERO_IS_ZERO, clip.inputs[0]) if low < 0 < high else None


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
