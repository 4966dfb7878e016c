"""The layer that is named where a network gives the same for all inputs."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from facesdk_converters.inspection.sameness import first_the_same


@pytest.mark.parametrize("batch", [None, 1, 2])
def test_the_first_layer_that_tells_no_inputs_apart_is_found(batch: int | None) -> None:
    given = tf.keras.Input((3,), batch_size=batch)
    dense = tf.keras.layers.Dense(4)(given)
    same = tf.keras.layers.Lambda(lambda x: x * 0.0, name="same")(dense)
    model = tf.keras.Model(given, tf.keras.layers.ReLU()(same))
    inputs = np.random.default_rng(1).normal(0, 1, (4, 3)).astype(np.float32)
    assert first_the_same(model, [inputs]).name == "same"
    assert first_the_same(tf.keras.Model(given, dense), [inputs]) is None


def test_a_network_of_one_input_at_a_time_is_run_so() -> None:
    given = tf.keras.Input((6,), batch_size=1)
    rows = tf.reshape(given, [3, 2])
    model = tf.keras.Model(given, tf.keras.layers.Lambda(lambda x: x * 0.0, name="same")(rows))
    inputs = np.random.default_rng(1).normal(0, 1, (4, 6)).astype(np.float32)
    assert first_the_same(model, [inputs]).name == "same"
