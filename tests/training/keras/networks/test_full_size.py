"""The paper's networks at full size take a training step."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from facesdk_training.architectures.registry import PAPER_CLASSES, configure
from facesdk_training.config.run import LossConfig, OptimizerConfig
from facesdk_training.keras.networks.build import build_embedder
from facesdk_training.keras.objectives import Classification
from facesdk_training.keras.optimizers import latent_weights, optimized_groups


@pytest.mark.slow
@pytest.mark.parametrize("name", ["A", "C", "Q", "QB"])
def test_a_step_changes_every_weight_and_lowers_the_loss(name: str) -> None:
    tf.keras.utils.set_random_seed(1)
    embedder = build_embedder(configure(name))
    objective = Classification(LossConfig(dropout=0.0), PAPER_CLASSES, None)
    model = objective.model(embedder)
    groups = optimized_groups(OptimizerConfig(), model)
    assert bool(latent_weights(model)) == (len(groups) == 2) == (name in ("Q", "QB"))
    images = np.random.default_rng(2).normal(0, 0.5, (4, 112, 96, 3)).astype(np.float32)
    labels = tf.constant([0, 1, 2, PAPER_CLASSES - 1])

    def loss() -> tf.Tensor:
        return objective.loss(model(images, training=True), labels, replicas=1)

    with tf.GradientTape() as tape:
        before = loss()
    gradients = tape.gradient(before, model.trainable_variables)
    assert abs(float(before) - math.log(PAPER_CLASSES)) < 6
    assert all(np.isfinite(gradient.numpy()).all() for gradient in gradients)
    idle = [
        variable.name
        for variable, gradient in zip(model.trainable_variables, gradients, strict=True)
        if not np.any(gradient.numpy())
    ]
    assert not idle
    for group in groups:
        group.optimizer.learning_rate.assign(1e-4)
        group.apply(gradients, model.trainable_variables)
    assert float(loss()) < float(before)
