"""What a network is fed with to see what it computes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facesdk.models.contract import Contract
from facesdk.results import FloatArray
from facesdk.runtime.inputs import noise
from facesdk_converters.inspection import faces

if TYPE_CHECKING:  # sources load TensorFlow, which published detectors need not
    from facesdk_converters.sources.network import Network

_NOISE = 32
"""Inputs of a network that takes no images."""


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
    given = noises([(count, *shape) for shape in shapes])
    inputs = [
        contract.input.normalise(np.roll(faces.fit(crops, *shape), -place, axis=0))
        if is_image(shape)
        else given[place]
        for place, shape in enumerate(shapes)
    ]
    if count < size:
        return [values.repeat(size, 0) for values in inputs]
    return [values[: count // size * size] for values in inputs]


def noises(shapes: Sequence[tuple[int, ...]]) -> list[FloatArray]:
    """Noise for each input; no two inputs get the same."""
    sizes = [math.prod(shape) for shape in shapes]
    parts = np.split(noise((sum(sizes),)), np.cumsum(sizes)[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
