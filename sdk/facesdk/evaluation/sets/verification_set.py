"""Images and pairs of them, whatever protocol they come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesdk.evaluation.sets.lfw_pairs import Protocol
from facesdk.evaluation.sets.lfw_photos import LfwPhotos
from facesdk.images.photo_walk import LeftOut

FOLDS = 10


@dataclass(frozen=True, slots=True, eq=False)
class VerificationSet:
    """Pairs to decide.

    Attributes:
        name: The protocol: "lfw", "bin" or "folder".
        names: The images that a pair needs, once each.
        first: int64 ``(P,)``, one image of each pair, as its place in ``names``.
        second: int64 ``(P,)``, the other.
        same: bool ``(P,)``, whether both show one person.
        folds: int64 ``(P,)``, fold of each pair for cross-validation; -1 for none.
        people: int64 ``(P, 2)``, the people of each pair, where the pairs are all those of some
            people and so not independent; None where they were drawn.
        aligned: Whether the images are aligned crops.
        read: Gives the file of an image by its place in ``names``; raises InputError. None where
            only embeddings are at hand.
        left_out: What lies beside the images and is not used.
    """

    name: str
    names: tuple[str, ...]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    same: NDArray[np.bool_]
    folds: NDArray[np.int64]
    people: NDArray[np.int64] | None = None
    aligned: bool = False
    read: Callable[[int], bytes] | None = None
    left_out: tuple[LeftOut, ...] = ()


def lfw_set(protocol: Protocol, photos: LfwPhotos | None = None) -> VerificationSet:
    """The pairs of LFW's protocol.

    Args:
        protocol: The pairs.
        photos: The photos they need; None where embeddings are at hand.
    """
    names = protocol.photos
    place = {name: number for number, name in enumerate(names)}
    sizes = [len(fold) for fold in protocol.folds]
    return VerificationSet(
        "lfw",
        names,
        np.array([place[pair.first] for pair in protocol.pairs]),
        np.array([place[pair.second] for pair in protocol.pairs]),
        np.array([pair.same for pair in protocol.pairs]),
        np.repeat(np.arange(len(sizes)), sizes),
        read=None if photos is None else lambda number: photos.read(names[number]),
    )
