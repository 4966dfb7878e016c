"""Keeping validation identities out of training."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk_training.data.crops import CropRecord


@dataclass(frozen=True, slots=True)
class Split:
    """Identity-disjoint rows of a :class:`FaceCrops`.

    Attributes:
        train: int64 rows for training.
        validation: int64 rows of the validation identities, label trusted.
        validation_identities: int64 number of the identity of each validation row.
        excluded: Number of rows in neither: doubtful labels of validation identities, and crops
            that look like a validation identity under another name.
    """

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    validation_identities: NDArray[np.int64]
    excluded: int


def split_by_identity(
    records: list[CropRecord],
    embeddings: NDArray[np.float32] | None,
    *,
    validation_sets: tuple[str, ...],
    validation_share: float,
    min_cos_to_identity: float = 0.5,
    max_lookalike_cosine: float = 0.6,
) -> Split:
    """Keeps a share of the identities wholly out of training.

    An identity is chosen by a hash of its set and name, so adding data moves no other identity.
    Different sets can hold the same person, or even the same photo, so a crop that is no validation
    crop but whose teacher embedding is close to the mean of a validation identity is excluded, and
    of two validation identities that close only the first is kept.

    Args:
        records: Rows of the manifest.
        embeddings: float32 [N, D], unit teacher embeddings of the rows; None if there is no
            teacher, and then nothing is known of people with two names.
        validation_sets: Sets whose identities may be chosen.
        validation_share: Share of those sets' identities, 0 to 1.
        min_cos_to_identity: Validation crops below it, or without that figure, are excluded as
            doubtful labels.
        max_lookalike_cosine: Cosine to an identity's mean from which a crop counts as that person.

    Raises:
        InputError: No identity with two trusted crops is left for validation.
    """
    rows_of: dict[tuple[str, str], list[int]] = {}
    for row, record in enumerate(records):
        label = (record.set, record.identity)
        if (
            record.identity
            and record.set in validation_sets
            and _unit_hash("/".join(label)) < validation_share
        ):
            rows_of.setdefault(label, []).append(row)
    held_out = np.zeros(len(records), bool)
    validation: list[int] = []
    identities: list[int] = []
    centres: list[NDArray[np.float32]] = []
    people = 0
    for _, rows in sorted(rows_of.items()):
        held_out[rows] = True
        trusted = [
            row for row in rows if (records[row].cos_to_identity or 0.0) >= min_cos_to_identity
        ]
        if len(trusted) < 2:
            continue
        if embeddings is not None:
            centre = embeddings[trusted].mean(axis=0)
            centre /= np.linalg.norm(centre)
            if centres and float(np.max(np.stack(centres) @ centre)) > max_lookalike_cosine:
                continue
            centres.append(centre)
        validation.extend(trusted)
        identities.extend([people] * len(trusted))
        people += 1
    if not people:
        raise InputError(
            f"no identity with two trusted crops to validate on in the sets "
            f"{', '.join(validation_sets)}: name other sets or raise the validation share"
        )
    if embeddings is not None:
        held_out |= np.max(embeddings @ np.stack(centres).T, axis=1) > max_lookalike_cosine
    train = np.flatnonzero(~held_out)
    return Split(
        train,
        np.asarray(validation, np.int64),
        np.asarray(identities, np.int64),
        len(records) - len(train) - len(validation),
    )


def _unit_hash(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2.0**64
