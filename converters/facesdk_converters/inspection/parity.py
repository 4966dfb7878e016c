"""How far a converted network is from its source."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
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
        faces: Whether they were real faces; noise for networks that cannot be fed with images.
        max_difference: Largest absolute difference of the outputs, over the stable inputs; of
            embeddings, after they were brought to unit length.
        min_cosine: Smallest cosine between the two outputs for one stable input.
        median_cosine: Median of the cosines of all inputs.
        first: The first layer that differs, with both values; empty where none is known to.
        telling: Whether the outputs for different inputs differ by more than what passes as equal.
            They do not after a saturated softmax, for example: there another network's file would
            agree as well.
    """

    inputs: int
    unstable: int
    faces: bool
    max_difference: float
    min_cosine: float
    median_cosine: float
    telling: bool = True
    first: str = ""

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
        if self.unstable:
            words += f", {self.unstable} of them left out: there rounding turns the source's signs"
        if not self.telling:
            words += (
                "; but the source gives the same output for all of them, and for noise, so that "
                "this proves nothing: give --mean and --scale if its inputs are not 0 to 255, or "
                "convert the network without its last softmax"
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
    agreement = _agreement(source, bundle, inputs, progress, faces=takes_images(network))
    if agreement.telling:
        return agreement
    on_noise = _agreement(source, bundle, noise(inputs.shape), progress, faces=False)
    return on_noise if on_noise.telling else agreement


def _agreement(
    source: Source, bundle: ModelBundle, inputs: FloatArray, progress: Progress, *, faces: bool
) -> Agreement:
    network, size = source.network, source.network.batch or 1
    expected = network.predict(inputs)
    interpreter = Interpreter(bundle, input_shapes=[(size, *network.input_shape)])
    outputs = []
    for start in range(0, len(inputs), size):
        outputs.append(interpreter.run(inputs[start : start + size])[0])
        progress(start + size, len(inputs), "verify")
    got = np.concatenate(outputs)
    if got.shape != expected.shape:
        raise ModelError(
            f"the converted network gives outputs of shape {got.shape}, its source of "
            f"{expected.shape}"
        )
    first, second = (_rows(values) for values in (expected, got))
    cosines = _cosines(first, second)
    stable, proven, first_layer = np.ones(len(cosines), bool), np.zeros(len(cosines), bool), ""
    if len(cosines) == len(inputs) and cosines.min() < SAME:
        stable = ~unstable(network, inputs, expected) | (cosines >= SAME)
        if not stable.any():
            stable[:] = True
        cosines, proven, first_layer = _by_layers(network, bundle, inputs, cosines, stable)
    if source.contract.task == "recognition":
        first, second = _unit(first), _unit(second)
    compared = stable & ~proven if (stable & ~proven).any() else stable
    difference = float(np.abs(first - second)[compared].max())
    return Agreement(
        inputs=len(inputs),
        unstable=int(np.count_nonzero(~stable | proven)),
        faces=faces,
        max_difference=difference,
        min_cosine=float(cosines[stable | proven].min()),
        median_cosine=float(np.median(cosines)),
        telling=_telling(first, expected, difference),
        first=first_layer,
    )


def _by_layers(
    network: Network,
    bundle: ModelBundle,
    inputs: FloatArray,
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
    if model is None or not apart.any():
        return cosines, none, ""
    from facesdk_converters.inspection.layerwise import compare_layers
    from facesdk_converters.inspection.refusals import place

    found = compare_layers(model, network, bundle, inputs[apart], same=SAME)
    if found is None:
        return cosines, none, ""
    if found.first is not None:
        where = place(found.first.layer, network)
        return cosines, none, f"{where} is the first to differ: {found.first}"
    cosines = cosines.copy()
    cosines[apart] = found.cosines
    return cosines, apart, ""


def takes_images(network: Network) -> bool:
    """Whether a network's input has the shape of an image, in colour or grey."""
    shape = network.input_shape
    return len(shape) == 3 and shape[2] in (1, 3)


def inputs_for(network: Network, crops: NDArray[np.uint8], contract: Contract) -> FloatArray:
    """What a network is fed with to see what it computes: faces, or noise if it takes no images.

    Args:
        network: The network.
        crops: Aligned faces, see :func:`facesdk_converters.inspection.faces.load`.
        contract: How pixels are normalised.

    Returns:
        float32 ``(N, *input_shape)``; N is a multiple of the network's batch.
    """
    shape, size = network.input_shape, network.batch or 1
    image = takes_images(network)
    inputs = (
        contract.input.normalise(faces.fit(crops, *shape)) if image else noise((_NOISE, *shape))
    )
    return inputs[: len(inputs) // size * size] if len(inputs) >= size else inputs.repeat(size, 0)


def unstable(network: Network, inputs: FloatArray, expected: FloatArray) -> NDArray[np.bool_]:
    """Which inputs lie on a sign's threshold.

    There the network's output turns when the input moves by as little as what rounding does to the
    values of its layers: a few steps of float32.

    Args:
        network: The network.
        inputs: float32 ``(N, ...)``, of values around 1.
        expected: Its outputs.

    Returns:
        bool ``(N,)``: whether the cosine with the output for a moved input fell below :data:`SAME`.
    """
    rng = np.random.default_rng(2020)
    found = np.zeros(len(inputs), bool)
    for size in _ROUNDING:
        moved = inputs + rng.normal(0, size, inputs.shape).astype(np.float32)
        found |= _cosines(_rows(expected), _rows(network.predict(moved))) < SAME
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


def _rows(outputs: FloatArray) -> NDArray[np.float64]:
    """One vector per input; a single one of all inputs where outputs are too short for a cosine."""
    rows = outputs.reshape(len(outputs), -1).astype(np.float64)
    return rows if rows.shape[1] >= _SHORTEST_VECTOR else rows.reshape(1, -1)


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows of length 1; a zero row becomes the first axis, so that two of them agree."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    axis = np.eye(1, rows.shape[1])
    return np.where(lengths > 0, rows / np.where(lengths > 0, lengths, 1), axis)
