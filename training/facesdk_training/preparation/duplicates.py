"""Photos that are there twice."""

from __future__ import annotations

from collections.abc import Sequence

import faiss
import numpy as np

from facesdk.progress import Progress, unwatched

_BLOCK = 4096


def first_of_equals(digests: Sequence[bytes]) -> list[int]:
    """For each digest the position of the first equal one, which is its own where there is none."""
    first: dict[bytes, int] = {}
    return [first.setdefault(digest, position) for position, digest in enumerate(digests)]


def first_of_similar(
    hashes: Sequence[bytes],
    max_distance: int,
    progress: Progress = unwatched,
) -> list[int]:
    """For each perceptual hash the position of the first one that stands for it.

    In order, a hash is dropped if one that was kept is at most ``max_distance`` bits away. Every
    hash is compared with every earlier one (Faiss' exact binary index, Hamming distance).

    Args:
        hashes: Packed bits, all of one length.
        max_distance: At least 0.
        progress: Told how many hashes have been compared with all earlier ones.

    Returns:
        The position of the kept hash for each hash; its own for a kept one.
    """
    if not hashes:
        return []
    rows = np.frombuffer(b"".join(hashes), np.uint8).reshape(len(hashes), -1)
    index = faiss.IndexBinaryFlat(8 * rows.shape[1])
    firsts: list[int] = []
    for start in range(0, len(rows), _BLOCK):
        block = rows[start : start + _BLOCK]
        index.add(block)
        ends, _, near = index.range_search(block, max_distance + 1)  # closer than that
        for position, first, end in zip(
            range(start, len(rows)), ends[:-1].tolist(), ends[1:].tolist(), strict=False
        ):
            earlier = near[first:end][near[first:end] < position].tolist()
            kept = (other for other in earlier if firsts[other] == other)
            firsts.append(min(kept, default=position))
        progress(len(firsts), len(hashes), "compare")
    return firsts
