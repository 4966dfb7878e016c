"""What builtin operators expect: those that facesdk's converters write, and its packaged files.

Runtimes trust a file in much of this: an operator with the wrong number of inputs, a stride of 0 or
a filter that does not fit its bias ends some of them with a crash. Each rule here is one that every
valid file keeps, so that no valid file is refused. An operator that is not in :data:`ACCEPTED` is
no error; what it does is known once the file has run
(:mod:`facesdk.runtime.probe`).

Source: ``schema.fbs``, and what the kernels of TensorFlow Lite 2.14 and LiteRT 2.3 demand in
``Prepare``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod

from facesdk.tflite import operators as names
from facesdk.tflite.flatbuffer import FlatbufferError, Table
from facesdk.tflite.schema import tensor_type

NUMBERS = frozenset(
    ("float32", "float16", "bfloat16", "int8", "uint8", "int16", "uint16", "int32", "uint32")
) | {"int64", "uint64", "float64"}
"""Types that operators compute with."""
ACTIVATIONS = frozenset(("float32", "float16", "bfloat16", "int8", "uint8", "int16", "int4"))
"""Types of what networks hand on from layer to layer."""
STORED = NUMBERS | {"int4", "int2", "uint4"}
"""Types of numbers in a file."""
_ANY = STORED | {"bool", "string", "complex64", "complex128"}
INTEGERS = frozenset(("int32", "int64"))
"""Types of sizes and axes."""
LEFT_OUT = -1
"""Index of an optional input that an operator does without."""
_MANY = 1 << 10
"""Most inputs or outputs of an operator that joins or divides tensors."""
_MOST = 1 << 20
"""Largest stride and dilation; a network needs no more than the side of a picture."""


@dataclass(frozen=True, slots=True)
class Operand:
    """A tensor as an operator meets it.

    Attributes:
        shape: Its shape in the file.
        dtype: Its type.
        known: Whether the shape is that which it will have: no for an activation without
            dimensions, which may be one whose shape is only known when the network runs.
    """

    shape: tuple[int, ...]
    dtype: str
    known: bool


Operands = Sequence["Operand | None"]
Check = Callable[[Operands, "Table | None"], None]


@dataclass(frozen=True, slots=True)
class Rule:
    """What a builtin operator expects.

    Attributes:
        inputs: Fewest and most inputs.
        needed: Inputs that may not be left out (-1).
        data: Which of them is computed with.
        types: Types that it may have.
        ranks: Fewest and most dimensions that it may have.
        same: Whether the outputs have its type.
        outputs: Fewest and most outputs.
        check: What else must hold, of all inputs and the options.
    """

    inputs: tuple[int, int]
    needed: int
    data: int = 0
    types: frozenset[str] = NUMBERS
    ranks: tuple[int, int] = (0, 8)
    same: bool = True
    outputs: tuple[int, int] = (1, 1)
    check: Check | None = None


def _convolution(operands: Operands, options: Table | None) -> None:
    data, filters = operands[0], operands[1]
    _windows(options)
    _ranked("filters", filters, 4, STORED)
    _bias(operands, 0)
    if data is not None and filters is not None and data.known and filters.known:
        groups = filters.shape[3]
        _require(groups > 0 and data.shape[3] % groups == 0, "channels that its filters do not fit")


def _depthwise(operands: Operands, options: Table | None) -> None:
    data, filters = operands[0], operands[1]
    _windows(options)
    _ranked("filters", filters, 4, STORED)
    _bias(operands, 3)
    if data is not None and filters is not None and data.known and filters.known:
        _require(
            data.shape[3] > 0 and filters.shape[3] % data.shape[3] == 0,
            "channels that its filters do not fit",
        )


def _transposed(operands: Operands, options: Table | None) -> None:
    _windows(options)
    _ranked("an output shape", operands[0], 1, INTEGERS)
    _ranked("filters", operands[1], 4, STORED)


def _dense(operands: Operands, options: Table | None) -> None:
    _ranked("weights", operands[1], 2, STORED)
    _bias(operands, 0)


def _pool(operands: Operands, options: Table | None) -> None:
    _require(options is not None and options.kind == "Pool2DOptions", "no options for its window")


def _alike(operands: Operands, options: Table | None) -> None:
    types = {row.dtype for row in operands if row is not None}
    _require(len(types) == 1, f"inputs of types {', '.join(sorted(types))}")


def _indices(operands: Operands, options: Table | None) -> None:
    for row in operands[1:]:
        _require(row is None or row.dtype in INTEGERS, f"sizes or axes of type {row and row.dtype}")


def _reshaping(operands: Operands, options: Table | None) -> None:
    _own(options, "ReshapeOptions")
    _indices(operands, options)


def _squeezing(operands: Operands, options: Table | None) -> None:
    _own(options, "SqueezeOptions")


def _own(options: Table | None, kind: str) -> None:
    """Options with a list in them: runtimes take another operator's numbers for its place."""
    _require(options is None or options.kind == kind, "options of another operator")


def _positions(operands: Operands, options: Table | None) -> None:
    for row in operands[1:]:
        _require(
            row is None or row.dtype in INTEGERS | {"int16", "int8", "uint8"},
            f"positions of type {row and row.dtype}",
        )


def _axis_first(operands: Operands, options: Table | None) -> None:
    axis = operands[0]
    _require(
        axis is None or (axis.dtype in INTEGERS and (not axis.known or prod(axis.shape) == 1)),
        "an axis that is not one number",
    )


def _padding(operands: Operands, options: Table | None) -> None:
    pads = operands[1]
    _require(
        pads is None or pads.dtype in INTEGERS | {"int8", "int16"},
        f"paddings of type {pads and pads.dtype}",
    )
    _require(
        pads is None or not pads.known or (len(pads.shape) == 2 and pads.shape[1] == 2),
        f"paddings of shape {pads and list(pads.shape)}",
    )


_UNARY = (
    *("RELU", "RELU6", "RELU_N1_TO_1", "RELU_0_TO_1", "TANH", "LOGISTIC", "ELU", "GELU"),
    *("HARD_SWISH", "LEAKY_RELU", "ABS", "NEG", "EXP", "LOG", "SQRT", "RSQRT", "SQUARE"),
    *("FLOOR", "CEIL", "ROUND", "SIN", "COS"),
)
_BINARY = ("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE")
_POOLS = ("AVERAGE_POOL_2D", "MAX_POOL_2D", "L2_POOL_2D")
_RESIZES = ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR")

ACCEPTED: dict[str, Rule] = {
    **dict.fromkeys(_UNARY, Rule((1, 1), 1, types=ACTIVATIONS | {"int32", "int64", "float64"})),
    **dict.fromkeys(_BINARY, Rule((2, 2), 2, check=_alike)),
    **dict.fromkeys(("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"), Rule((2, 2), 2, check=_indices)),
    **dict.fromkeys(_POOLS, Rule((1, 1), 1, types=ACTIVATIONS, ranks=(4, 4), check=_pool)),
    **dict.fromkeys(
        _RESIZES,
        Rule((2, 2), 2, types=ACTIVATIONS | {"int32"}, ranks=(4, 4), check=_indices),
    ),
    names.CONV_2D: Rule((2, 3), 2, types=ACTIVATIONS, ranks=(4, 4), check=_convolution),
    names.DEPTHWISE_CONV_2D: Rule((3, 3), 2, types=ACTIVATIONS, ranks=(4, 4), check=_depthwise),
    names.TRANSPOSE_CONV: Rule(
        (3, 4), 3, data=2, types=ACTIVATIONS, ranks=(4, 4), check=_transposed
    ),
    names.FULLY_CONNECTED: Rule((2, 3), 2, types=ACTIVATIONS, same=False, check=_dense),
    "PRELU": Rule((2, 2), 2, types=ACTIVATIONS, check=_alike),
    "SOFTMAX": Rule((1, 1), 1, types=ACTIVATIONS, same=False, ranks=(1, 8)),
    "L2_NORMALIZATION": Rule((1, 1), 1, types=ACTIVATIONS, ranks=(1, 8)),
    "CONCATENATION": Rule((1, _MANY), _MANY, types=STORED | {"bool"}, check=_alike),
    "RESHAPE": Rule((1, 2), 1, types=STORED | {"bool", "complex64", "string"}, check=_reshaping),
    "SQUEEZE": Rule((1, 1), 1, types=STORED | {"bool", "complex64", "string"}, check=_squeezing),
    "PAD": Rule((2, 2), 2, types=STORED | {"bool"}, check=_padding),
    "PADV2": Rule((3, 3), 3, types=STORED | {"bool"}, check=_padding),
    "TRANSPOSE": Rule((2, 2), 2, types=STORED | {"bool"}, check=_indices),
    "SLICE": Rule((3, 3), 3, types=_ANY, check=_indices),
    "STRIDED_SLICE": Rule((4, 4), 4, types=_ANY, check=_positions),
    "SPLIT": Rule((2, 2), 2, data=1, types=_ANY, outputs=(1, _MANY), check=_axis_first),
    "SPLIT_V": Rule((3, 3), 3, types=_ANY, outputs=(1, _MANY), check=_indices),
    "GATHER": Rule((2, 2), 2, types=_ANY, check=_positions),
    "PACK": Rule((1, _MANY), _MANY, types=_ANY, check=_alike),
    "UNPACK": Rule((1, 1), 1, types=_ANY, ranks=(1, 8), outputs=(1, _MANY)),
    "BATCH_MATMUL": Rule((2, 2), 2, types=STORED, same=False),
    "SHAPE": Rule((1, 1), 1, types=_ANY, same=False),
    "CAST": Rule((1, 1), 1, types=_ANY, same=False),
    "EXPAND_DIMS": Rule((2, 2), 2, types=_ANY, check=_indices),
    "TILE": Rule((2, 2), 2, types=_ANY, check=_indices),
    names.WIDEN: Rule((1, 1), 1, types=STORED, same=False),
    "QUANTIZE": Rule((1, 1), 1, types=STORED, same=False),
}
"""The builtin operators that are accepted as they are, by name; each writes one tensor."""


def check(name: str, operator: Table, tensors: Operands) -> None:
    """Raise unless an operator is as its row of :data:`ACCEPTED` says; others pass.

    Args:
        name: The builtin operator.
        operator: Its entry in the file, with indices that point at tensors.
        tensors: The tensors of its graph.

    Raises:
        FlatbufferError: It is not; the message says what it has.
    """
    rule = ACCEPTED.get(name)
    if rule is None:
        return
    inputs, outputs = operator.integers("inputs"), operator.integers("outputs")
    operands = [None if index == LEFT_OUT else tensors[index] for index in inputs]
    try:
        _check(rule, operator, operands, [tensors[index] for index in outputs])
    except _UnfitError as error:
        raise FlatbufferError(f"{name} has {error}") from None


def operands_of(graph: Table, constants: Sequence[bool]) -> list[Operand]:
    """The tensors of a graph.

    Args:
        graph: Its ``SubGraph``.
        constants: For each buffer whether it holds the values of a constant.
    """
    found = []
    for tensor in graph.tables("tensors"):
        shape = tensor.integers("shape")
        known = bool(shape) or constants[tensor.scalar("buffer")]
        found.append(Operand(shape, tensor_type(tensor.scalar("type"))[0], known))
    return found


def check_constant(tensor: Table, stored: int, held: int) -> None:
    """Raise unless a constant has as many bytes as its shape and type need.

    Args:
        tensor: The constant.
        stored: Numbers that the file has of it: all, but of a sparse tensor.
        held: Bytes of its buffer.

    Raises:
        FlatbufferError: It has more or fewer.
    """
    name, bits = tensor_type(tensor.scalar("type"))
    if bits and held != -(-stored * bits // 8):
        raise FlatbufferError(
            f"a constant of shape {list(tensor.integers('shape'))} has {held} bytes of {name}"
        )


class _UnfitError(Exception):
    """What an operator has and may not."""


def _check(rule: Rule, operator: Table, operands: Operands, outputs: Operands) -> None:
    fewest, most = rule.inputs
    _require(fewest <= len(operands) <= most, f"{len(operands)} inputs")
    _require(None not in operands[: rule.needed], "a required input left out")
    fewest, most = rule.outputs
    _require(fewest <= len(outputs) <= most, f"{len(outputs)} outputs")
    data = operands[rule.data]
    if data is None:
        return
    _require(data.dtype in rule.types, f"an input of type {data.dtype}")
    for row in outputs:
        _require(
            not rule.same or row is None or row.dtype == data.dtype,
            f"an output of type {row and row.dtype}",
        )
    if data.known:
        _require(
            rule.ranks[0] <= len(data.shape) <= rule.ranks[1],
            f"an input of shape {list(data.shape)}",
        )
    if rule.check is not None:
        rule.check(operands, operator.table("builtin_options"))


def _windows(options: Table | None) -> None:
    """Strides and dilations of a convolution; without options strides are 0."""
    if options is None or not options.kind.endswith(("Conv2DOptions", "ConvOptions")):
        raise _UnfitError("no options of a convolution")
    sizes = [options.scalar(field) for field in ("stride_w", "stride_h")]
    if options.kind != "TransposeConvOptions":
        sizes += [options.scalar(field, 1) for field in ("dilation_w_factor", "dilation_h_factor")]
    _require(all(1 <= size <= _MOST for size in sizes), f"strides and dilations {sizes}")


def _ranked(what: str, operand: Operand | None, rank: int, types: frozenset[str]) -> None:
    if operand is None:
        return
    _require(operand.dtype in types, f"{what} of type {operand.dtype}")
    if operand.known:
        _require(len(operand.shape) == rank, f"{what} of shape {list(operand.shape)}")
        _require(prod(operand.shape) > 0, f"{what} of shape {list(operand.shape)}")


def _bias(operands: Operands, axis: int) -> None:
    """A bias has a number for each filter, along that axis of the filters."""
    filters, bias = operands[1], operands[2] if len(operands) > 2 else None
    if filters is None or bias is None or not (filters.known and bias.known):
        return
    _require(
        prod(bias.shape) == filters.shape[axis],
        f"a bias of shape {list(bias.shape)} for filters of shape {list(filters.shape)}",
    )


def _require(holds: bool, has: str) -> None:
    if not holds:
        raise _UnfitError(has)
