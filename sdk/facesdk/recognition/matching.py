"""Embedding x embedding -> decision."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from facesdk.errors import EmbeddingMismatchError, InputError
from facesdk.models.contract import Contract
from facesdk.recognition.identity import remedy, short
from facesdk.recognition.operating_points import confidence, point_for
from facesdk.results import Embedding, Match


def require_embeddings(*given: object) -> None:
    """Raise unless all are embeddings.

    Raises:
        TypeError: One is not.
    """
    for one in given:
        if not isinstance(one, Embedding):
            raise TypeError(
                "an embedding must be one that FaceEngine.embed returned, but got "
                f"{type(one).__name__}"
            )


def require_one_model(a: Embedding, b: Embedding) -> None:
    """Raise unless two embeddings may be compared.

    Raises:
        EmbeddingMismatchError: They come from different models or have different lengths.
        TypeError: One is no embedding.
    """
    require_embeddings(a, b)
    if a.model_id != b.model_id or a.dim != b.dim:
        raise EmbeddingMismatchError(
            f"embeddings of different models do not compare: {a.model} ({short(a.model_id)}, "
            f"{a.dim}) and {b.model} ({short(b.model_id)}, {b.dim}){remedy(a.model_id, b.model_id)}"
        )


def cosine_similarity(a: Embedding, b: Embedding) -> float:
    """Cosine of the angle between two embeddings, times the norms of unclear ones, -1 to 1.

    Raises:
        EmbeddingMismatchError: They come from different models or have different lengths.
    """
    require_one_model(a, b)
    return float(np.clip(np.dot(a.vector, b.vector), -1.0, 1.0))


def decide(
    a: Embedding,
    b: Embedding,
    contract: Contract,
    *,
    fmr: float | None = None,
    threshold: float | None = None,
) -> Match:
    """Decide by the contract of the model that made two embeddings, and say how sure that is.

    Args:
        a: First embedding.
        b: Second embedding, of the same model.
        contract: The model's contract.
        fmr: Use the threshold for this false match rate, as :func:`point_for` has it; None for its
            default.
        threshold: Use this similarity instead.

    Raises:
        EmbeddingMismatchError: The embeddings come from different models.
        InputError: The contract has no threshold for ``fmr``, or ``threshold`` is not in [-1, 1].
    """
    if threshold is None:
        point = point_for(contract, fmr)
        match = compare(a, b, threshold=point.similarity, fmr=point.fmr)
        note = point.note
    else:
        match, note = compare(a, b, threshold=threshold), ""
    notes = "; ".join(filter(None, (note, _unclear(a, b))))
    return replace(match, confidence=confidence(contract, match.similarity), note=notes)


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


def _unclear(a: Embedding, b: Embedding) -> str:
    """Which of two faces the model does not see clearly, in a sentence; empty for none."""
    which = [name for name, one in (("first", a), ("second", b)) if not one.is_clear]
    if not which:
        return ""
    faces = f"the {which[0]} face is" if len(which) == 1 else "both faces are"
    return f"{faces} unclear to the model, which makes the similarity smaller"
