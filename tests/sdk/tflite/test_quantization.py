"""Integers for real numbers, by the definition."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from facesdk.errors import ModelError
from facesdk.tflite.quantization import Quantization, port, scales
from facesdk.tflite.verifier import verify
from sdk.tflite.models import file_of, pooled


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16"])
def test_integers_stand_for_the_nearest_real_numbers(dtype: str) -> None:
    quantization = Quantization(dtype, 0.03, 5)
    values = np.linspace(-3, 3, 1001, dtype=np.float32)
    codes = quantization.quantize(values)
    limits = np.iinfo(dtype)
    lowest, highest = (0.03 * (int(end) - 5) for end in (limits.min, limits.max))
    expected = np.clip(values, lowest, highest)
    assert codes.dtype == np.dtype(dtype)
    assert np.abs(quantization.dequantize(codes) - expected).max() <= 0.015001


def test_an_integer_port_says_what_it_stands_for() -> None:
    tree = pooled(8, "INT8", scale=0.5, zero_point=-3)
    assert port(verify(file_of(tree)), "inputs") == Quantization("int8", 0.5, -3)
    assert port(verify(file_of(pooled(8, "FLOAT32"))), "inputs") is None


@pytest.mark.parametrize(("scale", "zero_point"), [(0.0, 0), (float("nan"), 0), (0.5, 999)])
def test_a_port_without_a_usable_scale_is_refused(scale: float, zero_point: int) -> None:
    tree = pooled(8, "INT8", scale=scale, zero_point=zero_point)
    with pytest.raises(ModelError, match="scale"):
        port(verify(file_of(tree)), "outputs")
    tree.subgraphs[0].tensors[1].quantization = schema.QuantizationParametersT()
    with pytest.raises(ModelError, match="without one scale"):
        port(verify(file_of(tree)), "outputs")


def test_steps_of_a_constant_are_those_of_its_filters() -> None:
    tree = pooled(8, "FLOAT32")
    root = verify(file_of(tree))
    assert scales(root, 0) is None
    said = [0.25, 3.0, 1e-9]
    tree.subgraphs[0].tensors[1].quantization = schema.QuantizationParametersT(scale=said)
    root = verify(file_of(tree))
    assert scales(root, 0) is None
    np.testing.assert_array_equal(scales(root, 1), np.float32(said))
