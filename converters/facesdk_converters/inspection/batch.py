"""Whether a file can take several inputs at a time, so that it may say so.

A runtime that resizes strictly changes only dimensions whose size the file leaves open (-1 in the
signature of a tensor's shape). Larq Compute Engine's converter writes the 1 it has converted with.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import ModelError
from facesdk.models.bundle import ModelBundle
from facesdk.results import FloatArray
from facesdk.runtime.interpreter import Interpreter
from facesdk_converters.inspection.stimuli import noises

if TYPE_CHECKING:  # sources load TensorFlow
    from facesdk_converters.sources.network import Network

ONE_AT_A_TIME = (
    "the file takes one input at a time, though its source leaves the number open: attention, "
    "transposed convolutions and reshapes to a single input keep it so"
)

_SEVERAL = 2
_TRIES = 4
"""Pairs of inputs: rounding turns a sign in a few of them, a wrong operator differs in all."""

_NEAR = 0.01
"""Distance of two outputs that differ by rounding only, as a share of their length."""

Run = list[NDArray[Any]]


def takes_several(alone: ModelBundle, together: ModelBundle, network: Network) -> bool:
    """Whether a file gives each of several inputs what another one gives it alone.

    Some do not: one that was built for a batch of 1, or that reshapes to one.

    Args:
        alone: A file that takes one input.
        together: The file to be resized to several; mostly the same.
        network: What both were made of.
    """
    if network.batch is not None:
        return False
    shapes = network.input_shapes
    try:
        one = Interpreter(alone, input_shapes=[(1, *shape) for shape in shapes])
        several = Interpreter(together, input_shapes=[(_SEVERAL, *shape) for shape in shapes])
        for inputs in _pairs(network):
            codes = [_encoded(alone, place, values) for place, values in enumerate(inputs)]
            if _alike(several.run(*codes), _one_by_one(one, codes), alone):
                return True
    except ModelError:
        pass
    return False


def _pairs(network: Network) -> list[list[FloatArray]]:
    """Noise for each input, a few times."""
    values = noises([(_TRIES * _SEVERAL, *shape) for shape in network.input_shapes])
    return [
        [one[start : start + _SEVERAL] for one in values]
        for start in range(0, _TRIES * _SEVERAL, _SEVERAL)
    ]


def _encoded(bundle: ModelBundle, place: int, values: FloatArray) -> NDArray[Any]:
    kind = bundle.quantization("inputs", place)
    return values if kind is None else kind.quantize(values)


def _one_by_one(interpreter: Interpreter, inputs: Sequence[NDArray[Any]]) -> Run:
    runs = [
        interpreter.run(*(values[place : place + 1] for values in inputs))
        for place in range(_SEVERAL)
    ]
    return [np.concatenate(parts) for parts in zip(*runs, strict=True)]


def _alike(together: Run, alone: Run, bundle: ModelBundle) -> bool:
    """Whether outputs are the same but for rounding, each input's for itself."""
    for place, (first, second) in enumerate(zip(together, alone, strict=True)):
        if first.shape != second.shape or len(first) != _SEVERAL:
            return False
        kind = bundle.quantization("outputs", place)
        one, other = (
            np.asarray(values if kind is None else kind.dequantize(values), np.float64)
            for values in (first.reshape(_SEVERAL, -1), second.reshape(_SEVERAL, -1))
        )
        apart = np.linalg.norm(one - other, axis=1)
        if not (apart <= _NEAR * np.linalg.norm(other, axis=1)).all():
            return False
    return True
