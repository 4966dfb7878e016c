"""Group normalisation becomes operators that runtimes have: TensorFlow's own form did not load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from contracts import other
from converters.networks import look_trained
from facesdk.runtime.interpreter import Interpreter
from facesdk_converters.sources.network import KerasNetwork
from facesdk_converters.sources.source import Source
from facesdk_converters.targets import floating
from facesdk_converters.targets.group_normalization import plain_groups

layers = tf.keras.layers


@pytest.mark.parametrize(("groups", "axis"), [(4, -1), (2, 3), (5, 1), (1, 2), (3, 2)])
@pytest.mark.parametrize("scale", [True, False])
def test_the_plain_form_computes_what_keras_computes(groups: int, axis: int, scale: bool) -> None:
    layer = layers.GroupNormalization(groups, axis=axis, scale=scale, center=not scale)
    inputs = np.random.default_rng(8).normal(3, 2, (2, 5, 6, 8)).astype(np.float32)
    model = look_trained(tf.keras.Sequential([layers.Input(inputs.shape[1:]), layer]))
    expected = model(inputs)
    with plain_groups(model.layers):
        np.testing.assert_allclose(layer(tf.constant(inputs)), expected, atol=3e-6)
    np.testing.assert_array_equal(model(inputs), expected)


def test_a_file_of_it_loads_and_agrees() -> None:
    image = layers.Input((8, 9, 3))
    x = layers.GroupNormalization(4)(layers.Conv2D(8, 3)(image))
    model: Any = look_trained(tf.keras.Model(image, layers.GroupNormalization(2, axis=1)(x)))
    contract = other(None, None)
    source = Source(Path("groups"), KerasNetwork(model), "", contract, documented=False)
    bundle = floating.convert(source, half=False)
    inputs = np.random.default_rng(9).normal(0, 1, (1, 8, 9, 3)).astype(np.float32)
    np.testing.assert_allclose(Interpreter(bundle).run(inputs)[0], model(inputs), atol=1e-5)
