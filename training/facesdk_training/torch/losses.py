"""What is minimised, on PyTorch tensors; :mod:`facesdk_training.keras.losses` has the sources."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import functional


def cosine_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean of 1 - cos(student, teacher); unit vectors [N, D]."""
    return 1.0 - (student * teacher).sum(1).mean()


def similarity_matrix_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean squared difference of the batch's cosine similarity matrices; unit vectors [N, D]."""
    return (student @ student.T - teacher @ teacher.T).square().mean()


def soft_target_loss(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """T^2 times the mean of KL(softmax(teacher / T) || softmax(student / T)); logits [N, C]."""
    taught, learned = ((x / temperature).log_softmax(1) for x in (teacher, student))
    return temperature**2 * functional.kl_div(
        learned, taught, reduction="batchmean", log_target=True
    )


def stranger_loss(
    student: Tensor, teacher: Tensor, strangers: Tensor, *, worst: int, least: float
) -> Tensor:
    """Mean square of a student's excess of likeness to other crops' stored targets.

    The excess over what the teacher's own similarity explains, which counts as ``least`` or more;
    of each crop the largest ``worst``. So degraded strangers do not meet.

    Args:
        student: float32 [N, D], unit vectors.
        teacher: float32 [N, D], unit vectors.
        strangers: float32 [M, D], unit vectors of the teacher.
        worst: How many per crop.
        least: Similarity of the teacher up to which any two are strangers.
    """
    excess = student @ strangers.T - (teacher @ strangers.T).clamp_min(least)
    largest = excess.topk(min(worst, excess.shape[1]), dim=1, sorted=False).values
    return functional.relu(largest).square().mean()


def pair_loss(student: Tensor, teacher: Tensor, *, worst: int, least: float) -> Tensor:
    """:func:`stranger_loss` among the crops of a batch, where both of a pair are distorted."""
    excess = student @ student.T - (teacher @ teacher.T).clamp_min(least)
    excess = excess - 4.0 * excess.new_ones(len(excess)).diag()
    largest = excess.topk(min(worst, excess.shape[1]), dim=1, sorted=False).values
    return functional.relu(largest).square().mean()


def cosface_logits(cosines: Tensor, labels: Tensor, *, margin: float, scale: float) -> Tensor:
    """CosFace: s (cos(t) - m) for the label's class, s cos(t) for the others; [N, C]."""
    own = functional.one_hot(labels, cosines.shape[1]).to(cosines.dtype)
    return scale * (cosines - margin * own)


def arcface_logits(cosines: Tensor, labels: Tensor, *, margin: float, scale: float) -> Tensor:
    """ArcFace: s cos(t + m) for the label's class, s cos(t) for the others; [N, C]."""
    sines = (1.0 - cosines.square()).clamp_min(1e-6).sqrt()
    shifted = cosines * math.cos(margin) - sines * math.sin(margin)
    lowest = cosines - margin * math.sin(margin)
    shifted = shifted.where(cosines > math.cos(math.pi - margin), lowest)
    own = functional.one_hot(labels, cosines.shape[1]).to(cosines.dtype)
    return scale * (own * shifted + (1.0 - own) * cosines)
