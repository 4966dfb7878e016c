"""Windows of a picture, and pools over them."""

from __future__ import annotations

from typing import Any

import numpy as np

from facesdk.errors import ModelError
from facesdk_converters.sources.onnx.graph import Node
from facesdk_converters.sources.onnx.translations.padding import padded
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


def is_same(x: Any, pads: list[int], size: list[int], strides: list[int], steps: list[int]) -> bool:
    """Whether explicit zeros are those of Keras's "same"."""
    for axis in range(2):
        length, span = int(x.shape[1 + axis]), (size[axis] - 1) * steps[axis] + 1
        total = max((-(-length // strides[axis]) - 1) * strides[axis] + span - length, 0)
        if [pads[axis], pads[axis + 2]] != [total // 2, total - total // 2]:
            return False
    return True


def _rounded_up(x: Any, size: list[int], strides: list[int], pads: list[int]) -> list[int]:
    """Rows and columns that the last windows reach beyond the padding, if the size is rounded up.

    A window that begins there is left out.
    """
    more = []
    for axis in range(2):
        length = int(x.shape[1 + axis]) + pads[axis]
        span = length + pads[axis + 2] - size[axis]
        last = -(-span // strides[axis]) * strides[axis]
        more.append(max(last - span, 0) if last < length else 0)
    return more


def pool(translator: Translator, node: Node) -> Any:
    """Largest or mean value of windows."""
    x = translator.tensor(node.inputs[0])
    size = list(node.attributes["kernel_shape"])
    strides, dilations, pads = window(node, size)
    more = _rounded_up(x, size, strides, pads) if node.attributes.get("ceil_mode", 0) else [0, 0]
    left_out = any(pads) and not node.attributes.get("count_include_pad", 0)
    if node.kind == "AveragePool" and any(more) and any(pads) and not left_out:
        raise ModelError("averages with its padding and rounds its size up (ceil_mode)")
    pads = [*pads[:2], *(pad + rest for pad, rest in zip(pads[2:], more, strict=True))]
    if dilations != [1, 1]:
        raise ModelError("has dilations")
    name = translator.layer_name(node)
    if node.kind == "MaxPool":
        if any(pads):
            x = padded(x, pads, float(np.finfo(np.float32).min))
        return LAYERS.MaxPool2D(size, strides, name=name)(x)
    if left_out or any(more):
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
