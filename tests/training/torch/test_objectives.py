"""Distillation has the loss and the gradients that it has in the Keras engine."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from facesdk_training.config.run import LossConfig
from facesdk_training.keras.objectives import Distillation as Theirs

pytest.importorskip("torch.nn", reason="needs PyTorch: `make torch` installs it")

import torch

from facesdk_training.torch.objectives import Distillation

N, D, PEOPLE = 12, 8, 5


def unit(rng: np.random.Generator, *shape: int) -> np.ndarray:
    values = rng.normal(size=shape)
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize(
    "weights",
    [
        {"soft_target_weight": 0.7},
        {"label_weight": 0.3},
        {"soft_target_weight": 0.7, "label_weight": 0.3, "similarity_weight": 2.0},
        {"cosine_weight": 0.0, "soft_target_weight": 1.0, "temperature": 5.0},
        {"similarity_weight": 1.0},
    ],
)
def test_distillation(weights: dict[str, float]) -> None:
    config = LossConfig(**weights)
    tf.keras.utils.set_random_seed(7)  # of the directions of people
    rng = np.random.default_rng(7)
    people = unit(rng, PEOPLE, D) if config.needs_labels else None
    embeddings = rng.normal(size=(N, D)).astype(np.float32)
    labels = rng.integers(0, PEOPLE, (N, 1))
    targets = unit(rng, N, D)
    if config.needs_labels:
        targets = np.concatenate([targets, labels.astype(np.float32)], axis=1)
    theirs = Theirs(config, None, people)
    student = theirs.model(tf.keras.Sequential([tf.keras.layers.InputLayer((D,))]))
    mine = Distillation(config, D, people)
    if mine.directions is not None:
        with torch.no_grad():
            mine.directions.copy_(torch.from_numpy(student.get_layer("classes").get_weights()[0]))
    x = tf.constant(embeddings)
    with tf.GradientTape() as tape:
        tape.watch(x)
        expected = theirs.loss(student(x), tf.constant(targets), 1)
    slope = tape.gradient(expected, x)
    given = torch.from_numpy(embeddings).requires_grad_()
    parts = mine(given, torch.from_numpy(targets), torch.zeros(0, targets.shape[1]))
    parts[0].backward()
    assert len(parts) == len(mine.parts)
    assert parts[0].item() == pytest.approx(float(expected), rel=1e-5)
    np.testing.assert_allclose(given.grad.numpy(), slope, rtol=1e-4, atol=1e-6)
