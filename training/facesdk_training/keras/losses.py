"""Losses of embeddings: distillation from a teacher, and margins between classes."""

from __future__ import annotations

import math

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


def similarity_matrix_loss(
    student: tf.Tensor,
    teacher: tf.Tensor,
    all_students: tf.Tensor | None = None,
    all_teachers: tf.Tensor | None = None,
) -> tf.Tensor:
    """Mean squared difference of the two batches' cosine similarity matrices, the relational loss.

    F. Tung and G. Mori, "Similarity-Preserving Knowledge Distillation", ICCV 2019, on unit vectors.

    Args:
        student: float32 [N, D], unit vectors.
        teacher: float32 [N, E], unit vectors; E may differ from D.
        all_students: float32 [M, D], what each of ``student`` is compared with; by default itself.
        all_teachers: float32 [M, E], the same for the teacher.

    Returns:
        float32 scalar, 0 to 4.
    """
    others = student if all_students is None else all_students
    taught = teacher if all_teachers is None else all_teachers
    difference = tf.matmul(student, others, transpose_b=True) - tf.matmul(
        teacher, taught, transpose_b=True
    )
    return tf.reduce_mean(tf.square(difference))


def cosface_logits(
    cosines: tf.Tensor, labels: tf.Tensor, *, margin: float, scale: float
) -> tf.Tensor:
    """CosFace: s (cos(t) - m) for the label's class, s cos(t) for the others.

    H. Wang et al., "CosFace: Large Margin Cosine Loss for Deep Face Recognition", CVPR 2018,
    equation 4.

    Args:
        cosines: float32 [N, C], -1 to 1.
        labels: int64 [N], 0 to C - 1.
        margin: m.
        scale: s.

    Returns:
        float32 [N, C], for the softmax cross entropy.
    """
    own = tf.one_hot(labels, tf.shape(cosines)[1], dtype=cosines.dtype)
    return scale * (cosines - margin * own)


def arcface_logits(
    cosines: tf.Tensor, labels: tf.Tensor, *, margin: float, scale: float
) -> tf.Tensor:
    """ArcFace: s cos(t + m) for the label's class, s cos(t) for the others.

    J. Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", CVPR 2019,
    equation 3. Where t + m would exceed pi, the logit is s (cos(t) - m sin(m)), as in the authors'
    code, so that it stays monotonic in t.

    Args:
        cosines: float32 [N, C], -1 to 1.
        labels: int64 [N], 0 to C - 1.
        margin: m, in radians.
        scale: s.

    Returns:
        float32 [N, C], for the softmax cross entropy.
    """
    # The square root's gradient is infinite at 0, so its argument keeps away from there.
    sines = tf.sqrt(tf.maximum(1.0 - tf.square(cosines), 1e-6))
    shifted = cosines * math.cos(margin) - sines * math.sin(margin)
    shifted = tf.where(
        cosines > math.cos(math.pi - margin), shifted, cosines - margin * math.sin(margin)
    )
    own = tf.one_hot(labels, tf.shape(cosines)[1], dtype=cosines.dtype)
    return scale * (own * shifted + (1.0 - own) * cosines)
