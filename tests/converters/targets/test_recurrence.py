"""Recurrent layers become files without control flow that compute what Keras does."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from contracts import other
from facesdk.errors import ModelError
from facesdk.runtime.interpreter import Interpreter
from facesdk_converters.sources.network import KerasNetwork
from facesdk_converters.sources.source import Source
from facesdk_converters.targets import floating
from facesdk_converters.targets.lce import target as lce
from facesdk_converters.targets.recurrence import MOST_STEPS

layers = tf.keras.layers


@pytest.mark.parametrize(
    ("layer", "target"),
    [
        pytest.param(lambda: layers.GRU(8, go_backwards=True), "lce", id="GRU"),
        pytest.param(lambda: layers.LSTM(8, return_sequences=True), "lce", id="LSTM"),
        pytest.param(lambda: layers.Bidirectional(layers.SimpleRNN(4)), "lce", id="both ways"),
        pytest.param(lambda: layers.GRU(8), "float32", id="GRU, float", marks=pytest.mark.slow),
    ],
)
def test_a_sequence_is_written_step_by_step(layer: Any, target: str) -> None:
    tf.keras.utils.set_random_seed(1)
    sequence = layers.Input((5, 6))
    x = layers.Dense(7)(layers.Flatten()(layer()(sequence)))
    model = tf.keras.Model(sequence, x, name="steps")
    contract = other(None, None)
    source = Source(Path("steps"), KerasNetwork(model), "", contract, documented=False)
    bundle = lce.convert(source) if target == "lce" else floating.convert(source, half=False)
    inputs = np.random.default_rng(2).normal(0, 1, (1, 5, 6)).astype(np.float32)
    (got,) = Interpreter(bundle).run(inputs)
    np.testing.assert_allclose(got, model(inputs), atol=1e-5)


@pytest.mark.parametrize(
    "layer",
    [
        pytest.param(lambda: layers.LSTM(2), id="LSTM"),
        pytest.param(lambda: layers.Bidirectional(layers.GRU(2)), id="both ways"),
    ],
)
def test_a_sequence_that_is_too_long_is_refused_at_once(layer: Any) -> None:
    sequence = layers.Input((MOST_STEPS + 1, 3))
    network = KerasNetwork(tf.keras.Model(sequence, layer()(sequence), name="steps"))
    source = Source(Path("steps"), network, "", other(None, None), documented=False)
    for convert in (lce.convert, partial(floating.convert, half=False)):
        with pytest.raises(ModelError, match=r"goes through 1001 steps.*at most 1000"):
            convert(source)
