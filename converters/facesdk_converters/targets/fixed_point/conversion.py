"""Networks whose weights have 1 to 8 bits and whose layers read 8-bit activations.

The method is that of patent application CN107480770A: every convolution and dense layer gets
fixed-point weights (:mod:`~facesdk_converters.targets.fixed_point.levels`) and a fixed-point input,
but the first layer, which reads the picture as it is. It needs no labels: calibration faces show
the ranges of the activations. Around it, what makes it work with one scale per activation:

- the channels of an activation are brought to one range
  (:mod:`~facesdk_converters.targets.fixed_point.equalization`);
- the mean error that rounded weights leave in a filter's output is taken from its bias (M. Nagel et
  al., "Data-Free Quantization Through Weight Equalization and Bias Correction", ICCV 2019, 4.2).

TensorFlow's own quantizer (`mlir_quantize`) turns the float graph with the measured ranges into one
of int8 operators. It knows int8 weights only; ours then replace them. PReLU stays in float32,
between int8 tensors: no runtime has a fast int8 kernel for it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import get_args

from ai_edge_litert import schema_py_generated as schema
from tensorflow.lite.python.convert import mlir_quantize

from facesdk.errors import InputError, ModelError, one_line
from facesdk.models.bundle import ModelBundle
from facesdk.progress import Progress, unwatched
from facesdk.results import FloatArray
from facesdk.runtime.native_log import without_lines
from facesdk.tflite.graph import Graph
from facesdk.tflite.schema import BITS
from facesdk_converters.targets.fixed_point.calibration import observe
from facesdk_converters.targets.fixed_point.equalization import Statistics, equalize
from facesdk_converters.targets.fixed_point.fake_quantization import round_activations
from facesdk_converters.targets.fixed_point.levels import (
    MAX_BITS,
    FixedPoint,
    ScaleKind,
    fit,
    narrowest,
)
from facesdk_converters.targets.fixed_point.ranges import (
    RangeKind,
    Ranges,
    extremes,
    least_squares,
    wide_enough,
)
from facesdk_converters.targets.fixed_point.rounding import rounded
from facesdk_converters.targets.fixed_point.storage import STORED_BITS, Choice, store
from facesdk_converters.tflite.prelu import merge_prelu
from facesdk_converters.tflite.tree import Tree

INT8_ACTIVATIONS = 8
FLOAT_ACTIVATIONS = 32
MAX_ROUNDED_ACTIVATIONS = 16
"""Most bits that the operator FAKE_QUANT rounds to."""

EXPONENT = 0.8
"""The a of :mod:`~facesdk_converters.targets.fixed_point.equalization`, chosen on aligned faces of
CelebA; 0.7 to 0.85 are alike."""

_SETTINGS = re.compile(rb"fully_quantize: \d+, inference_type: .*\n")
"""What TensorFlow's quantizer writes at each call (``quantize_model.cc``)."""


@dataclass(frozen=True, slots=True)
class FixedPointOptions:
    """What is made of a network.

    Attributes:
        bits: Width of a weight, 1 to 32.
        widths: Another width for some layers: a pair of a part of the layer's name and its bits,
            1 to 8. Of several parts that a name has, the last pair counts.
        trained: Whether a layer whose weights are fixed-point numbers already keeps its width, see
            :func:`facesdk_converters.targets.fixed_point.levels.narrowest`. The channels of
            activations are then not brought to one range, which would change its weights.
        activations: Width of what layers read: 8 to 16, or 32 (float32).
        scale: See :func:`facesdk_converters.targets.fixed_point.levels.fit`.
        storage: Which TFLite types hold weights of up to 8 bits.
        ranges: What the levels of activations are spread over, see
            :mod:`facesdk_converters.targets.fixed_point.ranges`.

    Raises:
        InputError: A value is none of these.
    """

    bits: int = 8
    activations: int = INT8_ACTIVATIONS
    scale: ScaleKind = "free"
    storage: Choice = "small"
    widths: tuple[tuple[str, int], ...] = ()
    trained: bool = False
    ranges: RangeKind = "extremes"

    def __post_init__(self) -> None:
        for part, bits in self.widths:
            if not part or not 1 <= bits <= STORED_BITS:
                raise InputError(
                    f"a layer's width must be NAME=BITS with 1 to {STORED_BITS} bits, but got "
                    f"{part}={bits}"
                )
        if self.widths and self.bits > STORED_BITS:
            raise InputError("widths of layers and simulated weights do not go together")
        if not 1 <= self.bits <= MAX_BITS:
            raise InputError(f"weights must have 1 to {MAX_BITS} bits, but got {self.bits}")
        rounded = INT8_ACTIVATIONS <= self.activations <= MAX_ROUNDED_ACTIVATIONS
        if not rounded and self.activations != FLOAT_ACTIVATIONS:
            raise InputError(
                f"activations must have {INT8_ACTIVATIONS} to {MAX_ROUNDED_ACTIVATIONS} bits, or "
                f"{FLOAT_ACTIVATIONS} (float32), but got {self.activations}"
            )
        for name, value, known in (
            ("scale", self.scale, get_args(ScaleKind)),
            ("storage", self.storage, get_args(Choice)),
            ("ranges", self.ranges, get_args(RangeKind)),
        ):
            if value not in known:
                raise InputError(f"{name} must be one of {', '.join(known)}, but got {value!r}")

    def bits_of(self, layer: str, trained: int | None = None) -> int:
        """Width of the weights of a layer.

        Args:
            layer: Its name: that of the tensor it writes.
            trained: The width that its weights were trained with, if that is to be kept.
        """
        named = [bits for part, bits in self.widths if part in layer]
        return named[-1] if named else trained or self.bits

    @property
    def simulated(self) -> bool:
        """Whether no operator computes in these widths.

        Then the file computes in float32 with numbers that are rounded to them: for studies of
        accuracy, not smaller (more than 8 bits) or not faster.
        """
        stored = self.bits <= STORED_BITS
        return not stored or self.activations not in (INT8_ACTIVATIONS, FLOAT_ACTIVATIONS)


_QUANTIZED = ("int8", "uint8", "int4", "int2", "uint4")


@dataclass(frozen=True, slots=True, eq=False)
class CalibratedNetwork:
    """A float network and what its activations are like.

    Attributes:
        tree: The model, with PReLUs in one operator and constants of one reader each; not to be
            changed.
        statistics: Of its activations, by tensor number.
        inputs: What they were measured on.
    """

    tree: Tree
    statistics: Statistics
    inputs: Sequence[FloatArray]


def calibrate(
    bundle: ModelBundle, inputs: Sequence[FloatArray], *, progress: Progress = unwatched
) -> CalibratedNetwork:
    """Looks at a network's activations.

    Args:
        bundle: A float32 model.
        inputs: Calibration inputs, for each of its inputs float32 ``(N, ...)`` as it takes them; N
            is a multiple of its batch.
        progress: Called after each batch that ranges were measured on.

    Raises:
        ModelError: It has no layer with float32 weights, or one with weights that are quantized
            already, several subgraphs, or values that are not finite.
    """
    tree = Tree.of(bundle)
    for row in bundle.graph.working:
        if row.weights is not None and row.weights.constant and row.weights.dtype in _QUANTIZED:
            raise ModelError(
                f"the network has {row.weights.dtype} weights, so they are quantized already "
                "(dynamic range, or fixed point): give the float network"
            )
    if not tree.weighted():
        raise ModelError(
            "the network has no convolution or dense layer with float32 weights: give the float "
            "network, not a converted one"
        )
    merge_prelu(tree)
    tree.unshare_constants()
    tree.drop_metadata()
    tree.compact()
    return CalibratedNetwork(tree, observe(tree, inputs, progress=progress), inputs)


def describe(graph: Graph, options: FixedPointOptions) -> str:
    """Which types hold the weights of a converted network, and what that means.

    Args:
        graph: What the file holds.
        options: What was made of it.
    """
    counts = Counter(row.weights.dtype for row in graph.working if row.weights is not None)
    types = ", ".join(f"{name.upper()} in {count} layers" for name, count in counts.most_common())
    others = "".join(f", {bits} in *{part}*" for part, bits in options.widths)
    own = "the widths they were trained with, else " if options.trained else ""
    lines = [f"weights of {own}{options.bits} bits{others}, stored as {types}"]
    narrowest = min(BITS[name] for name in counts)
    if options.bits > STORED_BITS:
        lines.append(
            "simulated: no operator has weights of this width, so the file has float32 weights "
            "rounded to it and is no smaller"
        )
    elif options.bits < narrowest and not (options.widths or options.trained):
        lines.append(f"so the file is no smaller than with {narrowest} bits")
    if options.simulated and options.activations != FLOAT_ACTIVATIONS:
        lines.append(
            f"activations are rounded to {options.activations} bits and computed in float32: a "
            "simulation, slower than float32 itself"
        )
    return "\n".join(lines)


def convert(
    network: CalibratedNetwork, options: FixedPointOptions, *, progress: Progress = unwatched
) -> bytes:
    """Converts a calibrated network.

    Args:
        network: What :func:`calibrate` made of a file.
        options: Widths and scales.
        progress: Called after each layer whose weights were rounded, and after each batch that
            ranges of least squares were found on.

    Returns:
        Content of a ``.tflite`` file of stock operators, without a contract.

    Raises:
        ModelError: TensorFlow's quantizer refuses the network.
    """
    tree, statistics = network.tree.copy(), network.statistics
    if options.activations != FLOAT_ACTIVATIONS and not options.trained:
        statistics = equalize(tree, statistics, EXPONENT)
    _require_layers(tree, options.widths)
    layers = []
    for operator in (weighted := tree.weighted()):
        layers.append(rounded(tree, operator, statistics, partial(_fixed, options=options)))
        progress(len(layers), len(weighted), "round weights")
    if options.activations != FLOAT_ACTIVATIONS:
        ranges = extremes(statistics)
        if options.ranges == "least-squares":
            bits = options.activations
            ranges = least_squares(tree, statistics, network.inputs, bits, progress=progress)
        first = tree.first_layers()
        if options.simulated:
            round_activations(tree, ranges, options.activations, first)
        else:
            tree = _quantized(tree, wide_enough(tree, ranges), first)
    store(tree, layers, options.storage)
    tree.drop_metadata()
    tree.compact()
    return tree.to_bytes()


def _require_layers(tree: Tree, widths: tuple[tuple[str, int], ...]) -> None:
    names = [tree.name(int(operator.outputs[0])) for operator in tree.weighted()]
    for part, _ in widths:
        if not any(part in name for name in names):
            raise InputError(
                f"no layer with weights has {part!r} in its name; they are {', '.join(names)}"
            )


def _fixed(name: str, weights: FloatArray, axis: int, options: FixedPointOptions) -> FixedPoint:
    """The fixed-point weights of a layer."""
    trained = narrowest(weights, axis=axis) if options.trained else None
    return fit(weights, options.bits_of(name, trained), scale=options.scale, axis=axis)


def _quantized(tree: Tree, ranges: Ranges, first: Iterable[int]) -> Tree:
    """TensorFlow's quantizer, given ranges; what ``first`` names stays in float."""
    for tensor, (least, most) in ranges.items():
        given = schema.QuantizationParametersT()
        given.min, given.max = [least], [most]
        tree.tensors[tensor].quantization = given
    names = [tree.name(tensor) for tensor in first]
    tree.compact()
    try:
        with without_lines(_SETTINGS):
            content = mlir_quantize(
                tree.to_bytes(), denylisted_nodes=names, denylisted_ops=["PRELU"]
            )
    except Exception as error:  # its C++ raises what it likes
        reason = one_line(error, 300)
        raise ModelError(f"TensorFlow cannot quantize the network: {reason}") from None
    return Tree.of(ModelBundle.from_bytes(bytes(content), "the quantized network"))
