"""Numbers of constants: signs of one bit and integers of less than a byte, packed and unpacked.

Layouts: signs as Larq Compute Engine and sdk/native have them, integers as LiteRT's types int4 and
int2.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import ModelError
from facesdk.tflite.graph import WORD, Operator, Tensor
from facesdk.tflite.operators import DEPTHWISE_CONV_2D
from facesdk.tflite.schema import BITS

_NARROW = {"int4": True, "int2": True, "uint4": False}
"""Types of less than a byte, and whether they have a sign."""
_INTEGERS = {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}
_OF_NUMPY = {"bool", "float16", "float32", "float64", "complex64", "complex128", *_INTEGERS}
"""Types that NumPy has by itself. TensorFlow, once imported, gives it more."""


def pack_signs(values: NDArray[np.floating[Any]]) -> NDArray[np.uint32]:
    """Signs along the last axis, 32 per word, the first in the lowest bit; 1 stands for negative.

    Args:
        values: Floats ``(..., channels)``; zero, of either sign, counts as positive.

    Returns:
        uint32 ``(..., ceil(channels / 32))``; unused bits are 0.
    """
    channels = values.shape[-1]
    bits = np.zeros((*values.shape[:-1], -(-channels // WORD) * WORD), bool)
    bits[..., :channels] = values < 0
    return np.packbits(bits, axis=-1, bitorder="little").view("<u4")


def unpack_signs(words: NDArray[Any], channels: int) -> NDArray[np.float32]:
    """What :func:`pack_signs` packed, as -1 and 1.

    Args:
        words: Words of 32 bits, of either sign, ``(..., n)``.
        channels: Signs to take, 0 to 32 n.

    Returns:
        float32 ``(..., channels)``.
    """
    octets = np.ascontiguousarray(words).view(np.uint8)
    bits = np.unpackbits(octets, axis=-1, bitorder="little")[..., :channels]
    return 1 - 2 * bits.astype(np.float32)


def pack_integers(codes: NDArray[np.integer[Any]], bits: int) -> NDArray[np.uint8]:
    """Whole numbers in two's complement, the first in the lowest bits of a byte.

    Args:
        codes: Any shape; of larger numbers the lowest bits are kept.
        bits: 8, 4 or 2 per number.

    Returns:
        uint8 ``(ceil(numbers * bits / 8),)``; what is left of the last byte is 0.
    """
    each = 8 // bits
    low = (codes.reshape(-1) & ((1 << bits) - 1)).astype(np.uint8)
    groups = np.pad(low, (0, -len(low) % each)).reshape(-1, each)
    shifts = np.arange(each, dtype=np.uint8) * np.uint8(bits)
    return np.asarray(np.bitwise_or.reduce(groups << shifts, axis=1), np.uint8)


def unpack_integers(
    data: NDArray[np.uint8], bits: int, count: int, *, signed: bool = True
) -> NDArray[Any]:
    """What :func:`pack_integers` packed.

    Args:
        data: uint8 ``(n,)``.
        bits: 8, 4 or 2 per number.
        count: Numbers to take.
        signed: Whether they are in two's complement.

    Returns:
        int8 ``(count,)``, or uint8 where not ``signed``.
    """
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    numbers = ((data[:, np.newaxis] >> shifts) & ((1 << bits) - 1)).reshape(-1)[:count]
    if not signed:
        return numbers.astype(np.uint8)
    wide = numbers.astype(np.int16)
    return np.where(wide >= 1 << (bits - 1), wide - (1 << bits), wide).astype(np.int8)


def array(tensor: Tensor) -> NDArray[Any]:
    """The numbers of a constant as they are stored, in its shape; packed signs as words.

    Integers of less than a byte come as int8 or uint8, bfloat16 as float32.

    Raises:
        ModelError: Its bytes are not as many as its shape needs, or NumPy has no such type.
    """
    data, count = np.frombuffer(tensor.data, np.uint8), prod(tensor.shape)
    if len(data) != -(-count * tensor.bits // 8):
        raise ModelError(
            f"tensor {tensor.name} of shape {list(tensor.shape)} has {len(data)} bytes of "
            f"{tensor.dtype}"
        )
    if tensor.dtype in _NARROW:
        bits, signed = BITS[tensor.dtype], _NARROW[tensor.dtype]
        return unpack_integers(data, bits, count, signed=signed).reshape(tensor.shape)
    if tensor.dtype == "bfloat16":
        words = data.view("<u2").astype("<u4") << np.uint32(16)
        return words.view("<f4").reshape(tensor.shape)
    if tensor.dtype not in _OF_NUMPY:
        raise ModelError(f"tensor {tensor.name} is of type {tensor.dtype}")
    return data.view(np.dtype(tensor.dtype).newbyteorder("<")).reshape(tensor.shape)


def values(tensor: Tensor) -> NDArray[np.float32]:
    """:func:`array` as float32; integers without their scale."""
    return array(tensor).astype(np.float32)


def filters(operator: Operator) -> NDArray[np.float32]:
    """The weights of an operator, one row per filter with its taps in order row, column, channel.

    Signs are given as -1 and 1, integers without their scale.

    Returns:
        float32 ``(filters, taps)``.

    Raises:
        ModelError: It has no constant weights, or they are damaged (:func:`array`).
    """
    weights = operator.weights
    if weights is None or not weights.constant or not weights.shape:
        raise ModelError(f"operator {operator.index}, {operator.name}, has no constant weights")
    if operator.is_packed:
        if len(weights.shape) < 2:
            raise ModelError(
                f"operator {operator.index}, {operator.name}, has weights of shape "
                f"{list(weights.shape)}"
            )
        signs = unpack_signs(array(weights), operator.group_channels)
        return signs.reshape(weights.shape[0], -1)
    numbers = values(weights)
    if operator.name == DEPTHWISE_CONV_2D:
        return numbers.reshape(-1, numbers.shape[-1]).T
    return numbers.reshape(numbers.shape[0], -1)
