"""``Resize`` of pictures.

ONNX says for each place of the result which place of the picture it shows, in several ways.
TensorFlow Lite has operators for three of them: places start with the first, lie in the middle of
squares, or end with the last (``align_corners``). Nearest neighbours of any other way are gathered
row by row and column by column; interpolation between any others is refused. Rows and columns may
be of two ways, as PyTorch's are where a single one is left.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from facesdk.errors import ModelError
from facesdk_converters.sources.onnx.graph import LARGEST, Node
from facesdk_converters.sources.onnx.translator import Translator, rank_of

_CLOSE = 1e-4
"""Places of a picture that are that close show the same, up to rounding."""

_ROUNDING: dict[str, Callable[[Any], Any]] = {
    "floor": np.floor,
    "ceil": np.ceil,
    "round_prefer_floor": lambda places: np.ceil(places - 0.5),
    "round_prefer_ceil": lambda places: np.floor(places + 0.5),
}
_OWN_PLACES: dict[str, Callable[[int, int], NDArray[np.float64]]] = {
    "": lambda old, new: np.arange(new) * (old / new),
    "half_pixel_centers": lambda old, new: (np.arange(new) + 0.5) * (old / new) - 0.5,
    "align_corners": lambda old, new: np.arange(new) * ((old - 1) / max(new - 1, 1)),
}
"""Where TensorFlow Lite has each row, by the name of the option."""


def resize(translator: Translator, node: Node) -> Any:
    """Height and width of a picture, by its nearest pixels or between them."""
    x = translator.tensor(node.inputs[0])
    mode = node.attributes.get("mode", b"nearest").decode()
    if rank_of(x) != 4:
        raise ModelError(f"resizes a tensor of {rank_of(x)} axes, and only pictures are resized")
    if mode not in ("nearest", "linear"):
        raise ModelError(f"resizes by the mode {mode}, for which TensorFlow Lite has no operator")
    if node.attributes.get("antialias", 0):
        raise ModelError("has antialias, for which TensorFlow Lite has no operator")
    given = translator.sizes(node.inputs[0])
    target, scales = _target(translator, node, given)
    if target[:2] != given[:2]:
        raise ModelError(f"resizes other axes than height and width: {target} of {given}")
    if not 0 < math.prod(target) <= LARGEST:
        raise ModelError(f"resizes to {target}")
    size = target[2:]
    places = [
        _places(node, old, new, scale)
        for old, new, scale in zip(given[2:], size, scales[2:], strict=True)
    ]
    if mode == "nearest":
        return _nearest(x, node, size, places)
    return _linear(x, given[2:], size, places)


def _target(translator: Translator, node: Node, given: list[int]) -> tuple[list[int], list[float]]:
    """The sizes of the result and its scales, for each of ONNX's axes."""
    axes = [axis % 4 for axis in node.attributes.get("axes", range(4))]
    if node.attributes.get("keep_aspect_ratio_policy", b"stretch") != b"stretch":
        raise ModelError("keeps the aspect ratio: export it with the size that this gives")
    target, scales = list(given), [1.0] * 4
    if len(node.inputs) > 3 and node.inputs[3]:
        for axis, size in zip(axes, translator.given(node, 3).tolist(), strict=True):
            target[axis], scales[axis] = size, size / given[axis]
    else:
        for axis, scale in zip(axes, translator.given(node, 2).tolist(), strict=True):
            target[axis], scales[axis] = int(np.floor(given[axis] * scale)), scale
    return target, scales


def _places(node: Node, old: int, new: int, scale: float) -> NDArray[np.float64]:
    """Where in the picture each row of the result lies."""
    mode = node.attributes.get("coordinate_transformation_mode", b"half_pixel").decode()
    numbers = np.arange(new, dtype=np.float64)
    if mode == "asymmetric":
        return numbers / scale
    if mode == "align_corners":
        return numbers * ((old - 1) / (new - 1) if new > 1 else 0.0)
    if mode == "pytorch_half_pixel" and new == 1:
        return np.zeros(1)
    if mode in ("half_pixel", "pytorch_half_pixel"):
        return (numbers + 0.5) / scale - 0.5
    if mode == "half_pixel_symmetric":
        return old / 2 * (1 - new / (scale * old)) + (numbers + 0.5) / scale - 0.5
    raise ModelError(f"has the coordinate_transformation_mode {mode}")


def _clipped(places: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    return np.clip(places, 0, size - 1)


def _linear(x: Any, given: list[int], size: list[int], places: list[NDArray[np.float64]]) -> Any:
    """By one operator that has both rows and columns there, or else by one for each."""
    rows, columns = (
        [
            way
            for way, own in _OWN_PLACES.items()
            if np.allclose(_clipped(one, old), _clipped(own(old, new), old), 0, _CLOSE)
        ]
        for one, old, new in zip(places, given, size, strict=True)
    )
    if not rows or not columns:
        raise ModelError("interpolates at places for which TensorFlow Lite has no operator")
    both = next((way for way in rows if way in columns), None)
    if both is not None:
        return _interpolated(x, size, both)
    return _interpolated(_interpolated(x, [size[0], given[1]], rows[0]), size, columns[0])


def _interpolated(x: Any, size: list[int], way: str) -> Any:
    return tf.compat.v1.image.resize_bilinear(x, size, **({way: True} if way else {}))


def _nearest(x: Any, node: Node, size: list[int], places: list[NDArray[np.float64]]) -> Any:
    rounding = _ROUNDING[node.attributes.get("nearest_mode", b"round_prefer_floor").decode()]
    rows = [
        _clipped(rounding(one), int(old)).astype(np.int64)
        for one, old in zip(places, x.shape[1:3], strict=True)
    ]
    plain = [_middle_rows(int(old), new) for old, new in zip(x.shape[1:3], size, strict=True)]
    if all(np.array_equal(one, other) for one, other in zip(rows, plain, strict=True)):
        return tf.image.resize(x, size, "nearest")
    for axis, numbers in enumerate(rows, 1):
        if not np.array_equal(numbers, np.arange(int(x.shape[axis]))):
            x = tf.gather(x, numbers, axis=axis)
    return x


def _middle_rows(old: int, new: int) -> NDArray[np.int64]:
    """The rows that TensorFlow Lite's operator takes, those around middles, with its rounding."""
    scale = np.float32(old) / np.float32(new)
    rows = np.floor((np.arange(new, dtype=np.float32) + np.float32(0.5)) * scale)
    return np.asarray(np.minimum(rows, old - 1), np.int64)
