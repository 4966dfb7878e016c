from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import facesdk_training  # noqa: F401
from facesdk_training.losses import cosine_loss, distillation_loss, similarity_matrix_loss


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


def test_distillation_loss_ignores_the_length_of_student_vectors() -> None:
    student, teacher = unit(6, 5, 3), unit(6, 5, 4)
    lengths = np.array([[0.1], [1], [2], [5], [30], [400]], np.float32)
    expected = naive_cosine(student, teacher) + 2 * naive_similarity(student, teacher)
    assert float(distillation_loss(student * lengths, teacher, 2.0)) == pytest.approx(
        expected, abs=1e-5
    )


def test_a_perfect_student_has_no_loss_and_no_gradient() -> None:
    teacher = unit(6, 5, 5)
    student = tf.Variable(3 * teacher)
    with tf.GradientTape() as tape:
        loss = distillation_loss(student, tf.constant(teacher), 2.0)
    assert float(loss) == pytest.approx(0, abs=1e-6)
    assert np.abs(tape.gradient(loss, student)).max() < 1e-6
