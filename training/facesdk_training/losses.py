"""Losses of embedding distillation."""

from __future__ import annotations

import tensorflow as tf


def cosine_loss(student: tf.Tensor, teacher: tf.Tensor) -> tf.Tensor:
    """Mean of 1 - cos(student, teacher).

    Args:
        student: float32 [N, D], unit vectors.
        teacher: float32 [N, D], unit vectors.

    Returns:
        float32 scalar, 0 to 2.
    """
    return 1.0 - tf.reduce_mean(tf.reduce_sum(student * teacher, axis=-1))


def similarity_matrix_loss(student: tf.Tensor, teacher: tf.Tensor) -> tf.Tensor:
    """Mean squared difference of the two batches' cosine similarity matrices.

    F. Tung and G. Mori, "Similarity-Preserving Knowledge Distillation", ICCV 2019, on unit vectors.

    Args:
        student: float32 [N, D], unit vectors.
        teacher: float32 [N, E], unit vectors; E may differ from D.

    Returns:
        float32 scalar, 0 to 4.
    """
    difference = tf.matmul(student, student, transpose_b=True) - tf.matmul(
        teacher, teacher, transpose_b=True
    )
    return tf.reduce_mean(tf.square(difference))


def distillation_loss(
    student: tf.Tensor, teacher: tf.Tensor, similarity_weight: float
) -> tf.Tensor:
    """Cosine loss plus the weighted similarity matrix loss, of embeddings of any length.

    Args:
        student: float32 [N, D], not normalised.
        teacher: float32 [N, D], unit vectors.
        similarity_weight: Weight of :func:`similarity_matrix_loss`.

    Returns:
        float32 scalar.
    """
    student = tf.math.l2_normalize(student, axis=-1)
    return cosine_loss(student, teacher) + similarity_weight * similarity_matrix_loss(
        student, teacher
    )
