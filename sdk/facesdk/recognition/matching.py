"""Embedding x embedding -> decision."""

from __future__ import annotations

import math

import numpy as np

from facesdk.errors import EmbeddingMismatchError, InputError
from facesdk.results import Embedding, Match


def require_one_model(a: Embedding, b: Embedding) -> None:
    """Raise unless two embeddings may be compared.

    Raises:
        EmbeddingMismatchError: They come from different models or have different lengths.
    """
    if a.model_id != b.model_id or a.dim != b.dim:
        raise EmbeddingMismatchError(
            f"embeddings of different models do not compare: {a.model} ({a.model_id[:12]}, "
            f"{a.dim}) and {b.model} ({b.model_id[:12]}, {b.dim})"
        )


def cosine_similarity(a: Embedding, b: Embedding) -> float:
    """Cosine of the angle between two embeddings, -1 to 1.

    Raises:
        EmbeddingMismatchError: They come from different models or have different lengths.
    """
    require_one_model(a, b)
    return float(np.clip(np.dot(a.vector, b.vector), -1.0, 1.0))


def compare(a: Embedding, b: Embedding, *, threshold: float, fmr: float | None = None) -> Match:
    """Decide whether two embeddings are of one person.

    Args:
        a: First embedding.
        b: Second embedding, of the same model.
        threshold: Similarity from which they count as one person, -1 to 1.
        fmr: The false match rate the threshold was calibrated for, if it was.

    Raises:
        EmbeddingMismatchError: The embeddings come from different models.
        InputError: The threshold is not in [-1, 1].
    """
    if not (math.isfinite(threshold) and -1.0 <= threshold <= 1.0):
        raise InputError(f"threshold must be in [-1, 1], but got {threshold}")
    similarity = cosine_similarity(a, b)
    return Match(similarity >= threshold, similarity, threshold, fmr, a.model)
