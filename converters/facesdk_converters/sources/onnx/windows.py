"""Padding, and pools over windows of a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from facesdk.errors import ModelError
from facesdk_converters.sources.onnx.file import (
    Node,
)
from facesdk_converters.sources.onnx.translator import LAYERS, Translator


def _pads(node: Node) -> list[int]:
    """Zeros before rows and columns, then after them."""
    mode = node.attributes.get("auto_pad", b"NOTSET")
    if mode not in (b"NOTSET", b"VALID"):
        raise ModelError(f"has auto_pad {mode.decode()}: export it with explicit pads")
    return list(node.attributes.get("pads", [0, 0, 0, 0]))


def window(node: Node, size: list[int]) -> tuple[list[int], list[int], list[int]]:
    """Strides, dilations and pads of a node over pictures."""
    strides = list(node.attributes.get("strides", [1] * len(size)))
    dilations = list(node.attributes.get("dilations", [1] * len(size)))
    if len(size) != 2:
        raise ModelError(f"has {len(size)} dimensions, and only pictures are translated")
    return strides, dilations, _pads(node)


def padded(x: Any, pads: list[int], value: float = 0.0) -> Any:
    """With a value around it: pads are those before rows and columns, then those after them."""
    if not any(pads):
        return x
    top, left, bottom, right = pads
    if value == 0.0:
        return LAYERS.ZeroPadding2D(((top, bottom), (left, right)))(x)
    return tf.pad(x, [[0, 0], [top, bottom], [left, right], [0, 0]], constant_values=value)


def is_same(x: Any, pads: list[int], size: list[int], strides: list[int], steps: list[int]) -> bool:
    """Whether explicit zeros are those of Keras's "same"."""
    for axis in range(2):
        length, span = int(x.shape[1 + axis]), (size[axis] - 1) * steps[axis] + 1
        total = max((-(-length // strides[axis]) - 1) * strides[axis] + span - length, 0)
        if [pads[axis], pads[axis + 2]] != [total // 2, total - total // 2]:
            return False
    return True


def pool(translator: Translator, node: Node) -> Any:
    """Largest or mean value of windows."""
    x = translator.tensor(node.inputs[0])
    size = list(node.attributes["kernel_shape"])
    strides, dilations, pads = window(node, size)
    if node.attributes.get("ceil_mode", 0):
        for axis in range(2):
            length = int(x.shape[1 + axis]) + pads[axis] + pads[axis + 2] - size[axis]
            if length % strides[axis]:
                raise ModelError("rounds its size up (ceil_mode), which TensorFlow Lite does not")
    if dilations != [1, 1]:
        raise ModelError("has dilations")
    name = translator.layer_name(node)
    if node.kind == "MaxPool":
        if any(pads):
            x = padded(x, pads, float(np.finfo(np.float32).min))
        return LAYERS.MaxPool2D(size, strides, name=name)(x)
    if any(pads) and not node.attributes.get("count_include_pad", 0):
        if not is_same(x, pads, size, strides, [1, 1]):
            raise ModelError("averages without its padding, at places that are not those of `same`")
        return LAYERS.AvgPool2D(size, strides, padding="same", name=name)(x)
    return LAYERS.AvgPool2D(size, strides, name=name)(padded(x, pads))


def global_pool(translator: Translator, node: Node) -> Any:
    """Largest or mean value of each channel, 1x1."""
    x = translator.tensor(node.inputs[0])
    kind = {
        "GlobalAveragePool": LAYERS.GlobalAveragePooling2D,
        "GlobalMaxPool": LAYERS.GlobalMaxPooling2D,
    }[node.kind]
    return kind(keepdims=True, name=translator.layer_name(node))(x)
