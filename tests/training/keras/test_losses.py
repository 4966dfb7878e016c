from __future__ import annotations

import math

import numpy as np
import pytest
import tensorflow as tf

from facesdk_training.config.alike import AlikeConfig
from facesdk_training.config.run import STRANGERS_BELOW, WORST_PAIRS, LossConfig
from facesdk_training.keras.losses import (
    arcface_logits,
    cosface_logits,
    cosine_loss,
    pair_loss,
    similarity_matrix_loss,
)
from facesdk_training.keras.objectives import Classification, CosineClassifier, Distillation


def unit(rows: int, dim: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(rows, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def naive_cosine(student: np.ndarray, teacher: np.ndarray) -> float:
    cosines = [float(np.dot(s, t)) for s, t in zip(student, teacher, strict=True)]
    return 1 - sum(cosines) / len(cosines)


def naive_similarity(student: np.ndarray, teacher: np.ndarray) -> float:
    total = 0.0
    for i in range(len(student)):
        for j in range(len(student)):
            total += (np.dot(student[i], student[j]) - np.dot(teacher[i], teacher[j])) ** 2
    return total / len(student) ** 2


def naive_cross_entropy(logits: np.ndarray, labels: np.ndarray) -> float:
    total = 0.0
    for row, label in zip(logits.astype(float), labels, strict=True):
        total += math.log(sum(math.exp(value - row.max()) for value in row)) + row.max()
        total -= row[label]
    return total / len(labels)


def test_cosine_loss_is_the_naive_mean() -> None:
    student, teacher = unit(7, 5, 1), unit(7, 5, 2)
    assert float(cosine_loss(student, teacher)) == pytest.approx(
        naive_cosine(student, teacher), abs=1e-6
    )


def test_similarity_matrix_loss_is_the_naive_mean_and_takes_other_lengths() -> None:
    student, teacher = unit(7, 5, 1), unit(7, 9, 2)
    assert float(similarity_matrix_loss(student, teacher)) == pytest.approx(
        naive_similarity(student, teacher), abs=1e-6
    )


def naive_pairs(student: np.ndarray, teacher: np.ndarray, worst: int, least: float) -> float:
    total, count = 0.0, min(worst, len(student))
    for i in range(len(student)):
        others = [j for j in range(len(student)) if j != i]
        excess = [
            float(student[i] @ student[j] - max(teacher[i] @ teacher[j], least)) for j in others
        ]
        total += sum(max(0.0, value) ** 2 for value in sorted(excess, reverse=True)[:count])
    return total / (len(student) * count)


@pytest.mark.parametrize("worst", [1, 3, 9])
@pytest.mark.parametrize("least", [-1.0, 0.1, 0.6])
def test_pairs_of_a_batch_cost_what_their_likeness_exceeds(worst: int, least: float) -> None:
    student, teacher = unit(7, 3, 1), unit(7, 5, 2)
    assert float(pair_loss(student, teacher, worst=worst, least=least)) == pytest.approx(
        naive_pairs(student, teacher, worst, least), rel=1e-5
    )


def test_the_objective_counts_the_pairs_of_a_batch_and_those_that_are_spoilt_alike() -> None:
    student, teacher = unit(12, 3, 1), unit(12, 3, 2)
    config = LossConfig(similarity_weight=0.0, pair_weight=0.7)
    objective = Distillation(config, alike=AlikeConfig(weight=3.0, above=0.4), spoilt=5)
    near = naive_pairs(student, teacher, WORST_PAIRS, STRANGERS_BELOW)
    together = naive_pairs(student[-5:], teacher[-5:], WORST_PAIRS, 0.4)
    assert together > 0
    expected = naive_cosine(student, teacher) + 0.7 * near + 3.0 * together
    assert float(objective.loss(2 * student, teacher, 1)) == pytest.approx(expected, rel=1e-5)


def test_parts_of_a_batch_against_all_of_it_average_to_the_whole() -> None:
    student, teacher = unit(8, 5, 1), unit(8, 5, 2)
    parts = [
        float(similarity_matrix_loss(student[part], teacher[part], student, teacher))
        for part in (slice(0, 4), slice(4, 8))
    ]
    assert np.mean(parts) == pytest.approx(naive_similarity(student, teacher), abs=1e-6)


def test_distillation_ignores_the_length_of_student_vectors() -> None:
    student, teacher = unit(6, 5, 3), unit(6, 5, 4)
    lengths = np.array([[0.1], [1], [2], [5], [30], [400]], np.float32)
    expected = naive_cosine(student, teacher) + 2 * naive_similarity(student, teacher)
    objective = Distillation(LossConfig(similarity_weight=2.0))
    loss = objective.loss(student * lengths, tf.constant(teacher), replicas=1)
    assert float(loss) == pytest.approx(expected, abs=1e-5)


def test_a_perfect_student_has_no_loss_and_no_gradient() -> None:
    teacher = unit(6, 5, 5)
    student = tf.Variable(3 * teacher)
    with tf.GradientTape() as tape:
        loss = Distillation(LossConfig()).loss(student, tf.constant(teacher), replicas=1)
    assert float(loss) == pytest.approx(0, abs=1e-6)
    assert np.abs(tape.gradient(loss, student)).max() < 1e-6


COSINES = np.array([[0.9, -0.2, 0.1], [-0.999, 0.3, 0.2], [0.0, 1.0, -1.0]], np.float32)
LABELS = np.array([0, 0, 1])


def test_cosface_subtracts_the_margin_from_the_own_class() -> None:
    logits = cosface_logits(COSINES, LABELS, margin=0.35, scale=30.0).numpy()
    expected = 30.0 * COSINES
    expected[range(3), LABELS] -= 30.0 * 0.35
    np.testing.assert_allclose(logits, expected, atol=1e-4)


def test_arcface_turns_the_own_class_by_the_margin() -> None:
    logits = arcface_logits(COSINES, LABELS, margin=0.5, scale=64.0).numpy()
    expected = 64.0 * COSINES
    for row, label in enumerate(LABELS):
        angle = math.acos(COSINES[row, label])
        turned = math.cos(angle + 0.5) if angle + 0.5 < math.pi else None
        fallback = COSINES[row, label] - 0.5 * math.sin(0.5)
        expected[row, label] = 64.0 * (fallback if turned is None else turned)
    np.testing.assert_allclose(logits, expected, atol=0.05)


def test_arcface_falls_with_the_angle_and_has_finite_gradients() -> None:
    angles = np.linspace(0, math.pi, 400)
    cosines = tf.Variable(np.cos(angles)[:, None], dtype=tf.float32)
    with tf.GradientTape() as tape:
        logits = arcface_logits(cosines, np.zeros(400, int), margin=0.5, scale=1.0)
    assert np.diff(logits.numpy()[:, 0]).max() <= 1e-3
    assert np.isfinite(tape.gradient(logits, cosines).numpy()).all()


def test_without_a_margin_both_are_the_scaled_softmax() -> None:
    labels = tf.constant(LABELS)
    expected = naive_cross_entropy(10 * COSINES, LABELS)
    for margin in (cosface_logits, arcface_logits):
        objective = Classification(LossConfig(margin=0.0, scale=10.0), 3, margin)
        assert float(objective.loss(COSINES, labels, 1)) == pytest.approx(expected, abs=0.02)
    softmax = Classification(LossConfig(), 3, None).loss(10 * COSINES, labels, 1)
    assert float(softmax) == pytest.approx(expected, abs=1e-4)


def test_the_cosine_classifier_computes_cosines() -> None:
    layer = CosineClassifier(4)
    inputs = 7 * unit(3, 6, 1)
    outputs = layer(inputs).numpy()
    directions = layer.directions.numpy()
    expected = (inputs / np.linalg.norm(inputs, axis=1)[:, None]) @ (
        directions / np.linalg.norm(directions, axis=0)
    )
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
