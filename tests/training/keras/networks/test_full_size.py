"""The paper's networks at full size take training steps."""

from __future__ import annotations

import math
from collections.abc import Collection

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
def test_steps_change_every_weight_and_lower_the_loss(name: str) -> None:
    tf.keras.utils.set_random_seed(1)
    embedder = build_embedder(configure(name))
    objective = Classification(LossConfig(dropout=0.0), PAPER_CLASSES, None)
    model = objective.model(embedder)
    groups = optimized_groups(OptimizerConfig(), model)
    assert bool(latent_weights(model)) == (len(groups) == 2) == (name in ("Q", "QB"))
    first = [variable.numpy() for variable in model.trainable_variables]
    images = np.random.default_rng(2).normal(0, 0.5, (4, 112, 96, 3)).astype(np.float32)
    labels = tf.constant([0, 1, 2, PAPER_CLASSES - 1])

    def step(trained: Collection[str]) -> float:
        with tf.GradientTape() as tape:
            value = objective.loss(model(images, training=True), labels, replicas=1)
        gradients = tape.gradient(value, model.trainable_variables)
        assert all(np.isfinite(gradient.numpy()).all() for gradient in gradients)
        idle = [
            variable.name
            for variable, gradient in zip(model.trainable_variables, gradients, strict=True)
            if not np.any(gradient.numpy())
        ]
        assert not idle
        applied = [
            gradient if variable.name in trained else tf.zeros_like(gradient)
            for variable, gradient in zip(model.trainable_variables, gradients, strict=True)
        ]
        for group in groups:
            group.apply(applied, model.trainable_variables)
        return float(value)

    for group in groups:
        group.optimizer.learning_rate.assign(1e-5)
    # Signs of activations that turn move the loss of four pictures up and down, whatever is learned
    # in a few steps: there the classifier learns alone.
    weights = {variable.name for variable in model.trainable_variables}
    classifier = weights - {variable.name for variable in embedder.trainable_variables}
    before, after = (step(classifier if name == "QB" else weights) for _ in range(2))
    assert abs(before - math.log(PAPER_CLASSES)) < 6
    assert after < before
    if name == "QB":
        step(weights)
    now = [variable.numpy() for variable in model.trainable_variables]
    assert all(np.any(new != old) for new, old in zip(now, first, strict=True))
