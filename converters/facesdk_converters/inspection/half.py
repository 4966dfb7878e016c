"""What storing weights as float16 did to a file: which weights it holds so, and what it computes.

That the file is right is seen from its content: it is the float32 file, which was compared with its
source, but for weights that are each the nearest float16. How much the rounding changes is measured
on faces. A network without signs hardly changes, nor does one whose layers after the last sign are
rounded alone; before a sign any change turns some.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import ModelError
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import Contract
from facesdk.tflite import weights
from facesdk.tflite.graph import Graph, Operator, Tensor
from facesdk_converters.inspection import stimuli
from facesdk_converters.inspection.agreement import Bound
from facesdk_converters.inspection.cosines import cosines_between
from facesdk_converters.inspection.explanation import Remark, Subject
from facesdk_converters.tflite.float16 import SIGNS, STORABLE, Part, kept_by, why_float32

WITH_SIGNS = Bound(min_cosine=0.7, median_cosine=0.9)
"""Least agreement with the float32 file of a network that takes signs, see decision 58."""


@dataclass(frozen=True, slots=True)
class HalfWeights:
    """A file with float16 weights, beside the same file in float32.

    Attributes:
        stored: Number of weights in float16.
        float_weights: Number of the float weights of layers, these among them.
        bytes_saved: How much smaller the file is.
        left: Layers whose weights stay float32, each with the reason, in words.
        cosines: Cosines between the outputs of both, for each input and output; none is left out.
            Empty if they were not compared.
    """

    stored: int
    float_weights: int
    bytes_saved: int
    left: tuple[str, ...]
    cosines: tuple[float, ...] = ()

    @property
    def agreement(self) -> str:
        """How both agree, in words; empty if they were not compared."""
        if not self.cosines:
            return ""
        return (
            f"cosine with the file in float32 at least {min(self.cosines):.6f} (median "
            f"{np.median(self.cosines):.6f})"
        )

    def meets(self, bound: Bound) -> bool:
        """Whether both agree well enough; never where a figure is not a number."""
        smallest, median = np.min(self.cosines), np.median(self.cosines)
        return bool(smallest >= bound.min_cosine and median >= bound.median_cosine)

    def to_dict(self) -> dict[str, Any]:
        """The figures; those of the comparison where there was one."""
        figures: dict[str, Any] = {
            "stored_weights": self.stored,
            "float_weights": self.float_weights,
            "bytes_saved": self.bytes_saved,
        }
        if self.cosines:
            figures["min_cosine"] = round(min(self.cosines), 6)
            figures["median_cosine"] = round(float(np.median(self.cosines)), 6)
        return figures

    def __str__(self) -> str:
        words = (
            f"float16: {self.stored:,} of {self.float_weights:,} float weights, "
            f"{self.bytes_saved:,} bytes less"
        )
        stays = (f"stays float32: {layer}" for layer in self.left)
        return "\n".join(["; ".join(filter(None, (words, self.agreement))), *stays])


def bound_of(graph: Graph, exact: Bound, part: Part = "all") -> Bound:
    """Least agreement of a file with its float32 form.

    Args:
        graph: The file.
        exact: The bound of its target, which networks keep where no sign follows a rounded weight.
        part: Which layers' weights were to be stored as float16.
    """
    turned = part == "all" and any(row.name in SIGNS for row in graph.operators)
    return WITH_SIGNS if turned else exact


def examine(single: ModelBundle, half: ModelBundle, part: Part = "all") -> HalfWeights:
    """Proves that a file is its float32 form, but for weights that are each the nearest float16.

    Args:
        single: The file in float32.
        half: The file.
        part: Which layers' weights were to be stored as float16.

    Raises:
        ModelError: It differs otherwise.
    """
    kept = kept_by(single.graph, part)
    pairs = list(zip(single.graph.working, half.graph.working, strict=True))
    for one, other in pairs:
        if not _same_but_rounded(one, other, rounded=one.index not in kept):
            raise ModelError(f"float16 changed {_named(one)}: please report it")
    layers = {
        kernel.index: pair for pair in pairs if (kernel := _float_weights(pair[0])) is not None
    }
    left = [row for row, other in layers.values() if _float_weights(other) is not None]
    count = sum(row.weight_count for row, _ in layers.values())
    return HalfWeights(
        stored=count - sum(row.weight_count for row in left),
        float_weights=count,
        bytes_saved=single.graph.file_bytes - half.graph.file_bytes,
        left=tuple(
            f"{_named(row)}: {_why(row, kept) or 'its weights are used elsewhere'}" for row in left
        ),
    )


def cosines(
    single: ModelBundle, half: ModelBundle, crops: NDArray[np.uint8], contract: Contract
) -> tuple[float, ...]:
    """Cosines between the outputs of two files, for each input and output.

    Args:
        single: The file in float32.
        half: The file.
        crops: Aligned faces, see :func:`facesdk_converters.inspection.faces.load`.
        contract: How pixels are normalised.
    """
    from facesdk_converters.sources.network import FileNetwork

    network = FileNetwork(single)
    inputs = stimuli.inputs_for(network, crops, contract)
    pairs = zip(network.predict(*inputs), FileNetwork(half).predict(*inputs), strict=True)
    return tuple(float(one) for pair in pairs for one in cosines_between(*pair))


def remarking(remark: Remark, graph: Graph, part: Part) -> Remark:
    """A target's remarks, and why the weights of an operator stay float32.

    Args:
        remark: The target's.
        graph: The file with float16 weights.
        part: Which layers' weights were to be stored so.
    """
    kept = kept_by(graph, part)

    def remarked(subject: Subject) -> str:
        why = _why(subject.operator, kept)
        words = f"its weights stay float32: {why}" if why else ""
        return "; ".join(filter(None, (remark(subject), words)))

    return remarked


def _float_weights(operator: Operator) -> Tensor | None:
    """The constant weights of an operator, if they are stored in float32."""
    kernel = operator.weights
    if operator.name not in STORABLE or kernel is None or not kernel.constant:
        return None
    return kernel if kernel.dtype == "float32" else None


def _why(operator: Operator, kept: frozenset[int]) -> str:
    kernel = _float_weights(operator)
    if kernel is None:
        return ""
    if operator.index in kept:
        return "a sign follows"
    return why_float32(operator.name, weights.values(kernel))


def _named(operator: Operator) -> str:
    return f"{operator.name} {operator.outputs[0].name.partition(';')[0]}"


def _same_but_rounded(one: Operator, other: Operator, *, rounded: bool) -> bool:
    """Whether two operators do the same with the same constants, or rounded ones if allowed."""
    return (one.name, one.options, len(one.stored)) == (
        other.name,
        other.options,
        len(other.stored),
    ) and all(map(partial(_same_or_rounded, rounded=rounded), one.stored, other.stored))


def _same_or_rounded(one: Tensor | None, other: Tensor | None, *, rounded: bool) -> bool:
    if one is None or other is None:
        return one is other
    if rounded and (one.dtype, other.dtype) == ("float32", "float16"):
        return one.shape == other.shape and _nearest(weights.array(one), weights.array(other))
    return (one.name, one.text, one.data) == (other.name, other.text, other.data)


def _nearest(exact: NDArray[np.float32], rounded: NDArray[np.float16]) -> bool:
    """Whether no float16 is nearer to each number than the one that stands for it."""
    distance = np.abs(rounded.astype(np.float64) - exact)
    beside = (np.nextafter(rounded, np.float16(end)) for end in (-np.inf, np.inf))
    return all((distance <= np.abs(one.astype(np.float64) - exact)).all() for one in beside)
