"""Kernels that TensorFlow does not compute while it converts; here the limit is lower."""

from __future__ import annotations

from pathlib import Path

import larq as lq
import numpy as np
import pytest
import tensorflow as tf

from contracts import other
from facesdk.runtime.interpreter import Interpreter
from facesdk_converters.sources.network import KerasNetwork
from facesdk_converters.sources.source import Source
from facesdk_converters.targets import floating, large_kernels
from facesdk_converters.targets.binary_weights import pack_weights


def test_a_kernel_beyond_the_limit_is_quantized_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """With 151 MB its quantizer stayed in the file, and `binary-weights` refused the network."""
    quantizer = lq.quantizers.DoReFa(1, mode="weights")
    vector = tf.keras.layers.Input((64,))
    layer = lq.layers.QuantDense(48, kernel_quantizer=quantizer, use_bias=False)
    model = tf.keras.Model(vector, layer(vector))
    latent = layer.kernel.latent_variable.numpy()
    inputs = np.random.default_rng(4).normal(0, 1, (1, 64)).astype(np.float32)
    expected = np.asarray(model(inputs))
    monkeypatch.setattr(large_kernels, "MOST_FOLDED_BYTES", 64)
    seen = []
    with large_kernels.quantized_before(model.layers):
        seen = np.unique(layer.kernel.latent_variable.numpy())
        np.testing.assert_allclose(model(inputs), expected, atol=1e-6)
    assert len(seen) == 2
    np.testing.assert_array_equal(layer.kernel.latent_variable.numpy(), latent)
    np.testing.assert_array_equal(model(inputs), expected)
    source = Source(Path("large"), KerasNetwork(model), "", other(None, None), documented=False)
    bundle = floating.convert(source, half=False)
    assert [row.name for row in bundle.graph.operators] == ["FULLY_CONNECTED"]
    np.testing.assert_allclose(Interpreter(bundle).run(inputs)[0], expected, atol=1e-5)
    assert all(layer.packed for layer in pack_weights(bundle).layers)
