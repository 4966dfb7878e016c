"""Comparing a converted network with its source."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import ModelError
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import Contract
from facesdk.progress import Progress, unwatched
from facesdk.results import FloatArray
from facesdk.runtime.interpreter import Interpreter
from facesdk.tflite.operators import BCONV2D
from facesdk_converters.inspection.agreement import Agreement
from facesdk_converters.inspection.cosines import as_rows, row_cosines, unit_rows
from facesdk_converters.inspection.stimuli import inputs_for, is_image, noises

if TYPE_CHECKING:  # sources load TensorFlow, which published detectors need not
    from facesdk_converters.sources.network import Network
    from facesdk_converters.sources.source import Source

SAME = 0.9999
"""Cosine of two outputs that differ by rounding only."""

_TRANSLATED = (
    "each layer computes what the network's translation to Keras does, but the network itself does "
    "not: values that are exactly 0 are one cause, of which ONNX's Sign is 0"
)
_BORDERS = (
    " (zeros around signs are one cause, as a correction is added at the borders of a picture, and "
    'rounded: pad_values=1 needs none, load_ops(zero_padding="reference") makes it in integers)'
)
_ROUNDING = (3e-7, 3e-7, 1e-6, 1e-6, 1e-6, 3e-6, 3e-6, 3e-6)
"""Standard deviations of the noise that inputs are moved by; a step of float32 is 1.2e-7."""

_MUCH = 10
"""How many times further apart outputs must be, to be told apart, than rounding takes them."""


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
    cosines = row_cosines(as_rows(first), as_rows(second))
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
    given = noises(shapes)
    on_noise = _agreement(source, bundle, given, progress, faces=False)
    if on_noise.telling:
        return on_noise
    return replace(agreement, untold_since=_untold_since(source, given))


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
    rows = [(as_rows(one), as_rows(other)) for one, other in zip(expected, got, strict=True)]
    cosines = [row_cosines(first, second) for first, second in rows]
    per_input = [values for values in cosines if len(values) == count]
    stable, proven, first_layer = np.ones(count, bool), np.zeros(count, bool), ""
    least = np.ones(count)
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
    several, unjudged = len(each) > 1, ~stable | proven
    worst = min(range(len(each)), key=lambda place: each[place].min_cosine)
    return Agreement(
        inputs=count,
        unstable=int(np.count_nonzero(unjudged)),
        by_layers=int(np.count_nonzero(proven)),
        min_output_cosine=float(least.min()) if unjudged.any() else None,
        cause=_BORDERS if proven.any() and _corrects_borders(bundle) else "",
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
        first, second = unit_rows(first), unit_rows(second)
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


def _corrects_borders(bundle: ModelBundle) -> bool:
    """Whether a file has binary convolutions that correct zero padding in float."""
    return any(
        operator.name == BCONV2D
        and (operator.options.get("padding"), operator.options.get("pad_values")) == (0, 0)
        and operator.outputs[0].dtype == "float32"
        for operator in bundle.graph.operators
    )


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
            cosines = row_cosines(as_rows(one), as_rows(other))
            if len(cosines) == len(found):
                found |= cosines < SAME
    return found


def _telling(rows: NDArray[np.float64], outputs: FloatArray, difference: float) -> bool:
    """Whether the outputs of different inputs would be seen to be different.

    They are where their directions are, or where they are much further apart than the two networks.
    """
    if len(outputs) < 2:
        return True
    others = as_rows(np.roll(outputs, 1, axis=0))
    if row_cosines(as_rows(outputs), others).min() < SAME:
        return True
    apart = np.abs(rows.reshape(len(outputs), -1) - np.roll(rows.reshape(len(outputs), -1), 1, 0))
    return bool(apart.max() > _MUCH * difference)
