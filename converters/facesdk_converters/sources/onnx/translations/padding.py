"""What is put around a tensor, or cut off."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import tensorflow as tf

from facesdk.errors import ModelError
from facesdk_converters.sources.onnx.graph import Node
from facesdk_converters.sources.onnx.translator import LAYERS, PLACES, Signs, Translator, sizes_of

_Mode = Literal["reflect", "edge", "wrap"]
_OWN: dict[str, _Mode] = {"reflect": "reflect", "edge": "edge", "wrap": "wrap"}


def pad(translator: Translator, node: Node) -> Any:
    """``Pad``: a constant, or what the tensor itself has; signs get signs, negative widths cut."""
    mode = node.attributes.get("mode", b"constant").decode()
    value = float(node.attributes.get("value", 0.0))
    if len(node.inputs) > 2 and node.inputs[2]:
        value = float(translator.given(node, 2))
    source = translator.raw(node.inputs[0])
    widths = _widths(translator, node, len(sizes_of(source)))
    of_picture = len(widths) == 4 and widths[0] == [0, 0] == widths[3]
    if mode in _OWN and isinstance(source, Signs):
        return source.moved(_with_its_own(source.of, widths, _OWN[mode]))
    if mode in _OWN:
        return _with_its_own(translator.tensor(node.inputs[0]), widths, _OWN[mode])
    if mode != "constant":
        raise ModelError(f"pads by the mode {mode}")
    if isinstance(source, Signs) and of_picture and abs(source.sign_of(value)) == 1.0:
        return source.moved(resized(source.of, widths[1:3], source.sign_of(value)))
    x = translator.tensor(node.inputs[0])
    if of_picture:
        return resized(x, widths[1:3], value)
    return _cut(tf.pad(x, np.maximum(widths, 0), constant_values=value), widths)


def _widths(translator: Translator, node: Node, rank: int) -> list[list[int]]:
    """Widths before and after each axis, as axes are kept here."""
    pads = translator.numbers(node, "pads", 1) or []
    axes = [axis % rank for axis in translator.numbers(node, "axes", 3) or range(rank)]
    widths = [[0, 0] for _ in range(rank)]
    for axis, before, after in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True):
        widths[PLACES[axis] if rank == 4 else axis] = [before, after]
    return widths


def resized(x: Any, widths: list[list[int]], value: float = 0.0) -> Any:
    """A picture with rows and columns of a value around it, or without some of its own.

    What is cut off may reach into what is put around the other side.

    Args:
        x: Rank 4, channels last.
        widths: Before and after the rows, and before and after the columns; negative ones cut.
        value: The value.
    """
    (top, bottom), (left, right) = np.maximum(widths, 0).tolist()
    return _cut(padded(x, [top, left, bottom, right], value), [[0, 0], *widths, [0, 0]])


def _cut(x: Any, widths: list[list[int]]) -> Any:
    """A tensor without what negative widths take away."""
    parts = tuple(slice(max(-before, 0), None if after >= 0 else after) for before, after in widths)
    return x if parts == (slice(0, None),) * len(widths) else x[parts]


def _with_its_own(x: Any, widths: list[list[int]], mode: _Mode) -> Any:
    """A tensor with its own values around it: reflected, those at the edge, or from the start."""
    x = _cut(x, widths)
    for axis, (before, after) in enumerate(np.maximum(widths, 0).tolist()):
        if before or after:
            places = np.pad(np.arange(int(x.shape[axis])), (before, after), mode)
            x = tf.gather(x, places, axis=axis)
    return x


def padded(x: Any, pads: list[int], value: float = 0.0) -> Any:
    """With a value around it: pads are those before rows and columns, then those after them."""
    if not any(pads):
        return x
    top, left, bottom, right = pads
    if value == 0.0:
        return LAYERS.ZeroPadding2D(((top, bottom), (left, right)))(x)
    return tf.pad(x, [[0, 0], [top, bottom], [left, right], [0, 0]], constant_values=value)
