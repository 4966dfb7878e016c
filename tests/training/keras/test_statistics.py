from __future__ import annotations

import numpy as np
import tensorflow as tf

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from facesdk_training.architectures.registry import configure
from facesdk_training.keras.networks.build import build_embedder
from facesdk_training.keras.statistics import measure_statistics
from training.networks import faces, randomise


def test_statistics_are_the_means_over_the_batches() -> None:
    model = build_embedder(
        configure(
            "MobileFaceNet",
            stem_channels=8,
            stages=((8, 1),),
            head_channels=8,
            embedding_length=4,
            input_height=16,
            input_width=16,
        )
    )
    randomise(model)
    batches = [faces(6)[:, :16, 16 * n : 16 * n + 16] for n in range(3)]
    before = model.get_layer("stem1_conv").get_weights()
    measure_statistics(model, batches)
    first = tf.keras.Model(model.input, model.get_layer("stem1_conv").output)
    outputs = [np.asarray(first(batch)) for batch in batches]
    *_, mean, variance = model.get_layer("stem1_bn").get_weights()
    np.testing.assert_allclose(mean, np.mean([y.mean((0, 1, 2)) for y in outputs], 0), atol=1e-5)
    expected = np.mean([y.var((0, 1, 2)) for y in outputs], 0)
    np.testing.assert_allclose(variance, expected, rtol=5e-3)
    np.testing.assert_array_equal(before, model.get_layer("stem1_conv").get_weights())
    assert model.get_layer("stem1_bn").momentum == 0.98
