"""The directions that the embeddings of crops are to have, for :mod:`.train_last`."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facesdk.cli.output import progress_bar
from facesdk.files import write_atomic
from facesdk.recognition.embedding import Embedder
from facesdk_training.config.nuisances import UNDISTORTED, NuisanceConfig
from facesdk_training.data.compensation import compensation
from facesdk_training.data.joining import joined_units, principal_projection, projected
from tools.experiments.recogniser.last_layers import unit
from tools.experiments.recogniser.stored_maps import Source, features

Directions = NDArray[np.float32]
Embed = Callable[[NDArray[np.uint8]], Directions]

_BATCH = 64
_KEPT = 64 * _BATCH
"""Crops of a file."""

_TURNED_BY = 4096
"""Crops by which targets are turned."""


def directions(embed: Embed, source: Source, cache: Path, name: str) -> Directions:
    """Unit vectors ``(all crops, D)`` of the crops that are trained on, 0 for others.

    Args:
        embed: Of crops uint8 ``(N, 112, 112, 3)``.
        source: Has the crops.
        cache: Where vectors are kept.
        name: What decides them beside the crops.
    """
    crops, rows = source.crops, source.rows
    digest = hashlib.sha256(f"{name} {crops.digest}".encode() + rows.tobytes()).hexdigest()
    folder = cache / f"targets-{digest[:16]}"
    folder.mkdir(exist_ok=True)

    def of(batch: NDArray[np.int64]) -> Directions:
        return embed(np.stack([crops.image(row) for row in batch]))

    parts = []
    with ThreadPoolExecutor(source.workers) as pool, progress_bar("targets") as progress:
        for start in range(0, len(rows), _KEPT):
            kept = folder / f"{start:07d}.npy"
            if not kept.exists():
                part = rows[start : start + _KEPT]
                batches = np.array_split(part, range(_BATCH, len(part), _BATCH))
                stream = io.BytesIO()
                np.save(stream, np.concatenate(list(pool.map(of, batches))))
                write_atomic(kept, stream.getvalue())
            parts.append(np.load(kept))
            progress(start + len(parts[-1]), len(rows), "targets")
    vectors = unit(np.concatenate(parts))
    found = np.zeros((len(crops), vectors.shape[1]), np.float32)
    found[rows] = vectors
    return found


def taught_by(
    teachers: Sequence[Embedder], own: Embed, source: Source, cache: Path, length: int
) -> Directions:
    """Unit vectors ``(all crops, length)`` that teachers give the crops that are trained on.

    Of several teachers, or of one whose embeddings are longer, they are the directions of most
    energy of all embeddings side by side, turned to be near to what the network has of crops. That
    changes no cosine between two of them (orthogonal Procrustes problem, P. Schönemann, 1966).

    Args:
        teachers: One or more.
        own: The network's embeddings.
        source: Has the crops.
        cache: Where vectors are kept.
        length: Of the network's embeddings, at most that of all teachers together.
    """
    vectors = [directions(taught(one), source, cache, one.model_id) for one in teachers]
    if len(vectors) == 1 and vectors[0].shape[1] == length:
        return vectors[0]
    rows, found = source.rows, np.zeros((len(source.crops), length), np.float32)
    together = joined_units([some[rows] for some in vectors])
    found[rows] = projected(together, principal_projection(together, length))
    some = rows[:: len(rows) // _TURNED_BY + 1]
    images = np.stack([source.crops.image(row) for row in some])
    left, _, right = np.linalg.svd(found[some].T @ own(images))
    return np.asarray(found @ (left @ right), np.float32)


def taught(teacher: Embedder) -> Embed:
    """The direction of a crop and of its mirror image together."""
    return lambda crops: teacher.embed(crops) + teacher.embed(crops[:, :, ::-1])


def kept_as_is(embedder: Embedder, change: Directions) -> Embed:
    """What a network has of a crop, multiplied with a map."""
    return lambda crops: features(embedder, list(crops)) @ change


def without(targets: Directions, source: Source, less: Mapping[str, float]) -> Directions:
    """Targets without a share of what the crops of each set have in common."""
    rows, records = source.rows, source.crops.records
    for name, share in less.items():
        among = [row for row in rows if records[row].set == name]
        row = NuisanceConfig(UNDISTORTED, directions=1, sets=(name,))
        projection = compensation([row], [targets[among]])
        kept = targets[rows] @ ((1 - share) * np.eye(len(projection)) + share * projection)
        targets = targets.copy()
        targets[rows] = unit(kept.astype(np.float32))
    return targets
