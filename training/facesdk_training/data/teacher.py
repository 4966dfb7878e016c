"""What a teacher says about every crop: the targets of distillation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facesdk.evaluation.vector_cache import RowCache
from facesdk.models.templates import TEMPLATES
from facesdk.progress import Progress, unwatched
from facesdk.recognition.alignment import central
from facesdk.recognition.embedding import CropEmbedder
from facesdk_training.data.crops import Crops

_CROPS_PER_CALL = 16


def teacher_embeddings(
    teacher: CropEmbedder,
    crops: Crops,
    cache: Path | None,
    progress: Progress = unwatched,
) -> NDArray[np.float32]:
    """Embeds every crop, as the mean direction of the crop and of its mirror image.

    Embeddings are cached by the digests of the teacher and of the crop, so an interrupted call goes
    on where it stopped, and crops that were added later are the only ones to be computed.

    Args:
        teacher: The recognition model, of any template.
        crops: The crops.
        cache: Folder for the cache, shared by teachers; None keeps nothing.
        progress: Told how many crops the teacher has embedded.

    Returns:
        float32 [N, D], unit vectors in the order of ``crops``.

    Raises:
        InputError: A crop cannot be decoded, or the cache is damaged or not writable.
    """
    rows = RowCache(cache / teacher.model_id if cache else None, teacher.dim)
    missing = [row for row, key in enumerate(crops.keys) if key not in rows]
    height, width = TEMPLATES[teacher.template].size
    for start in range(0, len(missing), _CROPS_PER_CALL):
        progress(len(crops) - len(missing) + start, len(crops), "teacher")
        chosen = missing[start : start + _CROPS_PER_CALL]
        images = np.stack([central(crops.image(row), height, width) for row in chosen])
        sums = teacher.embed(images) + teacher.embed(images[:, :, ::-1])
        units = sums / np.linalg.norm(sums, axis=1, keepdims=True)
        for row, unit in zip(chosen, units, strict=True):
            rows[crops.keys[row]] = unit
    rows.save()
    progress(len(crops), len(crops), "teacher")
    return np.stack([rows[key] for key in crops.keys])
