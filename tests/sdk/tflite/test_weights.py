"""Packing and unpacking against NumPy, and against what kernels compute with packed weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from facesdk.errors import ModelError
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.tflite import weights
from facesdk.tflite.graph import Operator, Tensor
from native.support.binary_graph import BinaryModel
from sdk.tflite.models import widened_convolution

shapes = hnp.array_shapes(min_dims=1, max_dims=3, max_side=70)
floats = hnp.arrays(np.float32, shapes, elements=st.floats(-2, 2, width=32))


def bit_of(words: np.ndarray, channel: int) -> np.ndarray:
    """The oracle: one bit by shifting."""
    return (words[..., channel // 32] >> np.uint32(channel % 32)) & 1


@given(floats)
def test_a_sign_is_the_bit_of_its_channel(values: np.ndarray) -> None:
    words = weights.pack_signs(values)
    channels = values.shape[-1]
    assert words.shape == (*values.shape[:-1], -(-channels // 32))
    for channel in range(channels):
        np.testing.assert_array_equal(bit_of(words, channel), values[..., channel] < 0)
    for channel in range(channels, 32 * words.shape[-1]):
        assert not bit_of(words, channel).any()


@given(floats, st.booleans())
def test_signs_come_back(values: np.ndarray, signed: bool) -> None:
    words: Any = weights.pack_signs(values)
    words = words.view(np.int32) if signed else words
    back = weights.unpack_signs(words, values.shape[-1])
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, np.where(values < 0, -1, 1))


@given(st.sampled_from([2, 4, 8]), st.lists(st.integers(-128, 127), min_size=1, max_size=40))
def test_integers_are_twos_complement_and_come_back(bits: int, numbers: list[int]) -> None:
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    codes = np.clip(numbers, low, high)
    data = weights.pack_integers(codes, bits)
    stream = np.unpackbits(data, bitorder="little")
    for place, code in enumerate(codes):
        digits = stream[place * bits : (place + 1) * bits].astype(int)
        value = sum(1 << k for k, digit in enumerate(digits) if digit)
        assert value - (1 << bits) * digits[-1] == code
    assert not stream[len(codes) * bits :].any()
    np.testing.assert_array_equal(weights.unpack_integers(data, bits, len(codes)), codes)
    unsigned = weights.unpack_integers(data, bits, len(codes), signed=False)
    np.testing.assert_array_equal(unsigned, codes % (1 << bits))


@pytest.mark.parametrize("dtype", ["float32", "float16", "int8", "int32", "uint8", "int64"])
def test_constants_are_read_in_their_type(dtype: str) -> None:
    numbers = np.arange(6).astype(dtype).reshape(2, 3)
    tensor = Tensor(0, "t", (2, 3), dtype, 8 * numbers.itemsize, numbers.tobytes())
    array = weights.array(tensor)
    assert array.dtype == numbers.dtype
    np.testing.assert_array_equal(array, numbers)
    assert weights.values(tensor).dtype == np.float32


def test_bfloat16_is_the_upper_half_of_float32() -> None:
    numbers = np.array([1.0, -2.5, 0.15625], np.float32)
    data = (numbers.view(np.uint32) >> 16).astype(np.uint16).tobytes()
    np.testing.assert_array_equal(
        weights.array(Tensor(0, "t", (3,), "bfloat16", 16, data)), numbers
    )


@pytest.mark.parametrize(
    ("dtype", "bits", "data"),
    [("float32", 32, b"123"), ("string", 0, b"abc"), ("float8_e5m2", 8, b"1234"), ("int4", 4, b"")],
)
def test_constants_that_cannot_be_read_are_refused(dtype: str, bits: int, data: bytes) -> None:
    with pytest.raises(ModelError, match="tensor t"):
        weights.array(Tensor(0, "t", (2, 2), dtype, bits, data))


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("channels", [1, 31, 32, 70])
def test_filters_of_one_bit_are_the_signs_that_were_packed(dense: bool, channels: int) -> None:
    model = BinaryModel(1, 6, 5, channels, 9, (3, 2), dense=dense, unused_bits=True)
    (operator,) = ModelBundle.from_bytes(model.to_bytes(), "binary").graph.operators
    np.testing.assert_array_equal(weights.filters(operator), model.signs().reshape(9, -1))


def test_filters_that_are_widened_are_given_as_stored() -> None:
    operator = ModelBundle.from_bytes(widened_convolution(1), "m").graph.operators[-1]
    expected = np.arange(144, dtype=np.uint8).view(np.int8).reshape(8, 18)
    np.testing.assert_array_equal(weights.filters(operator), expected)


def test_filters_of_a_depthwise_convolution_are_rows() -> None:
    bundle = ModelBundle.load(registry.resolve(registry.DEFAULT_RECOGNIZER))
    depthwise = next(row for row in bundle.graph.operators if row.name == "DEPTHWISE_CONV_2D")
    assert depthwise.weights is not None
    _, rows, columns, channels = depthwise.weights.shape
    assert weights.filters(depthwise).shape == (channels, rows * columns)


def test_an_operator_without_weights_has_no_filters() -> None:
    with pytest.raises(ModelError, match="ADD, has no constant weights"):
        weights.filters(Operator(0, "ADD", (), ()))
