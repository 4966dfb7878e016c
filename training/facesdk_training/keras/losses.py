"""Losses of embeddings: distillation from a teacher, and margins between classes.

Distillation has a loss for each thing that a student may imitate: where the teacher puts a face
(:func:`cosine_loss`) and how far apart faces are (:func:`similarity_matrix_loss`), its
probabilities of people (:func:`soft_target_loss`), what a layer computes (:func:`hint_loss`), and
where a layer looks (:func:`attention_loss`).
"""

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


def pair_loss(student: tf.Tensor, teacher: tf.Tensor, *, worst: int, least: float) -> tf.Tensor:
    """Mean square of the excess of likeness among the crops of a batch.

    The excess over what the teacher's own similarity explains, which counts as ``least`` or more;
    of each crop the largest ``worst``. So degraded strangers do not meet.

    Args:
        student: float32 [N, D], unit vectors.
        teacher: float32 [N, E], unit vectors.
        worst: How many per crop.
        least: Similarity of the teacher up to which any two are strangers.

    Returns:
        float32 scalar, 0 to 4.
    """
    taught = tf.maximum(tf.matmul(teacher, teacher, transpose_b=True), least)
    excess = tf.matmul(student, student, transpose_b=True) - taught
    excess = tf.linalg.set_diag(excess, tf.fill(tf.shape(excess)[:1], -4.0))
    count = tf.minimum(worst, tf.shape(excess)[1])
    largest = tf.math.top_k(excess, count, sorted=False).values
    return tf.reduce_mean(tf.square(tf.nn.relu(largest)))


def soft_target_loss(student: tf.Tensor, teacher: tf.Tensor, temperature: float) -> tf.Tensor:
    """T^2 times the mean of KL(softmax(teacher / T) || softmax(student / T)).

    G. Hinton, O. Vinyals and J. Dean, "Distilling the Knowledge in a Neural Network", 2015,
    section 2. The divergence is the paper's cross entropy minus the teacher's entropy, which has no
    gradient; T^2 keeps the size of the gradients when T changes.

    Args:
        student: float32 [N, C], logits.
        teacher: float32 [N, C], logits.
        temperature: T, above 0; the higher, the more the unlikely classes count.

    Returns:
        float32 scalar, 0 or more.
    """
    taught = tf.nn.log_softmax(teacher / temperature)
    learned = tf.nn.log_softmax(student / temperature)
    divergence = tf.reduce_sum(tf.exp(taught) * (taught - learned), axis=-1)
    return temperature**2 * tf.reduce_mean(divergence)


def hint_loss(regressed: tf.Tensor, hint: tf.Tensor) -> tf.Tensor:
    """Half the mean squared difference of a student's regressed features and the teacher's.

    A. Romero et al., "FitNets: Hints for Thin Deep Nets", ICLR 2015, equation 3, with a mean in
    place of the sum, so that the loss does not grow with the layer.

    Args:
        regressed: float32 [N, ...], the student's features after a trained regressor.
        hint: float32 [N, ...], the teacher's, of the same shape.

    Returns:
        float32 scalar, 0 or more.
    """
    return 0.5 * tf.reduce_mean(tf.square(hint - regressed))


def attention_maps(features: tf.Tensor) -> tf.Tensor:
    """Where a layer looks: the squares of its channels summed, as a unit vector per sample.

    Args:
        features: float32 [N, H, W, C].

    Returns:
        float32 [N, H W]; zeros where all features are 0.
    """
    energy = tf.reduce_sum(tf.square(features), axis=-1)
    return tf.math.l2_normalize(tf.reshape(energy, [tf.shape(energy)[0], -1]), axis=-1)


def attention_loss(student: tf.Tensor, teacher: tf.Tensor) -> tf.Tensor:
    """Mean squared distance of the two layers' attention maps.

    S. Zagoruyko and N. Komodakis, "Paying More Attention to Attention", ICLR 2017, equation 2 with
    p = 2, squared as in the authors' code. The channels may differ, so no regressor is needed.

    Args:
        student: float32 [N, H, W, C].
        teacher: float32 [N, H, W, D].

    Returns:
        float32 scalar, 0 to 2.
    """
    difference = attention_maps(student) - attention_maps(teacher)
    return tf.reduce_mean(tf.reduce_sum(tf.square(difference), axis=-1))


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
