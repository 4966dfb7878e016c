"""ONNX's reference implementation, with what it computes wrongly or not at all.

Of a transposed convolution with groups onnx 1.22 keeps one filter of each group and adds the bias
of the first to all, and it refuses dilations. For ``auto_pad`` it takes sizes of other axes, or
none at all, and the max pool that it has for strides of 1 fails at some pads.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun
from onnx.reference.ops.op_average_pool import AveragePool_19
from onnx.reference.ops.op_max_pool import MaxPool as _MaxPool
from onnx.reference.ops_optimized.op_conv_optimized import Conv as _Conv

from facesdk.errors import ModelError, one_line
from facesdk_converters.sources.onnx.auto_pad import EXPLICIT, SAME, same_pads, transposed_pads
from facesdk_converters.sources.onnx.graph import LARGEST, Node

_SIZES = 64
"""What has more numbers is no shape, and nothing that one is computed from."""


def evaluator(proto: onnx.ModelProto) -> ReferenceEvaluator:
    """What runs a model."""
    return ReferenceEvaluator(proto, new_ops=list(_OWN), optimized=False)


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
        ModelError: They cannot be computed: places out of range, or a result of more than
            :data:`LARGEST` numbers.
    """
    renamed = dict(zip(node.proto.input, node.inputs, strict=True))
    feeds = {old: constants[new] for old, new in renamed.items() if old}
    if _count(node, feeds, opsets) > LARGEST:
        raise ModelError(f"node {node.name} ({node.kind}) makes more than {LARGEST:,} numbers")
    try:
        runner = ReferenceEvaluator(
            node.proto, opsets=dict(opsets), new_ops=list(_OWN), optimized=False
        )
        results = runner.run(None, feeds)
    except Exception as error:  # NumPy's and ONNX's own, of what a file asks for
        raise ModelError(
            f"node {node.name} ({node.kind}) cannot be computed from its constants "
            f"({one_line(error, 150)})"
        ) from None
    return {name: np.asarray(values) for name, values in zip(node.outputs, results, strict=True)}


def _count(node: Node, feeds: Mapping[str, NDArray[Any]], opsets: Mapping[str, int]) -> int:
    """How many numbers an output of a node has at most, where ONNX can tell beforehand."""
    try:
        schema = onnx.defs.get_schema(node.kind, opsets[""], "")
        rows = {name: onnx.numpy_helper.from_array(values) for name, values in feeds.items()}
        types = {
            name: onnx.helper.make_tensor_type_proto(row.data_type, row.dims)
            for name, row in rows.items()
        }
        found = onnx.shape_inference.infer_node_outputs(schema, node.proto, types, rows)
    except Exception:  # ONNX's own, of what cannot be computed either
        return 0
    shapes = [kind.tensor_type.shape.dim for kind in found.values()]
    return max((math.prod(row.dim_value for row in shape) for shape in shapes), default=0)


def evaluated_for_several(
    node: Node,
    constants: Mapping[str, NDArray[Any]],
    several: Mapping[str, NDArray[Any]],
    opsets: Mapping[str, int],
) -> dict[str, NDArray[Any]]:
    """What a node makes of constants that are others for several inputs.

    Args:
        node: A node whose inputs and outputs are among the constants.
        constants: Arrays by name, for one input.
        several: Those that are others for several inputs.
        opsets: Version of the operators of each domain.

    Returns:
        Its outputs by name, where they are others too; none that are large, which are no sizes, or
        that cannot be computed.
    """
    if several.keys().isdisjoint(node.inputs):
        return {}
    try:
        results = evaluated(node, {**constants, **several}, opsets)
    except ModelError:
        return {}
    return {
        name: values
        for name, values in results.items()
        if values.size <= _SIZES and not np.array_equal(values, constants[name])
    }


def _with_pads(pictures: Any, taps: Sequence[int], options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of an operator of windows, with pads in place of ``auto_pad``."""
    mode = options.get("auto_pad") or EXPLICIT
    if mode == EXPLICIT:
        return dict(options)
    lengths = pictures.shape[2:]
    steps = [options.get(name) or [1] * len(lengths) for name in ("strides", "dilations")]
    found = {**options, "pads": same_pads(mode, lengths, taps, *steps), "auto_pad": EXPLICIT}
    return {**found, "ceil_mode": 0} if mode in SAME and "ceil_mode" in found else found


class Conv(_Conv):
    """With pads by ``auto_pad``."""

    op_domain = ""

    def _run(self, *inputs: Any, **options: Any) -> Any:
        run: Any = super()._run
        return run(*inputs, **_with_pads(inputs[0], inputs[1].shape[2:], options))


class AveragePool(AveragePool_19):
    """With pads by ``auto_pad``."""

    op_domain = ""

    def _run(self, *inputs: Any, **options: Any) -> Any:
        run: Any = super()._run
        return run(*inputs, **_with_pads(inputs[0], options["kernel_shape"], options))


class MaxPool(_MaxPool):
    """With pads by ``auto_pad``, and without the detour that ONNX takes where strides are 1."""

    op_domain = ""

    def _run(self, *inputs: Any, **options: Any) -> Any:
        run: Any = self._max_pool
        return run(*inputs, **_with_pads(inputs[0], options["kernel_shape"], options))


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
        mode, lengths = auto_pad or EXPLICIT, pictures.shape[2:]
        if mode != EXPLICIT or output_shape:
            pads, more = transposed_pads(
                mode, lengths, taps, strides, dilations, more, output_shape or []
            )
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


_OWN = (Conv, AveragePool, MaxPool, ConvTranspose)
