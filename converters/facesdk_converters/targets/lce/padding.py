"""Layers of zeros in front of convolutions with strides, so that LCE's converter sees what they do.

The converter folds ``ZeroPadding2D`` and a "valid" convolution into one with "same" padding where
the zeros look symmetric and the output has the size. It does not look whether the last row of zeros
is read: with PyTorch's padding (7x7, stride 2, three zeros on each side) it is not, "same" then
means two zeros before and three after, and the picture shifts by a pixel. Without the rows and
columns that nobody reads the same convolution has zeros that "same" would not have, or exactly
those, and the converter's test of that is right.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import tensorflow as tf

from facesdk.errors import ModelError
from facesdk_converters.targets.substitution import computing_as


class _ReadZeros(tf.keras.layers.ZeroPadding2D):  # type: ignore[misc]
    """A ``ZeroPadding2D`` without the last rows and columns that nothing reads."""

    unread: tuple[int, int]

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        (top, bottom), (left, right) = self.padding
        rows, columns = self.unread
        zeros = [[0, 0], [top, bottom - rows], [left, right - columns], [0, 0]]
        return tf.pad(inputs, zeros)


@contextmanager
def without_unread_zeros(layers: Iterable[Any]) -> Iterator[None]:
    """While it lasts, layers of zeros leave out what no convolution after them reads.

    Args:
        layers: All Keras layers of a model; its outputs stay as they are.

    Raises:
        ModelError: The layers that read the zeros leave different numbers of rows unread, which one
            layer of zeros cannot serve.
    """
    changed = [(layer, unread) for layer in layers if any(unread := _unread(layer))]
    for layer, unread in changed:
        layer.unread = unread
    with computing_as(_ReadZeros, [layer for layer, _ in changed]):
        yield


def _unread(layer: Any) -> tuple[int, int]:
    """Rows and columns of a layer's zeros, from the end, that no layer after it reads."""
    if type(layer) is not tf.keras.layers.ZeroPadding2D or layer.data_format != "channels_last":
        return (0, 0)
    readers = [node.outbound_layer for node in layer.outbound_nodes]
    found = {_unread_by(reader, layer) for reader in readers}
    if len(found) > 1:
        names = ", ".join(reader.name for reader in readers)
        raise ModelError(
            f"the zeros of layer {layer.name} are read by {names}, which reach differently far: "
            "give each a layer of zeros of its own"
        )
    return next(iter(found), (0, 0))


def _unread_by(reader: Any, zeros: Any) -> tuple[int, int]:
    strides, size = getattr(reader, "strides", (1, 1)), getattr(reader, "kernel_size", (1, 1))
    if getattr(reader, "padding", "") != "valid" or len(strides) != 2:
        return (0, 0)
    dilation = getattr(reader, "dilation_rate", (1, 1))
    height, width = zeros.output_shape[1:3]
    spans = [(taps - 1) * step + 1 for taps, step in zip(size, dilation, strict=True)]
    rows = (height - spans[0]) % strides[0]
    columns = (width - spans[1]) % strides[1]
    (_, bottom), (_, right) = zeros.padding
    return min(rows, bottom), min(columns, right)
