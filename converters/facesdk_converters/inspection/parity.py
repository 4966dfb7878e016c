"""How far a converted network is from its source."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import ModelError
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import Contract
from facesdk.progress import Progress, unwatched
from facesdk.results import FloatArray
from facesdk.runtime.inputs import noise
from facesdk.runtime.interpreter import Interpreter
from facesdk_converters.inspection import faces

if TYPE_CHECKING:  # sources load TensorFlow, which published detectors need not
    from facesdk_converters.sources.network import Network
    from facesdk_converters.sources.source import Source

SAME = 0.9999
"""Cosine of two outputs that differ by rounding only."""

_TRANSLATED = (
    "each layer computes what the network's translation to Keras does, but the network itself does "
    "not: values that are exactly 0 are one cause, of which ONNX's Sign is 0"
)
_ROUNDING = (3e-7, 3e-7, 1e-6, 1e-6, 1e-6, 3e-6, 3e-6, 3e-6)
"""Standard deviations of the noise that inputs are moved by; a step of float32 is 1.2e-7."""

_NOISE = 32
"""Inputs of a network that takes no images."""

_MUCH = 10
"""How many times further apart outputs must be, to be told apart, than rounding takes them."""

_SHORTEST_VECTOR = 8
"""Outputs of fewer numbers have no direction worth comparing."""


@dataclass(frozen=True, slots=True)
class Bound:
    """Least agreement of a converted network with its source.

    Attributes:
        min_cosine: Of the outputs for each input.
        median_cosine: Of the median of these cosines.
        max_difference: Of the outputs, at most.
    """

    min_cosine: float
    median_cosine: float
    max_difference: float = math.inf


EXACT = Bound(min_cosine=0.98, median_cosine=0.9999)
"""Of targets that compute what their source computes, up to rounding; see decision 12."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far the outputs of a converted network are from those of its source.

    In a binarized network most inputs agree within rounding. In a few, a value lies within rounding
    of a sign's threshold: the two take different signs there, and all that follows differs. Such an
    input says nothing about the conversion, as the source differs as much from itself when its
    input moves by rounding. Smallest cosines are therefore taken over the other inputs, and the
    median over all, so that it fails where more than half of them are such.

    Attributes:
        inputs: Number of inputs compared.
        unstable: Number of those on a sign's threshold.
        faces: Whether they were real faces; noise for networks that cannot be fed with images. Of
            several inputs, those that take no images got noise beside the faces.
        max_difference: Largest absolute difference of the outputs, over the stable inputs; of
            embeddings, after they were brought to unit length.
        min_cosine: Smallest cosine between the two outputs for one stable input; of several
            outputs, that of the output that agrees least.
        median_cosine: Median of the cosines of all inputs, of the output that agrees least.
        outputs: Number of outputs that were compared.
        least: Of several outputs, the one that agrees least: its number, from 1, and its layer
            where that is known; else empty.
        untold: Of several outputs, those whose values do not tell.
        untold_since: Where outputs begin not to tell, and what to do then; empty if all do.
        first: The first layer that differs, with both values; empty where none is known to.
        telling: Whether the outputs for different inputs differ by more than what passes as equal,
            each of several. They do not after a saturated softmax, for example: there another
            network's file would agree as well.
    """

    inputs: int
    unstable: int
    faces: bool
    max_difference: float
    min_cosine: float
    median_cosine: float
    telling: bool = True
    first: str = ""
    outputs: int = 1
    least: str = ""
    untold: tuple[str, ...] = ()
    untold_since: str = ""

    def meets(self, bound: Bound) -> bool:
        """Whether it is good enough; never where a figure is not a number, or none tells."""
        return (
            self.telling
            and self.min_cosine >= bound.min_cosine
            and self.median_cosine >= bound.median_cosine
            and self.max_difference <= bound.max_difference
        )

    def to_dict(self) -> dict[str, Any]:
        """The figures, the difference with three significant digits."""
        return {
            "tried": self.inputs,
            "outputs_compared": self.outputs,
            "unstable": self.unstable,
            "real_faces": self.faces,
            "max_difference": float(f"{self.max_difference:.3g}"),
            "min_cosine": round(self.min_cosine, 6),
            "median_cosine": round(self.median_cosine, 6),
        }

    def __str__(self) -> str:
        what = "real faces" if self.faces else "inputs of noise"
        words = (
            f"cosine with the source at least {self.min_cosine:.6f} (median "
            f"{self.median_cosine:.6f}), largest difference {self.max_difference:.2g}, on "
            f"{self.inputs} {what}"
        )
        if self.outputs > 1:
            words += f", over {self.outputs} outputs (least in output {self.least})"
        if self.unstable:
            words += f", {self.unstable} of them left out: there rounding turns the source's signs"
        if not self.telling:
            which = f" number {', '.join(self.untold)}" if self.untold else ""
            words += (
                f"; but the source gives the same output{which} for all of them, and for noise, so "
                f"that this proves nothing{self.untold_since}"
            )
        return words


def compare(
    bundle: ModelBundle,
    inputs: FloatArray,
    reference: Callable[[FloatArray], FloatArray],
    *,
    activate: Callable[[FloatArray], FloatArray],
) -> Agreement:
    """Runs a model one input at a time and compares it with an independent run of its source.

    Args:
        bundle: A model of one input and one output.
        inputs: float32 noise, ``inputs[i:i + 1]`` is what the model takes.
        reference: Runs the source network on one such input; its output has as many numbers as the
            model's, in its order.
        activate: Applied to the model's output first.

    Returns:
        The agreement over all inputs and outputs; none is left out.

    Raises:
        ModelError: The runtime refuses the model.
    """
    interpreter = Interpreter(bundle, input_shapes=[(1, *inputs.shape[1:])])
    singles = [inputs[number : number + 1] for number in range(len(inputs))]
    got = np.concatenate([activate(interpreter.run(single)[0]) for single in singles])
    expected = np.concatenate([np.asarray(reference(single)) for single in singles])
    first, second = (values.reshape(len(got), -1) for values in (expected, got))
    cosines = _cosines(_rows(first), _rows(second))
    return Agreement(
        inputs=len(inputs),
        unstable=0,
        faces=False,
        max_difference=float(np.abs(first - second).max(initial=0)),
        min_cosine=float(cosines.min()),
        median_cosine=float(np.median(cosines)),
    )


def check(
    source: Source,
    bundle: ModelBundle,
    crops: NDArray[np.uint8],
    progress: Progress = unwatched,
) -> Agreement:
    """Compares a converted network with its source.

    The file runs as it will on a device: in the installed TFLite runtime, with facesdk's operator
    library. Where faces do not exercise the network (one of pixels around 0 that is fed with 0 to
    255 takes the same signs of all of them), it is compared on noise.

    Args:
        source: The network that was converted; its contract says how pixels are normalised, and
            whether the output is an embedding.
        bundle: The file.
        crops: Aligned faces, see :func:`facesdk_converters.inspection.faces.load`.
        progress: Told after each run of the file.

    Raises:
        ModelError: The runtime refuses the file.
    """
    network = source.network
    inputs = inputs_for(network, crops, source.contract)
    images = any(map(is_image, network.input_shapes))
    agreement = _agreement(source, bundle, inputs, progress, faces=images)
    if agreement.telling:
        return agreement
    shapes = [values.shape for values in inputs]
    noises = _noises(shapes)
    on_noise = _agreement(source, bundle, noises, progress, faces=False)
    if on_noise.telling:
        return on_noise
    return replace(agreement, untold_since=_untold_since(source, noises))


def _untold_since(source: Source, inputs: Sequence[FloatArray]) -> str:
    """Words on the first layer that gives the same for all inputs, and on ways out."""
    from facesdk_converters.inspection.refusals import place
    from facesdk_converters.inspection.sameness import first_the_same, is_saturated

    model = getattr(source.network, "model", None)
    layer = None if model is None or len(inputs[0]) < 2 else first_the_same(model, inputs)
    since, spec, ways = "", source.contract.input, ["--no-verify if that is meant"]
    if layer is not None:
        since = f"; {place(layer, source.network)} is the first that does"
        if is_saturated(layer) or layer.name in source.network.output_layers:
            ways = [f"convert the network without {layer.name}", *ways]
    if (spec.mean, spec.scale) == (0.0, 1.0) and any(map(is_image, source.network.input_shapes)):
        ways = ["give --mean and --scale if its pixels are not 0 to 255", *ways]
    return f"{since}: {', or '.join(ways)}"


def _agreement(
    source: Source,
    bundle: ModelBundle,
    inputs: Sequence[FloatArray],
    progress: Progress,
    *,
    faces: bool,
) -> Agreement:
    network, count = source.network, len(inputs[0])
    inputs = [
        values
        if (kind := bundle.quantization("inputs", place)) is None
        else kind.dequantize(kind.quantize(values))
        for place, values in enumerate(inputs)
    ]
    expected = network.predict(*inputs)
    got = _outputs(network, bundle, inputs, progress)
    for one, other in zip(expected, got, strict=True):
        if one.shape != other.shape:
            raise ModelError(
                f"the converted network gives outputs of shape {other.shape}, its source of "
                f"{one.shape}"
            )
    rows = [(_rows(one), _rows(other)) for one, other in zip(expected, got, strict=True)]
    cosines = [_cosines(first, second) for first, second in rows]
    per_input = [values for values in cosines if len(values) == count]
    stable, proven, first_layer = np.ones(count, bool), np.zeros(count, bool), ""
    if per_input and (least := np.min(per_input, axis=0)).min() < SAME:
        stable = ~unstable(network, inputs, expected) | (least >= SAME)
        if not stable.any():
            stable[:] = True
        found, proven, first_layer = _by_layers(network, bundle, inputs, least, stable)
        cosines = [
            np.where(proven, found, values) if len(values) == count else values
            for values in cosines
        ]
    compared = stable & ~proven if (stable & ~proven).any() else stable
    each = [
        _of_output(*pair, values, source.contract, stable | proven, compared, outputs)
        for pair, values, outputs in zip(rows, cosines, expected, strict=True)
    ]
    layers = network.output_layers or ("",) * len(each)
    names = [f"{place} {layer}".strip() for place, layer in enumerate(layers, 1)]
    several = len(each) > 1
    worst = min(range(len(each)), key=lambda place: each[place].min_cosine)
    return Agreement(
        inputs=count,
        unstable=int(np.count_nonzero(~stable | proven)),
        faces=faces,
        max_difference=max(one.max_difference for one in each),
        min_cosine=each[worst].min_cosine,
        median_cosine=min(one.median_cosine for one in each),
        telling=all(one.telling for one in each),
        first=first_layer,
        outputs=len(each),
        least=names[worst] if several else "",
        untold=tuple(
            name for name, one in zip(names, each, strict=True) if several and not one.telling
        ),
    )


@dataclass(frozen=True, slots=True)
class _OfOutput:
    """The figures of one output, as :class:`Agreement` has them."""

    max_difference: float
    min_cosine: float
    median_cosine: float
    telling: bool


def _of_output(
    first: NDArray[np.float64],
    second: NDArray[np.float64],
    cosines: NDArray[np.float64],
    contract: Contract,
    counted: NDArray[np.bool_],
    compared: NDArray[np.bool_],
    outputs: FloatArray,
) -> _OfOutput:
    """The figures of one output; a single row of all inputs is counted whole."""
    if contract.task == "recognition":
        first, second = _unit(first), _unit(second)
    whole = len(cosines) != len(counted)
    gaps = np.abs(first - second)
    difference = float((gaps if whole else gaps[compared]).max())
    return _OfOutput(
        max_difference=difference,
        min_cosine=float((cosines if whole else cosines[counted]).min()),
        median_cosine=float(np.median(cosines)),
        telling=_telling(first, outputs, difference),
    )


def _outputs(
    network: Network, bundle: ModelBundle, inputs: Sequence[FloatArray], progress: Progress
) -> list[FloatArray]:
    """What the file gives, in the installed runtime, batch by batch; what integers stand for."""
    size, count = network.batch or 1, len(inputs[0])
    codes = [
        values if (kind := bundle.quantization("inputs", place)) is None else kind.quantize(values)
        for place, values in enumerate(inputs)
    ]
    interpreter = Interpreter(
        bundle, input_shapes=[(size, *shape) for shape in network.input_shapes]
    )
    runs = []
    for start in range(0, count, size):
        runs.append(interpreter.run(*(values[start : start + size] for values in codes)))
        progress(start + size, count, "verify")
    outputs = [np.concatenate(parts) for parts in zip(*runs, strict=True)]
    return [
        values
        if (kind := bundle.quantization("outputs", place)) is None
        else kind.dequantize(values)
        for place, values in enumerate(outputs)
    ]


def _by_layers(
    network: Network,
    bundle: ModelBundle,
    inputs: Sequence[FloatArray],
    cosines: NDArray[np.float64],
    stable: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], NDArray[np.bool_], str]:
    """The cosines, those of outputs that differ from the layers; which these are; what differs.

    A layer that is fed with what the file computes before it does not see what rounding has turned
    there, so that its output tells whether the file is right.
    """
    model = getattr(network, "model", None)
    apart = (cosines < SAME) & (stable | (np.median(cosines) < SAME))
    none = np.zeros(len(cosines), bool)
    integers = bundle.quantization("inputs") or bundle.quantization("outputs")
    if model is None or integers or not apart.any():
        return cosines, none, ""
    from facesdk_converters.inspection.layerwise import compare_layers
    from facesdk_converters.inspection.refusals import place

    found = compare_layers(model, network, bundle, [one[apart] for one in inputs], same=SAME)
    if found is None:
        return cosines, none, ""
    if found.first is not None:
        where = place(found.first.layer, network)
        return cosines, none, f"{where} is the first to differ: {found.first}"
    if network.translated:
        return cosines, none, _TRANSLATED
    cosines = cosines.copy()
    cosines[apart] = found.cosines
    return cosines, apart, ""


def is_image(shape: tuple[int, ...]) -> bool:
    """Whether an input of that shape, without the batch, takes images, in colour or grey."""
    return len(shape) == 3 and shape[2] in (1, 3)


def inputs_for(network: Network, crops: NDArray[np.uint8], contract: Contract) -> list[FloatArray]:
    """What a network is fed with to see what it computes: faces, or noise if it takes no images.

    The second input that takes images gets each time the next face, and so on.

    Args:
        network: The network.
        crops: Aligned faces, see :func:`facesdk_converters.inspection.faces.load`.
        contract: How pixels are normalised.

    Returns:
        For each input float32 ``(N, *shape)``; N is a multiple of the network's batch.
    """
    size, shapes = network.batch or 1, network.input_shapes
    count = len(crops) if any(map(is_image, shapes)) else _NOISE
    noises = _noises([(count, *shape) for shape in shapes])
    inputs = [
        contract.input.normalise(np.roll(faces.fit(crops, *shape), -place, axis=0))
        if is_image(shape)
        else noises[place]
        for place, shape in enumerate(shapes)
    ]
    if count < size:
        return [values.repeat(size, 0) for values in inputs]
    return [values[: count // size * size] for values in inputs]


def _noises(shapes: Sequence[tuple[int, ...]]) -> list[FloatArray]:
    """Noise for each input; no two inputs get the same."""
    sizes = [math.prod(shape) for shape in shapes]
    parts = np.split(noise((sum(sizes),)), np.cumsum(sizes)[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def unstable(
    network: Network, inputs: Sequence[FloatArray], expected: Sequence[FloatArray]
) -> NDArray[np.bool_]:
    """Which inputs lie on a sign's threshold.

    There the network's output turns when the input moves by as little as what rounding does to the
    values of its layers: a few steps of float32.

    Args:
        network: The network.
        inputs: For each input float32 ``(N, ...)``, of values around 1.
        expected: Its outputs; those too short for a cosine are not looked at.

    Returns:
        bool ``(N,)``: whether the cosine with an output for a moved input fell below :data:`SAME`.
    """
    rng = np.random.default_rng(2020)
    found = np.zeros(len(inputs[0]), bool)
    for size in _ROUNDING:
        moved = [one + rng.normal(0, size, one.shape).astype(np.float32) for one in inputs]
        for one, other in zip(expected, network.predict(*moved), strict=True):
            cosines = _cosines(_rows(one), _rows(other))
            if len(cosines) == len(found):
                found |= cosines < SAME
    return found


def _telling(rows: NDArray[np.float64], outputs: FloatArray, difference: float) -> bool:
    """Whether the outputs of different inputs would be seen to be different.

    They are where their directions are, or where they are much further apart than the two networks.
    """
    if len(outputs) < 2:
        return True
    others = _rows(np.roll(outputs, 1, axis=0))
    if _cosines(_rows(outputs), others).min() < SAME:
        return True
    apart = np.abs(rows.reshape(len(outputs), -1) - np.roll(rows.reshape(len(outputs), -1), 1, 0))
    return bool(apart.max() > _MUCH * difference)


def _cosines(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.sum(_unit(first) * _unit(second), axis=1))


def cosines_between(first: FloatArray, second: FloatArray) -> NDArray[np.float64]:
    """Cosines between two outputs, one per input.

    Args:
        first: float32 ``(N, ...)``.
        second: As many numbers.

    Returns:
        float64 ``(N,)``; ``(1,)``, of all inputs together, where outputs are too short for a
        cosine.
    """
    return _cosines(_rows(first), _rows(second))


def _rows(outputs: FloatArray) -> NDArray[np.float64]:
    """One vector per input; a single one of all inputs where outputs are too short for a cosine."""
    rows = outputs.reshape(len(outputs), -1).astype(np.float64)
    return rows if rows.shape[1] >= _SHORTEST_VECTOR else rows.reshape(1, -1)


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows of length 1; a zero row becomes the first axis, so that two of them agree."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    axis = np.eye(1, rows.shape[1])
    return np.where(lengths > 0, rows / np.where(lengths > 0, lengths, 1), axis)
