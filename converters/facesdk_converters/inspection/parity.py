"""How far a converted network is from its source."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import ModelError
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import Contract
from facesdk.runtime.interpreter import Interpreter
from facesdk_converters.inspection import faces
from facesdk_converters.targets.target import Bound

if TYPE_CHECKING:
    from facesdk_converters.sources.network import Network
    from facesdk_converters.sources.source import Source

Array = NDArray[np.float32]

SAME = 0.9999
"""Cosine of two outputs that differ by rounding only."""

_ROUNDING = (3e-7, 3e-7, 1e-6, 1e-6, 1e-6, 3e-6, 3e-6, 3e-6)
"""Standard deviations of the noise that inputs are moved by; a step of float32 is 1.2e-7."""

_NOISE = 32
"""Inputs of a network that takes no images."""

_SHORTEST_VECTOR = 8
"""Outputs of fewer numbers have no direction worth comparing."""


@dataclass(frozen=True, slots=True)
class Parity:
    """Differences between the outputs of two runs of one network.

    Attributes:
        inputs: Number of inputs compared.
        max_difference: Largest absolute difference.
    """

    inputs: int
    max_difference: float

    def to_dict(self) -> dict[str, Any]:
        """The difference with three significant digits."""
        return {"inputs": self.inputs, "max_difference": float(f"{self.max_difference:.3g}")}


def compare(
    model: bytes,
    inputs: Array,
    reference: Callable[[Array], Array],
    *,
    activate: Callable[[Array], Array],
) -> Parity:
    """Run a model one input at a time and compare it with an independent runner of its source.

    Args:
        model: Content of a ``.tflite`` file with one input and one output.
        inputs: float32, ``inputs[i:i + 1]`` is what the model takes.
        reference: Runs the source network on one such input; its output has the model's shape.
        activate: Applied to the model's output first.

    Returns:
        The differences over all inputs and outputs.
    """
    interpreter = _interpreter(model, (1, *inputs.shape[1:]))
    differences = []
    for number in range(len(inputs)):
        single = inputs[number : number + 1]
        expected = np.asarray(reference(single))
        output = activate(interpreter.run(single)[0])
        differences.append(np.abs(expected.reshape(output.shape) - output).max(initial=0))
    return Parity(len(inputs), float(np.max(differences)))


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
    """

    inputs: int
    unstable: int
    faces: bool
    max_difference: float
    min_cosine: float
    median_cosine: float

    def meets(self, bound: Bound) -> bool:
        """Whether it is good enough; never where a figure is not a number."""
        return self.min_cosine >= bound.min_cosine and self.median_cosine >= bound.median_cosine

    def to_dict(self) -> dict[str, Any]:
        """The figures, the difference with three significant digits."""
        return {
            "inputs": self.inputs,
            "unstable": self.unstable,
            "faces": self.faces,
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
        return words


def check(
    source: Source, content: bytes, crops: NDArray[np.uint8], contract: Contract
) -> Agreement:
    """Compares a converted network with its source.

    The file runs as it will on a device: in the installed TFLite runtime, with facesdk's operator
    library.

    Args:
        source: The network that was converted.
        content: The ``.tflite`` file.
        crops: Aligned faces, see :func:`facesdk_converters.inspection.faces.load`.
        contract: How pixels are normalised, and whether the output is an embedding.

    Raises:
        ModelError: The runtime refuses the file.
    """
    network, size = source.network, source.network.batch or 1
    inputs = inputs_for(network, crops, contract)
    expected = network.predict(inputs)
    interpreter = _interpreter(content, (size, *network.input_shape))
    batches = (inputs[start : start + size] for start in range(0, len(inputs), size))
    got = np.concatenate([interpreter.run(batch)[0] for batch in batches])
    if got.shape != expected.shape:
        raise ModelError(
            f"the converted network gives outputs of shape {got.shape}, its source of "
            f"{expected.shape}"
        )
    first, second = (_rows(values) for values in (expected, got))
    cosines = _cosines(first, second)
    stable = np.ones(len(cosines), bool)
    if len(cosines) == len(inputs) and cosines.min() < SAME:
        stable = ~unstable(network, inputs, expected) | (cosines >= SAME)
        if not stable.any():
            stable[:] = True
    if contract.task == "recognition":
        first, second = _unit(first), _unit(second)
    return Agreement(
        inputs=len(inputs),
        unstable=int(np.count_nonzero(~stable)),
        faces=takes_images(network),
        max_difference=float(np.abs(first - second)[stable].max()),
        min_cosine=float(cosines[stable].min()),
        median_cosine=float(np.median(cosines)),
    )


def takes_images(network: Network) -> bool:
    """Whether a network's input has the shape of an image, in colour or grey."""
    shape = network.input_shape
    return len(shape) == 3 and shape[2] in (1, 3)


def inputs_for(network: Network, crops: NDArray[np.uint8], contract: Contract) -> Array:
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
    inputs = contract.input.normalise(faces.fit(crops, *shape)) if image else _noise(shape)
    return inputs[: len(inputs) // size * size] if len(inputs) >= size else inputs.repeat(size, 0)


def unstable(network: Network, inputs: Array, expected: Array) -> NDArray[np.bool_]:
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


def _cosines(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.sum(_unit(first) * _unit(second), axis=1))


def _interpreter(model: bytes, shape: tuple[int, ...]) -> Interpreter:
    bundle = ModelBundle.from_bytes(model, "the converted network")
    return Interpreter(bundle, input_shapes=[shape])


def _noise(shape: tuple[int, ...]) -> Array:
    return np.random.default_rng(2020).uniform(-1.0, 1.0, (_NOISE, *shape)).astype(np.float32)


def _rows(outputs: Array) -> NDArray[np.float64]:
    """One vector an input; a single one of all inputs where outputs are too short for a cosine."""
    rows = outputs.reshape(len(outputs), -1).astype(np.float64)
    return rows if rows.shape[1] >= _SHORTEST_VECTOR else rows.reshape(1, -1)


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows of length 1; a zero row becomes the first axis, so that two of them agree."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    axis = np.eye(1, rows.shape[1])
    return np.where(lengths > 0, rows / np.where(lengths > 0, lengths, 1), axis)
