"""What moves numbers, or takes several along an axis: flatten, concatenate, pad, reduce."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from facesdk.errors import ModelError
from facesdk_converters.sources.onnx.graph import SEVERAL, Node
from facesdk_converters.sources.onnx.translator import (
    LAYERS,
    NHWC,
    ONE_AT_A_TIME,
    PLACES,
    Batch,
    Flat,
    Signs,
    Translator,
    as_vector,
    batch_axis,
    ordered,
    rank_of,
    sizes_of,
    stored,
)


def reduced(function: Callable[..., Any]) -> Callable[[Translator, Node], Any]:
    """Over axes that are an attribute or an input; without them over all."""

    def reduce(translator: Translator, node: Node) -> Any:
        x = translator.tensor(node.inputs[0])
        rank, keep = rank_of(x), bool(node.attributes.get("keepdims", 1))
        axes = translator.numbers(node, "axes", 1)
        if not axes and node.attributes.get("noop_with_empty_axes", 0):
            return x
        axes = sorted({axis % rank for axis in axes or range(rank)})
        if batch_axis(x) in axes:
            raise ModelError(f"takes the inputs of a batch together: {ONE_AT_A_TIME}")
        if rank == 4 and (keep or axes == [2, 3]):
            return function(x, [PLACES[axis] for axis in axes], keepdims=keep)
        return stored(function(ordered(x), axes, keepdims=keep))

    return reduce


def arg_max(translator: Translator, node: Node) -> Any:
    """``ArgMax``: the place of the first that is largest."""
    if node.attributes.get("select_last_index", 0):
        raise ModelError("takes the last of several largest values, and TensorFlow Lite the first")
    x = ordered(translator.tensor(node.inputs[0]))
    axis = int(node.attributes.get("axis", 0)) % rank_of(x)
    places = tf.argmax(x, axis)
    return stored(tf.expand_dims(places, axis) if node.attributes.get("keepdims", 1) else places)


def flatten(translator: Translator, node: Node) -> Any:
    """``Flatten``: to two axes."""
    rank = len(translator.sizes(node.inputs[0]))
    axis = int(node.attributes.get("axis", 1))
    axis += rank if axis < 0 else 0
    one, several = (
        [math.prod(sizes[:axis]), math.prod(sizes[axis:])]
        for sizes in (translator.sizes(node.inputs[0], count) for count in (1, SEVERAL))
    )
    return _reshaped(translator, node, one, several)


def reshape(translator: Translator, node: Node) -> Any:
    """``Reshape``."""
    name, shape = node.inputs
    keeps = not node.attributes.get("allowzero", 0)
    target = translator.given(node, 1)
    one = _resolved(target, translator.sizes(name), keeps)
    batch = batch_axis(translator.raw(name))
    if batch is not None and shape not in translator.several and 1 in one[: batch + 1]:
        return _reshaped(translator, node, one, one)
    wide = translator.several.get(shape, target)
    return _reshaped(translator, node, one, _resolved(wide, translator.sizes(name, SEVERAL), keeps))


def _resolved(target: NDArray[Any], sizes: list[int], keeps: bool) -> list[int]:
    """The sizes that a target means: 0 for those that are kept, -1 for what is left."""
    found = [int(n) for n in target.reshape(-1)]
    if 0 in found and keeps:
        if not all(found[len(sizes) :]):
            raise ModelError(f"keeps an axis that its input of {len(sizes)} axes does not have")
        found = [size or sizes[place] for place, size in enumerate(found)]
    if -1 in found:
        found[found.index(-1)] = math.prod(sizes) // -math.prod(found)
    return found


def _reshaped(translator: Translator, node: Node, target: list[int], wide: list[int]) -> Any:
    """With other sizes, numbers in ONNX's order; to one axis beside the batch it is a vector.

    Args:
        translator: What keeps the tensors.
        node: The node.
        target: The sizes for one input.
        wide: Those for several, if the batch is open.
    """
    name = node.inputs[0]
    value, sizes = translator.raw(name), translator.sizes(name)
    if math.prod(target) != math.prod(sizes):
        raise ModelError(f"makes {target} of {sizes}")
    place, axis = 0, batch_axis(value)
    if axis is not None:
        place, batch = _batch_in(translator, name, target, wide)
        translator.batches[node.outputs[0]] = batch
    if len(target) == 2 and target[0] == sizes[0] and place == 0 and axis in (0, None):
        return _flattened(value)
    x = ordered(translator.tensor(name))
    if axis is not None or target[0] == sizes[0]:
        target = [*target[:place], -1, *target[place + 1 :]]
    return stored(tf.reshape(x, target))


def _batch_in(
    translator: Translator, name: str, target: list[int], wide: list[int]
) -> tuple[int, Batch]:
    """Which axis has the inputs of a batch after a tensor is reshaped, and how.

    They stay where they are among the numbers: behind as many of them as before. What grows with
    their number tells the axis; of sizes that are the same for any number, it is an axis of 1.
    """
    sizes, batch = translator.sizes(name), translator.batches[name]
    axis = batch_axis(translator.raw(name)) or 0
    before = math.prod(sizes[:axis]) * batch.outer
    places = [
        place
        for place, size in enumerate(target)
        if size == 1 and math.prod(target[:place]) == before
    ]
    if math.prod(wide) == SEVERAL * math.prod(target):
        grown = [place for place, size in enumerate(target) if wide[place] != size]
        places = grown if len(grown) == 1 else []
    for place in [axis, *places]:
        outer, rest = divmod(before, math.prod(target[:place]))
        if place in places and not rest and target[place] % outer == 0:
            return place, Batch(outer, target[place] // outer)
    raise ModelError(f"puts inputs of a batch together, {target} of {sizes}: {ONE_AT_A_TIME}")


def _flattened(value: Any) -> Any:
    if isinstance(value, Signs):
        return value.moved(as_vector(value.of))
    if isinstance(value, Flat):
        return value
    return Flat(value) if rank_of(value) == 4 else LAYERS.Flatten()(value)


def squeeze(translator: Translator, node: Node) -> Any:
    """``Squeeze``."""
    x = translator.tensor(node.inputs[0])
    axes, sizes = translator.numbers(node, "axes", 1), translator.sizes(node.inputs[0])
    if axes is None:
        if batch_axis(x) is not None:
            raise ModelError(f"has no axes, and takes a batch of 1 away too: {ONE_AT_A_TIME}")
        axes = [axis for axis, size in enumerate(sizes) if size == 1]
    axes = sorted(axis % len(sizes) for axis in axes)
    if len(sizes) == 4 and axes == [2, 3]:
        return LAYERS.Flatten()(x)
    return stored(tf.squeeze(ordered(x), axes))


def unsqueeze(translator: Translator, node: Node) -> Any:
    """``Unsqueeze``."""
    x = ordered(translator.tensor(node.inputs[0]))
    given = translator.numbers(node, "axes", 1) or []
    for axis in sorted(axis % (rank_of(x) + len(given)) for axis in given):
        x = tf.expand_dims(x, axis)
    return stored(x)


def transpose(translator: Translator, node: Node) -> Any:
    """``Transpose``."""
    x = translator.tensor(node.inputs[0])
    order = list(node.attributes.get("perm", reversed(range(rank_of(x)))))
    return stored(tf.transpose(ordered(x), order))


def expand(translator: Translator, node: Node) -> Any:
    """``Expand``: repeats axes of size 1."""
    x = ordered(translator.tensor(node.inputs[0]))
    target = [int(n) for n in translator.given(node, 1).reshape(-1)]
    if len(target) > rank_of(x):
        raise ModelError("adds axes")
    target = [1] * (rank_of(x) - len(target)) + target
    times = [wanted if size == 1 else 1 for size, wanted in zip(x.shape, target, strict=True)]
    return stored(x if times == [1] * len(times) else tf.tile(x, times))


def gather(translator: Translator, node: Node) -> Any:
    """``Gather`` of constant places."""
    places = translator.given(node, 1)
    if translator.constant(node.inputs[0]) is not None or places.ndim > 1:
        raise ModelError("looks up in a table, which is not translated")
    x = translator.tensor(node.inputs[0])
    rank = rank_of(x)
    axis = int(node.attributes.get("axis", 0)) % rank
    if axis == batch_axis(x):
        raise ModelError(f"takes inputs of a batch apart: {ONE_AT_A_TIME}")
    size = sizes_of(x)[axis]
    if any(not -size <= place < size for place in places.reshape(-1)):
        raise ModelError(f"takes places of an axis of {size} that it does not have")
    wanted = [int(place) % size for place in places.reshape(-1)]
    if places.ndim == 1:
        return tf.gather(x, wanted, axis=PLACES[axis] if rank == 4 else axis)
    x = ordered(x)
    return stored(x[(slice(None),) * axis + (wanted[0],)])


def _axis(node: Node, rank: int, default: int) -> int:
    axis = int(node.attributes.get("axis", default)) % rank
    return PLACES[axis] if rank == 4 else axis


def concat(translator: Translator, node: Node) -> Any:
    """``Concat``; a constant stands beside each input of a batch."""
    tensors = [translator.tensor(n) for n in node.inputs if translator.constant(n) is None]
    rank = max(map(rank_of, tensors))
    if int(node.attributes.get("axis", 1)) % rank == batch_axis(tensors[0]):
        raise ModelError(f"puts batches behind each other: {ONE_AT_A_TIME}")
    parts = []
    for name in node.inputs:
        values = translator.constant(name)
        if values is None:
            parts.append(translator.tensor(name))
        elif batch_axis(tensors[0]) == 0:
            first = (slice(None),) + (slice(0, 1),) * (rank - 1)
            parts.append(tf.zeros_like(tensors[0][first]) + _kept(values))
        else:
            parts.append(tf.constant(_kept(values)))
    return LAYERS.Concatenate(_axis(node, rank, 1), name=translator.layer_name(node))(parts)


def _kept(values: NDArray[Any]) -> NDArray[np.float32]:
    """A constant as a tensor of its rank is kept here."""
    return np.asarray(values.transpose(NHWC) if values.ndim == 4 else values, np.float32)


def split(translator: Translator, node: Node) -> Any:
    """A list of parts."""
    x = translator.tensor(node.inputs[0])
    sizes = translator.numbers(node, "split", 1)
    axis = _axis(node, rank_of(x), 0)
    if sizes is None:
        size, count = int(x.shape[axis]), len(node.outputs)
        each = -(-size // count)
        sizes = [min(each, size - each * place) for place in range(count)]
    return list(tf.split(x, sizes, axis))


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
        if axis == batch_axis(x):
            raise ModelError(f"takes inputs of a batch apart: {ONE_AT_A_TIME}")
        size = int(x.shape[place])
        if step < 0:
            x = tf.gather(x, range(size)[max(start, -size) : end : step], axis=place)
        else:
            first, last, _ = slice(start, end, step).indices(size)
            parts[place] = slice(first, last if last < size else None, step)
    return x if parts == [slice(None)] * rank_of(x) else x[tuple(parts)]


def depth_to_space(translator: Translator, node: Node) -> Any:
    """``DepthToSpace`` in both orders; PyTorch's PixelShuffle is the order CRD."""
    x, size = translator.tensor(node.inputs[0]), int(node.attributes["blocksize"])
    if node.attributes.get("mode", b"DCR") == b"CRD":
        order = np.arange(int(x.shape[-1])).reshape(-1, size * size).T.reshape(-1)
        x = tf.gather(x, order, axis=-1)
    return tf.nn.depth_to_space(x, size)


def softmax(function: Callable[..., Any]) -> Callable[[Translator, Node], Any]:
    """``Softmax``, or its logarithm; since opset 13 of one axis."""

    def along(translator: Translator, node: Node) -> Any:
        x = translator.tensor(node.inputs[0])
        rank = rank_of(x)
        if node.attributes.get("together") and node.attributes["axis"] % rank != rank - 1:
            raise ModelError("is of several axes together: export it with opset_version=13")
        return function(x, _axis(node, rank, -1))

    return along


def space_to_depth(translator: Translator, node: Node) -> Any:
    """``SpaceToDepth``."""
    return tf.nn.space_to_depth(translator.tensor(node.inputs[0]), node.attributes["blocksize"])
