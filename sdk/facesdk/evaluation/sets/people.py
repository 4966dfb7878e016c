"""Pairs of a user's own photos, a folder for each person."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.evaluation.sets.verification_set import FOLDS, VerificationSet
from facesdk.images.photo_source import PhotoReader, PhotoSource
from facesdk.images.photo_walk import LeftOut

MAX_NEGATIVES = 1_000_000


def people_set(
    names: Sequence[str], people: Sequence[str], *, max_negatives: int = MAX_NEGATIVES
) -> VerificationSet:
    """Every pair of one person, and every pair of two people up to a number.

    More pairs of two people than ``max_negatives`` are drawn at random, always the same ones. For
    the cross-validated accuracy people are put into ten folds; a fold has pairs within it only, as
    many of two people as of one.

    Args:
        names: The images.
        people: The person on each.
        max_negatives: Most pairs of two people.

    Raises:
        InputError: There are not at least two people, one of them with two images.
    """
    labels = np.unique(np.asarray(people), return_inverse=True)[1].reshape(-1)
    rng = np.random.default_rng(0)
    positives = _positives(labels)
    negatives = _negatives(labels, len(positives), max_negatives, rng)
    if not len(positives) or not len(negatives):
        raise InputError(
            "pairs need at least two people and two photos of one of them, but there are "
            f"{len(set(people))} people on {len(names)} photos"
        )
    pairs = np.concatenate([positives, negatives])
    same = np.arange(len(pairs)) < len(positives)
    return VerificationSet(
        "folder",
        tuple(names),
        pairs[:, 0],
        pairs[:, 1],
        same,
        _folds(people, labels[pairs], same, rng),
        people=labels[pairs],
    )


def folder_set(source: PhotoSource, *, max_negatives: int = MAX_NEGATIVES) -> VerificationSet:
    """The pairs of labelled photos; errors as of :func:`people_set`."""
    images, people = unpaired_set(source)
    made = people_set(images.names, people, max_negatives=max_negatives)
    return replace(made, aligned=images.aligned, read=images.read, left_out=images.left_out)


def unpaired_set(source: PhotoSource) -> tuple[VerificationSet, tuple[str, ...]]:
    """Labelled photos without pairs, and the person on each."""
    photos = [photo for photo in source.photos if photo.identity]
    unlabelled = [
        LeftOut(photo.source, "in no person's folder")
        for photo in source.photos
        if not photo.identity
    ]
    reader = PhotoReader()
    none = np.empty(0, np.int64)
    images = VerificationSet(
        "folder",
        tuple(photo.source for photo in photos),
        none,
        none,
        none.astype(bool),
        none,
        aligned=source.aligned,
        read=lambda number: reader.read(photos[number]),
        left_out=(*source.left_out, *unlabelled),
    )
    return images, tuple(photo.identity for photo in photos)


def _positives(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    order = np.argsort(labels, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
    pairs = [np.stack([g[i] for i in np.triu_indices(len(g), 1)], 1) for g in groups]
    return np.concatenate(pairs) if pairs else np.empty((0, 2), np.int64)


def _negatives(
    labels: NDArray[np.int64], positives: int, most: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """All pairs of two people, or ``most`` different ones of them."""
    count = len(labels)
    total = count * (count - 1) // 2 - positives
    if total <= most or total < 4 * most:
        first, second = np.triu_indices(count, 1)
        different = labels[first] != labels[second]
        pairs: NDArray[np.int64] = np.stack([first[different], second[different]], 1)
        return pairs if total <= most else pairs[np.sort(rng.choice(total, most, replace=False))]
    found = np.empty(0, np.int64)
    while len(found) < most:
        drawn = rng.integers(0, count, (2 * most, 2))
        first, second = drawn.min(axis=1), drawn.max(axis=1)
        keys = (first * count + second)[labels[first] != labels[second]]
        found = np.unique(np.concatenate([found, keys]))
    chosen = np.sort(rng.choice(found, most, replace=False))
    return np.stack([chosen // count, chosen % count], 1)


def _folds(
    people: Sequence[str],
    pairs: NDArray[np.int64],
    same: NDArray[np.bool_],
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Folds of disjoint people with as many pairs of each kind; all -1 if there are not two."""
    names = sorted(set(people))
    order = sorted(
        range(len(names)),
        key=lambda row: hashlib.sha256(names[row].encode(errors="replace")).digest(),
    )
    folds = np.full(len(pairs), -1)
    for count in range(min(FOLDS, len(names) // 2), 1, -1):
        fold_of = np.empty(len(names), np.int64)
        fold_of[order] = np.arange(len(names)) % count
        first, second = fold_of[pairs[:, 0]], fold_of[pairs[:, 1]]
        rows = [
            [np.flatnonzero((first == fold) & (second == fold) & kind) for kind in (same, ~same)]
            for fold in range(count)
        ]
        if all(len(kind) for kinds in rows for kind in kinds):
            for fold, kinds in enumerate(rows):
                size = min(len(kind) for kind in kinds)
                for kind in kinds:
                    folds[rng.choice(kind, size, replace=False)] = fold
            break
    return folds
