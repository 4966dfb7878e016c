"""Windows of a picture, and pools over them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import ModelError
from facesdk_converters.sources.onnx.auto_pad import EXPLICIT, SAME, UPPER, VALID, same_pads
from facesdk_converters.sources.onnx.graph import Node
from facesdk_converters.sources.onnx.translations.padding import padded
from facesdk_converters.sources.onnx.translator import (
    LAYERS,
    Signs,
    Translator,
    computed,
    sizes_of,
)


@dataclass(frozen=True, slots=True)
class Window:
    """A window over pictures; each list has rows first.

    Attributes:
        size: Its taps.
        strides: Steps from window to window.
        dilations: Steps from tap to tap.
        pads: Rows and columns put around the picture: before both, then behind both.
    """

    size: list[int]
    strides: list[int]
    dilations: list[int]
    pads: list[int]

    def is_same(self, lengths: list[int]) -> bool:
        """Whether its pads are those of Keras's "same" around a picture of these sizes."""
        return self.pads == same_pads(UPPER, lengths, self.size, self.strides, self.dilations)


def pad_mode(node: Node) -> str:
    """Who says what the pads of a node are."""
    mode = str(node.attributes.get("auto_pad", EXPLICIT.encode()).decode())
    if mode not in (*SAME, VALID, EXPLICIT):
        raise ModelError(f"has auto_pad {mode}, which ONNX does not have")
    return mode


def window(node: Node, size: list[int], lengths: list[int]) -> Window:
    """The window of a node over pictures of these rows and columns."""
    if len(size) != 2:
        raise ModelError(f"has {len(size)} dimensions, and only pictures are translated")
    if list(node.attributes.get("kernel_shape", size)) != size:
        raise ModelError(f"has weights of {size}, and another kernel_shape")
    strides = list(node.attributes.get("strides", [1, 1]))
    dilations = list(node.attributes.get("dilations", [1, 1]))
    mode = pad_mode(node)
    if mode == EXPLICIT:
        pads = list(node.attributes.get("pads", [0] * 4))
    else:
        pads = same_pads(mode, lengths, size, strides, dilations)
    return Window(size, strides, dilations, pads)


def thinned(value: Any, given: Window) -> tuple[Any, Window]:
    """A picture, or signs, without the rows that a dilated window with strides never reads.

    Args:
        value: Rank 4, channels last.
        given: The window.

    Returns:
        The picture, and the window over it that gives the same.
    """
    factors = [math.gcd(*steps) for steps in zip(given.strides, given.dilations, strict=True)]
    if any(pad % factor for pad, factor in zip(given.pads[:2], factors, strict=True)):
        value, given = padded(computed(value), given.pads), replace(given, pads=[0] * 4)
    before = [pad // factor for pad, factor in zip(given.pads[:2], factors, strict=True)]
    behind = [
        (length - 1 + pad) // factor - (length - 1) // factor
        for length, pad, factor in zip(sizes_of(value)[2:], given.pads[2:], factors, strict=True)
    ]
    strides = [step // factor for step, factor in zip(given.strides, factors, strict=True)]
    dilations = [step // factor for step, factor in zip(given.dilations, factors, strict=True)]
    if factors != [1, 1]:
        rows = slice(None), slice(None, None, factors[0]), slice(None, None, factors[1])
        value = value.moved(value.of[rows]) if isinstance(value, Signs) else value[rows]
    return value, Window(given.size, strides, dilations, [*before, *behind])


def _rounded_up(window: Window, lengths: list[int]) -> list[int]:
    """Rows and columns that the last windows reach beyond the padding, if the size is rounded up.

    A window that begins there is left out.
    """
    more = []
    for axis in range(2):
        length, stride = lengths[axis] + window.pads[axis], window.strides[axis]
        span = length + window.pads[axis + 2] - window.size[axis]
        last = -(-span // stride) * stride
        more.append(max(last - span, 0) if last < length else 0)
    return more


def pool(translator: Translator, node: Node) -> Any:
    """Largest or mean value of windows; the largest sign is that of the largest number."""
    value = translator.raw(node.inputs[0])
    if node.kind == "MaxPool" and isinstance(value, Signs) and value.scale > 0:
        return value.moved(_pool(translator, node, value.of))
    return _pool(translator, node, translator.tensor(node.inputs[0]))


def _pool(translator: Translator, node: Node, x: Any) -> Any:
    lengths = sizes_of(x)[2:]
    given = window(node, list(node.attributes["kernel_shape"]), lengths)
    if given.dilations != [1, 1]:
        raise ModelError("has dilations")
    rounds_up = node.attributes.get("ceil_mode", 0) and pad_mode(node) not in SAME
    more = _rounded_up(given, lengths) if rounds_up else [0, 0]
    behind = [pad + rest for pad, rest in zip(given.pads[2:], more, strict=True)]
    whole = replace(given, pads=[*given.pads[:2], *behind])
    name = translator.layer_name(node)
    if node.kind == "MaxPool":
        if whole.is_same(lengths):
            return LAYERS.MaxPool2D(given.size, given.strides, padding="same", name=name)(x)
        if any(whole.pads):
            x = padded(x, whole.pads, float(np.finfo(np.float32).min))
        return LAYERS.MaxPool2D(given.size, given.strides, name=name)(x)
    counted = given.pads if node.attributes.get("count_include_pad", 0) else [0] * 4
    if whole.pads == counted:
        return LAYERS.AvgPool2D(given.size, given.strides, name=name)(padded(x, whole.pads))
    if not any(counted) and whole.is_same(lengths):
        return LAYERS.AvgPool2D(given.size, given.strides, padding="same", name=name)(x)
    mean = LAYERS.AvgPool2D(given.size, given.strides, name=name)(padded(x, whole.pads))
    return mean * _shares(whole, lengths, counted)


def _shares(window: Window, lengths: list[int], counted: list[int]) -> NDArray[np.float32]:
    """By what the mean over a whole window is multiplied for the mean of what counts in it.

    Args:
        window: With all that is put around the picture.
        lengths: Rows and columns of the picture.
        counted: How much of what is put around it counts, like its pads.

    Returns:
        ``(1, rows, columns, 1)`` of the result.
    """
    rows, columns = (
        window.size[axis]
        / _counts(
            window.size[axis],
            window.strides[axis],
            (window.pads[axis], lengths[axis], window.pads[axis + 2]),
            (counted[axis], counted[axis + 2]),
        )
        for axis in range(2)
    )
    return np.asarray(np.outer(rows, columns)[None, :, :, None], np.float32)


def _counts(
    taps: int, stride: int, parts: tuple[int, int, int], counted: tuple[int, int]
) -> NDArray[np.float64]:
    """How many places of each window count, along one axis."""
    before, length, behind = parts
    starts = np.arange(0, before + length + behind - taps + 1, stride)
    first, end = before - counted[0], before + length + counted[1]
    return np.asarray(np.minimum(starts + taps, end) - np.maximum(starts, first), np.float64)


def global_pool(translator: Translator, node: Node) -> Any:
    """Largest or mean value of each channel, 1x1."""
    x = translator.tensor(node.inputs[0])
    kind = {
        "GlobalAveragePool": LAYERS.GlobalAveragePooling2D,
        "GlobalMaxPool": LAYERS.GlobalMaxPooling2D,
    }[node.kind]
    return kind(keepdims=True, name=translator.layer_name(node))(x)
