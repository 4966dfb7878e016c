"""What moves numbers, or takes several along an axis: flatten, concatenate, pad, reduce."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from facesdk.errors import ModelError
from facesdk_converters.sources.onnx.file import (
    Node,
)
from facesdk_converters.sources.onnx.translator import (
    LAYERS,
    NCHW,
    NHWC,
    PLACES,
    Flat,
    Signs,
    Translator,
    as_vector,
    rank_of,
)
from facesdk_converters.sources.onnx.windows import padded


def reduced(function: Callable[..., Any]) -> Callable[[Translator, Node], Any]:
    """Over axes that are an attribute or an input."""

    def reduce(translator: Translator, node: Node) -> Any:
        x = translator.tensor(node.inputs[0])
        rank, keep = rank_of(x), bool(node.attributes.get("keepdims", 1))
        axes = translator.numbers(node, "axes", 1) or list(range(1, rank))
        axes = [axis % rank for axis in axes]
        if rank == 4:
            axes = [PLACES[axis] for axis in axes]
            if not keep and sorted(axes) != [1, 2]:
                x, axes = tf.transpose(x, NCHW), [NHWC[axis] for axis in axes]  # back
        return function(x, axes, keepdims=keep)

    return reduce


def flatten(translator: Translator, node: Node) -> Any:
    """``Flatten`` from axis 1."""
    if int(node.attributes.get("axis", 1)) != 1:
        raise ModelError("flattens from another axis than 1")
    return _flattened(translator, node)


def _flattened(translator: Translator, node: Node) -> Any:
    value = translator.raw(node.inputs[0])
    if isinstance(value, Signs):
        return Signs(as_vector(value.of), value.turned)
    if isinstance(value, Flat):
        return value
    return Flat(value) if rank_of(value) == 4 else LAYERS.Flatten()(value)


def reshape(translator: Translator, node: Node) -> Any:
    """``Reshape`` with ONNX's order of numbers; to one axis it is ``Flatten``."""
    value = translator.raw(node.inputs[0])
    target = [int(n) for n in translator.given(node, 1).reshape(-1)]
    x = value.of if isinstance(value, Signs) else value
    x = x.picture if isinstance(x, Flat) else x
    sizes = [int(n) for n in x.shape[1:]]
    total = int(np.prod(sizes))
    if 0 in target[1:] and not node.attributes.get("allowzero", 0):
        given = [1, *([sizes[-1], *sizes[:-1]] if rank_of(x) == 4 else sizes)]
        if not all(target[len(given) :]):
            raise ModelError(f"keeps an axis that its input of {len(given)} axes does not have")
        target = [size or given[place] for place, size in enumerate(target)]
    if target[1:] in ([-1], [total]):
        return _flattened(translator, node)
    x = translator.tensor(node.inputs[0])
    if rank_of(x) == 4:
        x = tf.transpose(x, NCHW)
    rest = target[1:]
    if -1 in rest:
        rest[rest.index(-1)] = total // -int(np.prod(rest))
    y = LAYERS.Reshape(rest, name=translator.layer_name(node))(x)
    return tf.transpose(y, NHWC) if len(rest) == 3 else y


def squeeze(translator: Translator, node: Node) -> Any:
    """Takes away height and width, or axes of a vector."""
    x = translator.tensor(node.inputs[0])
    axes = translator.numbers(node, "axes", 1)
    if rank_of(x) == 4 and axes is not None and sorted(a % 4 for a in axes) == [2, 3]:
        return LAYERS.Flatten()(x)
    if axes is None or rank_of(x) == 4:
        raise ModelError("takes away other axes than height and width")
    return tf.squeeze(x, [axis % rank_of(x) for axis in axes])


def unsqueeze(translator: Translator, node: Node) -> Any:
    """``Unsqueeze``."""
    x = translator.tensor(node.inputs[0])
    axes = sorted(translator.numbers(node, "axes", 1) or [])
    for axis in axes:
        x = tf.expand_dims(x, axis)
    return tf.transpose(x, NHWC) if rank_of(x) == 4 else x


def transpose(translator: Translator, node: Node) -> Any:
    """``Transpose``."""
    x = translator.tensor(node.inputs[0])
    order = list(node.attributes["perm"])
    if rank_of(x) == 4:
        return tf.transpose(tf.transpose(tf.transpose(x, NCHW), order), NHWC)
    return tf.transpose(x, order)


def _axis(node: Node, rank: int, default: int) -> int:
    axis = int(node.attributes.get("axis", default)) % rank
    return PLACES[axis] if rank == 4 else axis


def concat(translator: Translator, node: Node) -> Any:
    """``Concat``."""
    rank = max(rank_of(translator.tensor(n)) for n in node.inputs if translator.constant(n) is None)
    parts = [translator.operand(name, rank) for name in node.inputs]
    return LAYERS.Concatenate(_axis(node, rank, 1), name=translator.layer_name(node))(parts)


def split(translator: Translator, node: Node) -> Any:
    """A list of parts."""
    x = translator.tensor(node.inputs[0])
    sizes = translator.numbers(node, "split", 1)
    axis = _axis(node, rank_of(x), 0)
    return list(tf.split(x, sizes or len(node.outputs), axis))


def sliced(translator: Translator, node: Node) -> Any:
    """``Slice`` with constant places."""
    x = translator.tensor(node.inputs[0])
    starts = translator.numbers(node, "starts", 1) or []
    ends = translator.numbers(node, "ends", 2) or []
    axes = translator.numbers(node, "axes", 3) or list(range(len(starts)))
    steps = translator.numbers(node, "steps", 4) or [1] * len(starts)
    picture = rank_of(x) == 4
    parts = [slice(None)] * rank_of(x)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        axis %= rank_of(x)
        place = PLACES[axis] if picture else axis
        limit = int(x.shape[place])
        parts[place] = slice(start, end if abs(end) < limit else (None if end > 0 else end), step)
    return x[tuple(parts)]


def pad(translator: Translator, node: Node) -> Any:
    """By a constant, in height and width; of signs, by signs."""
    if node.attributes.get("mode", b"constant") != b"constant":
        raise ModelError("pads otherwise than by a constant")
    pads = translator.numbers(node, "pads", 1) or []
    value = float(node.attributes.get("value", 0.0))
    if len(node.inputs) > 2 and node.inputs[2]:
        value = float(translator.given(node, 2))
    source = translator.raw(node.inputs[0])
    if len(pads) != 8 or any(pads[axis] for axis in (0, 1, 4, 5)):
        raise ModelError("pads other axes than height and width")
    around = [pads[2], pads[3], pads[6], pads[7]]
    if isinstance(source, Signs) and abs(value) == 1.0:
        inner = -value if source.turned else value
        return Signs(padded(source.of, around, inner), source.turned)
    return padded(translator.tensor(node.inputs[0]), around, value)


def depth_to_space(translator: Translator, node: Node) -> Any:
    """``DepthToSpace`` in the order DCR."""
    if node.attributes.get("mode", b"DCR") != b"DCR":
        raise ModelError("orders channels by CRD")
    return tf.nn.depth_to_space(translator.tensor(node.inputs[0]), node.attributes["blocksize"])


def softmax(translator: Translator, node: Node) -> Any:
    """``Softmax``."""
    x = translator.tensor(node.inputs[0])
    return tf.nn.softmax(x, _axis(node, rank_of(x), -1))
