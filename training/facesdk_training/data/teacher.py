"""What a teacher says about every crop: the targets of distillation."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facesdk.evaluation.vector_cache import RowCache
from facesdk.models.contract import Contract
from facesdk.models.templates import TEMPLATES
from facesdk.progress import Progress, unwatched
from facesdk.recognition.alignment import central
from facesdk.recognition.embedding import CropEmbedder, Embedder
from facesdk_training.config.run import TeacherConfig, TeacherFile
from facesdk_training.data.crops import Crops


@dataclass(frozen=True, slots=True)
class TeacherRuntime:
    """What runs teachers over all crops.

    Attributes:
        load: Reads the model of a row of the configuration.
        crops_per_call: How many crops it is given at a time.
        workers: Threads that decode them.
    """

    load: Callable[[TeacherConfig | TeacherFile], CropEmbedder]
    crops_per_call: int = 16
    workers: int = 1


def load_teacher(row: TeacherConfig | TeacherFile) -> Embedder:
    """Reads a teacher to run in the TFLite runtime.

    Raises:
        FaceSDKError: It cannot be read, or is no recognition model.
    """
    contract = Contract.read(Path(row.contract)) if row.contract else None
    return Embedder.load(Path(row.model), contract)


IN_TFLITE = TeacherRuntime(load_teacher)
"""The TFLite runtime, on the CPU."""


def teacher_embeddings(
    teacher: CropEmbedder,
    crops: Crops,
    cache: Path | None,
    progress: Progress = unwatched,
    runtime: TeacherRuntime = IN_TFLITE,
) -> NDArray[np.float32]:
    """Embeds every crop, as the mean direction of the crop and of its mirror image.

    Embeddings are cached by the digests of the teacher and of the crop, so an interrupted call goes
    on where it stopped, and crops that were added later are the only ones to be computed.

    Args:
        teacher: The recognition model, of any template.
        crops: The crops.
        cache: Folder for the cache, shared by teachers; None keeps nothing.
        progress: Told how many crops the teacher has embedded.
        runtime: What runs the teacher.

    Returns:
        float32 [N, D], unit vectors in the order of ``crops``.

    Raises:
        InputError: A crop cannot be decoded, or the cache is damaged or not writable.
    """
    rows = RowCache(cache / teacher.model_id if cache else None, teacher.dim)
    missing = [row for row, key in enumerate(crops.keys) if key not in rows]
    height, width = TEMPLATES[teacher.template].size
    with ThreadPoolExecutor(runtime.workers) as pool:
        for start in range(0, len(missing), runtime.crops_per_call):
            progress(len(crops) - len(missing) + start, len(crops), "teacher")
            chosen = missing[start : start + runtime.crops_per_call]
            found = pool.map(lambda row: central(crops.image(row), height, width), chosen)
            images = np.stack(list(found))
            sums = teacher.embed(images) + teacher.embed(images[:, :, ::-1])
            units = sums / np.linalg.norm(sums, axis=1, keepdims=True)
            for row, unit in zip(chosen, units, strict=True):
                rows[crops.keys[row]] = unit
    rows.save()
    progress(len(crops), len(crops), "teacher")
    return np.stack([rows[key] for key in crops.keys])
