"""ONNX's reference implementation, with what it computes wrongly or not at all.

Of a transposed convolution with groups onnx 1.22 keeps one filter of each group and adds the bias
of the first to all, and it refuses dilations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from facesdk.errors import ModelError, one_line
from facesdk_converters.sources.onnx.graph import Node


def evaluator(proto: onnx.ModelProto) -> ReferenceEvaluator:
    """What runs a model."""
    return ReferenceEvaluator(proto, new_ops=[ConvTranspose])


def evaluated(
    node: Node, constants: Mapping[str, NDArray[Any]], opsets: Mapping[str, int]
) -> dict[str, NDArray[Any]]:
    """What a node makes of constants.

    Args:
        node: A node all of whose inputs are among the constants.
        constants: Arrays by name.
        opsets: Version of the operators of each domain.

    Returns:
        Its outputs by name.

    Raises:
        ModelError: They cannot be computed: places out of range, or a result too large.
    """
    renamed = dict(zip(node.proto.input, node.inputs, strict=True))
    feeds = {old: constants[new] for old, new in renamed.items() if old}
    try:
        runner = ReferenceEvaluator(node.proto, opsets=dict(opsets), new_ops=[ConvTranspose])
        results = runner.run(None, feeds)
    except Exception as error:  # NumPy's and ONNX's own, of what a file asks for
        raise ModelError(
            f"node {node.name} ({node.kind}) cannot be computed from its constants "
            f"({one_line(error, 150)})"
        ) from None
    return {name: np.asarray(values) for name, values in zip(node.outputs, results, strict=True)}


class ConvTranspose(OpRun):
    """Each pixel puts the kernel, times its value, into the result."""

    op_domain = ""

    def _run(
        self,
        pictures: Any,
        kernel: Any,
        bias: Any = None,
        *,
        auto_pad: Any = None,
        dilations: Any = None,
        group: Any = None,
        kernel_shape: Any = None,
        output_padding: Any = None,
        output_shape: Any = None,
        pads: Any = None,
        strides: Any = None,
    ) -> tuple[Any, ...]:
        taps = kernel.shape[2:]
        strides, dilations = strides or [1, 1], dilations or [1, 1]
        pads, more, count = pads or [0] * 4, output_padding or [0, 0], group or 1
        rows, columns = (
            strides[axis] * (pictures.shape[2 + axis] - 1)
            + (taps[axis] - 1) * dilations[axis]
            + 1
            + max(more[axis] - pads[2 + axis], 0)
            for axis in range(2)
        )
        whole = np.zeros((len(pictures), kernel.shape[1] * count, rows, columns), pictures.dtype)
        parts = (np.split(pictures, count, 1), np.split(kernel, count), np.split(whole, count, 1))
        height, width = ((n - 1) * s + 1 for n, s in zip(pictures.shape[2:], strides, strict=True))
        for x, weights, result in zip(*parts, strict=True):
            for row, column in np.ndindex(*taps):
                top, left = row * dilations[0], column * dilations[1]
                places = result[
                    :, :, top : top + height : strides[0], left : left + width : strides[1]
                ]
                places += np.einsum("nchw,cf->nfhw", x, weights[:, :, row, column])
        bottom, right = (min(more[axis] - pads[2 + axis], 0) or None for axis in range(2))
        cut = whole[:, :, pads[0] : bottom, pads[1] : right]
        return (cut if bias is None else cut + bias.reshape(-1, 1, 1),)
