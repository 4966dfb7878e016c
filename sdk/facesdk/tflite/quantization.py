"""Integers for real numbers: what a quantized input or output of a network stands for.

``real = scale * (integer - zero_point)``; source: TensorFlow Lite's 8-bit quantization
specification.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import ModelError
from facesdk.tflite.flatbuffer import Table
from facesdk.tflite.schema import tensor_type

_TYPES = ("int8", "uint8", "int16")


@dataclass(frozen=True, slots=True)
class Quantization:
    """How a tensor holds real numbers.

    Attributes:
        dtype: ``"int8"``, ``"uint8"`` or ``"int16"``.
        scale: The real number between two neighbouring integers, above 0.
        zero_point: The integer that stands for 0.
    """

    dtype: str
    scale: float
    zero_point: int

    def quantize(self, values: NDArray[np.floating[Any]]) -> NDArray[np.integer[Any]]:
        """The nearest integers; real numbers beyond the type's range become its ends."""
        limits = np.iinfo(self.dtype)
        codes = np.rint(values / self.scale) + self.zero_point
        return np.asarray(np.clip(codes, limits.min, limits.max).astype(self.dtype))

    def dequantize(self, codes: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """float32 of integers, in their shape."""
        return ((codes.astype(np.float32) - self.zero_point) * self.scale).astype(np.float32)


def scales(model: Table, number: int) -> NDArray[np.float32] | None:
    """What a step of a constant's integers stands for; None where nothing is said of it.

    Args:
        model: A verified model.
        number: The constant's among its tensors.

    Returns:
        float32 ``(1,)``, or one for each filter of a convolution.
    """
    tensor = next(islice(next(model.tables("subgraphs")).tables("tensors"), number, None))
    said = tensor.table("quantization")
    if said is None or not said.count("scale"):
        return None
    start, count = said.vector("scale")
    return np.frombuffer(model.data, "<f4", count, start)


def port(model: Table, field: Literal["inputs", "outputs"], place: int = 0) -> Quantization | None:
    """How an input or output of a verified model holds real numbers; None for floats.

    Args:
        model: The model.
        field: Which of the two.
        place: Which of several, from 0.

    Raises:
        ModelError: It is of integers, and the file does not say what they stand for.
    """
    graph = next(model.tables("subgraphs"))
    number = graph.integers(field)[place]
    tensor = next(islice(graph.tables("tensors"), number, None))
    dtype = tensor_type(tensor.scalar("type"))[0]
    if dtype not in _TYPES:
        return None
    said = tensor.table("quantization")
    if said is None or said.count("scale") != 1 or said.count("zero_point") != 1:
        raise ModelError(f"the network has {field} of {dtype} without one scale and zero point")
    (scale,) = struct.unpack_from("<f", model.data, said.vector("scale")[0])
    (zero_point,) = struct.unpack_from("<q", model.data, said.vector("zero_point")[0])
    limits = np.iinfo(dtype)
    if not (0 < scale < np.inf and limits.min <= zero_point <= limits.max):
        raise ModelError(f"the network has {field} with scale {scale:g}, zero point {zero_point}")
    return Quantization(dtype, scale, zero_point)
