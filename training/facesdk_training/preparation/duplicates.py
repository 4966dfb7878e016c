"""Photos that are there twice."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

_BLOCK = 1024


def first_of_equals(digests: Sequence[bytes]) -> list[int]:
    """For each digest the position of the first equal one, which is its own where there is none."""
    first: dict[bytes, int] = {}
    return [first.setdefault(digest, position) for position, digest in enumerate(digests)]


def first_of_similar(hashes: Sequence[bytes], max_distance: int) -> list[int]:
    """For each perceptual hash the position of the first one that stands for it.

    In order, a hash is dropped if one that was kept is at most ``max_distance`` bits away. Every
    hash is compared with every earlier one (OpenCV's brute force matcher, Hamming distance).

    Args:
        hashes: Packed bits, all of one length.
        max_distance: At least 0.

    Returns:
        The position of the kept hash for each hash; its own for a kept one.
    """
    if not hashes:
        return []
    rows = np.frombuffer(b"".join(hashes), np.uint8).reshape(len(hashes), -1)
    matcher = cv2.BFMatcher(cv2.NORM_HAMMING)
    firsts: list[int] = []
    for start in range(0, len(rows), _BLOCK):
        stop = start + _BLOCK
        matches = matcher.radiusMatch(rows[start:stop], rows[:stop], max_distance + 0.5)
        for position, near in enumerate(matches, start):
            earlier = [match.trainIdx for match in near if match.trainIdx < position]
            kept = (other for other in earlier if firsts[other] == other)
            firsts.append(min(kept, default=position))
    return firsts
