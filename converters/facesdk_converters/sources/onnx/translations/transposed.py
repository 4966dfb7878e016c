"""``ConvTranspose`` over pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from facesdk.errors import ModelError
from facesdk_converters.sources.onnx.auto_pad import EXPLICIT, transposed_pads
from facesdk_converters.sources.onnx.graph import Node
from facesdk_converters.sources.onnx.translations.padding import resized
from facesdk_converters.sources.onnx.translations.windows import Window, pad_mode, window
from facesdk_converters.sources.onnx.translator import LAYERS, Translator, sizes_of


def conv_transpose(translator: Translator, node: Node) -> Any:
    """A transposed convolution.

    Without groups and dilations it is TensorFlow Lite's operator, whose result is then cut to
    ONNX's; its bias comes after that, since ONNX may add rows that have nothing else. Otherwise
    zeros are put between the pixels, and the kernel goes over them turned round.
    """
    kernel = np.asarray(translator.given(node, 1), np.float32)
    size = list(kernel.shape[2:])
    x = translator.tensor(node.inputs[0])
    lengths = sizes_of(x)[2:]
    given = window(node, size, lengths)
    strides, dilations, pads = given.strides, given.dilations, given.pads
    more = list(node.attributes.get("output_padding", [0, 0]))
    mode, wanted = pad_mode(node), list(node.attributes.get("output_shape", []))
    if mode != EXPLICIT or wanted:
        pads, more = transposed_pads(mode, lengths, size, strides, dilations, more, wanted)
    groups = int(node.attributes.get("group", 1))
    if groups == 1 and dilations == [1, 1]:
        more = [m - max(s - taps, 0) for m, s, taps in zip(more, strides, size, strict=True)]
        cuts = [[pads[axis], pads[axis + 2] - more[axis]] for axis in range(2)]
        over = [max(taps - s, 0) for taps, s in zip(size, strides, strict=True)]
        same = cuts == [[total // 2, total - total // 2] for total in over]
        layer = LAYERS.Conv2DTranspose(
            kernel.shape[1],
            size,
            strides,
            padding="same" if same else "valid",
            use_bias=False,
            name=translator.layer_name(node),
        )
        y = layer(x)
        layer.set_weights([kernel.transpose(2, 3, 1, 0)])
        if same:
            pads, more = [0] * 4, [0] * 2
    else:
        y = _over_zeros(translator.layer_name(node), given, x, kernel, groups)
    y = resized(y, [[-pads[axis], more[axis] - pads[axis + 2]] for axis in range(2)])
    if len(node.inputs) > 2 and node.inputs[2]:
        y += np.asarray(translator.given(node, 2), np.float32)
    return y


def _over_zeros(name: str, given: Window, x: Any, kernel: NDArray[np.float32], groups: int) -> Any:
    """The whole result, without pads: a convolution of the picture with zeros between its pixels.

    Args:
        name: Of the layer.
        given: Strides and dilations.
        x: ``(batch, height, width, channels)``.
        kernel: ``(channels, filters of a group, rows, columns)``.
        groups: Number of groups of channels.
    """
    size, strides, dilations = given.size, given.strides, given.dilations
    if strides[0] != strides[1]:
        raise ModelError("has groups or dilations, and strides that differ")
    stride = strides[0]
    if stride > 1:
        channels = int(x.shape[-1])
        x = tf.pad(x, [[0, 0], [0, 0], [0, 0], [0, (stride * stride - 1) * channels]])
        x = tf.nn.depth_to_space(x, stride)
    spans = [(taps - 1) * step for taps, step in zip(size, dilations, strict=True)]
    x = resized(x, [[span, span - stride + 1] for span in spans])
    turned = kernel[:, :, ::-1, ::-1]
    options = {"dilation_rate": dilations, "use_bias": False}
    if groups == len(kernel) and groups > 1:
        layer = LAYERS.DepthwiseConv2D(size, depth_multiplier=kernel.shape[1], name=name, **options)
        weights = turned.transpose(2, 3, 0, 1)
    else:
        layer = LAYERS.Conv2D(kernel.shape[1] * groups, size, groups=groups, name=name, **options)
        rows = turned.reshape(groups, -1, *turned.shape[1:])  # group, channel, filter, ...
        weights = rows.transpose(3, 4, 1, 0, 2).reshape(*size, len(kernel) // groups, -1)
    y = layer(x)
    layer.set_weights([weights])
    return y
