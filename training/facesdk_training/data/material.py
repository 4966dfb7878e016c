"""From a configuration to what a run learns from: crops, split, teacher and targets."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.evaluation.calibration import all_pairs
from facesdk.progress import Progress, unwatched
from facesdk.recognition.embedding import CropEmbedder
from facesdk_training.config.run import RunConfig
from facesdk_training.data.crops import CropRecord, Crops, FaceCrops, PreparedCrops
from facesdk_training.data.joining import (
    PROJECTION,
    joined_units,
    principal_projection,
    projected,
    read_projection,
)
from facesdk_training.data.neurons import select_neurons
from facesdk_training.data.records import DATASET, FaceDataset
from facesdk_training.data.split import Split, split_by_identity
from facesdk_training.data.teacher import IN_TFLITE, TeacherRuntime, teacher_embeddings
from facesdk_training.data.validation import figures

MAX_VALIDATION_CROPS = 4000
"""All pairs of the held-out crops are compared, so of a large prepared split some are enough."""


@dataclass(frozen=True, slots=True)
class Material:
    """What a run learns from.

    Attributes:
        crops: All crops.
        split: Which are trained on and which held out.
        targets: Of every crop, see :class:`~facesdk_training.data.batches.CropBatches`.
        labels: Who each crop shows, int64 [N] from 0; -1 where that is not known, not to be relied
            on, or not asked by the objective.
        classes: Number of identities among the labels.
        sources: Digests of the data and of the teacher.
        teacher: Name of the teacher, and its figures on the held-out crops; empty without one.
        projection: float32 [D, E] from the joined vectors of several teachers to the targets; None
            with one.
    """

    crops: Crops
    split: Split
    targets: NDArray[Any]
    labels: NDArray[np.int64]
    classes: int
    sources: dict[str, str]
    teacher: dict[str, Any]
    projection: NDArray[np.float32] | None = None


def gather(
    config: RunConfig,
    cache: Path | None,
    progress: Progress = unwatched,
    *,
    teacher: CropEmbedder | None = None,
    lookalikes: bool = True,
    runtime: TeacherRuntime = IN_TFLITE,
) -> Material:
    """Reads the data, and what the objective needs to know of every crop.

    Args:
        config: The configuration.
        cache: Folder for the teacher's embeddings; None keeps nothing.
        progress: Told how many crops the teacher has embedded.
        teacher: What distillation learns from, in place of ``teacher.model`` and
            ``teacher.more``.
        lookalikes: Whether the teacher's embeddings also say who is held out under another name,
            see :func:`facesdk_training.data.split.split_by_identity`; a weak one says it of many.
        runtime: What runs teachers.

    Raises:
        InputError: Data or teacher are missing, unreadable or do not fit the configuration.
    """
    crops = _read_crops(config)
    sources = {"data_sha256": crops.digest}
    if config.objective != "distillation":
        split = _split(config, crops, None)
        _require_large_enough(config, crops, split.train)
        train, labels, classes = _labelled(config, crops, split)
        return Material(crops, _of(split, train), labels, labels, classes, sources, {})
    _require_large_enough(config, crops, range(len(crops)))
    more = config.teacher.more if teacher is None else ()
    teacher = _teacher(config, runtime) if teacher is None else teacher
    shortened = not more and _shortened(config, teacher)
    targets = teacher_embeddings(teacher, crops, cache, progress, runtime)
    split = _split(config, crops, targets if lookalikes else None)
    others = [runtime.load(row) for row in more]
    asked = (teacher_embeddings(each, crops, cache, progress, runtime) for each in others)
    units = [targets, *asked]
    projection = _projection(config, units, split)
    if projection is not None:
        targets = projected(joined_units(units), projection)
    pairs = all_pairs(targets[split.validation], split.validation_identities)
    sources["teacher_sha256"] = _joined_id([teacher, *others])
    names = [teacher.name, *(each.name for each in others)]
    about = {"name": " and ".join(names), **figures(pairs)}
    labels, classes = np.full(len(crops), -1, np.int64), 0
    if shortened or config.loss.needs_labels:
        train, labels, classes = _labelled(config, crops, split)
        if shortened:
            neurons = select_neurons(
                targets[train], labels[train], config.final_network.embedding_length
            )
            targets = targets[:, neurons]
            targets /= np.maximum(np.linalg.norm(targets, axis=1, keepdims=True), 1e-12)
            about["neurons"] = neurons.tolist()
        if config.loss.needs_labels:
            split = _of(split, train)
    return Material(crops, split, targets, labels, classes, sources, about, projection)


def _projection(
    config: RunConfig, units: list[NDArray[np.float32]], split: Split
) -> NDArray[np.float32] | None:
    """From the joined vectors of several teachers to the student's length; None for one."""
    if len(units) == 1:
        return None
    joined, length = joined_units(units), config.final_network.embedding_length
    if joined.shape[1] < length:
        raise InputError(
            f"the teachers' embeddings have {joined.shape[1]} numbers together, but the student's "
            f"has {length}: set network.embedding_length"
        )
    if path := _projection_of_start(config):
        return read_projection(path, joined.shape[1], length)
    return principal_projection(joined[split.train], length)


def _projection_of_start(config: RunConfig) -> Path | None:
    """The projection that is named, or that of the run whose weights are the start."""
    if config.teacher.projection:
        return Path(config.teacher.projection)
    beside = Path(config.start_from).with_name(PROJECTION) if config.start_from else None
    return beside if beside is not None and beside.is_file() else None


def _joined_id(teachers: Sequence[CropEmbedder]) -> str:
    """SHA-256 (hex) of a teacher, or of the list of several."""
    if len(teachers) == 1:
        return teachers[0].model_id
    return hashlib.sha256(" ".join(each.model_id for each in teachers).encode()).hexdigest()


def _shortened(config: RunConfig, teacher: CropEmbedder) -> bool:
    """Whether the student learns some of the teacher's neurons only."""
    length = config.final_network.embedding_length
    if teacher.dim == length:
        return False
    if teacher.dim < length or not config.teacher.select_neurons:
        raise InputError(
            f"the teacher's embedding has {teacher.dim} numbers, but the student's has "
            f"{length}: use a teacher of that length, set network.embedding_length, or, for a "
            "student with fewer, teacher.select_neurons"
        )
    return True


def _of(split: Split, train: NDArray[np.int64]) -> Split:
    """The same split with other training rows."""
    return Split(train, split.validation, split.validation_identities, split.excluded)


def _read_crops(config: RunConfig) -> Crops:
    if not config.data.folder:
        raise InputError("no training data is named: set data.folder, or give --data")
    folder = Path(config.data.folder)
    if (folder / DATASET).exists():
        dataset = FaceDataset.open(folder)
        return PreparedCrops(dataset, labelled_only=config.data.labelled_only)
    return FaceCrops(folder, config.data.sets, labelled_only=config.data.labelled_only)


def _require_large_enough(config: RunConfig, crops: Crops, rows: Sequence[int]) -> None:
    """Looks at the first crop: all have been aligned to one template."""
    if not len(rows):
        return
    height, width, _ = crops.image(rows[0]).shape
    asked = config.final_network
    if height < asked.input_height or width < asked.input_width:
        raise InputError(
            f"crops have {width}x{height} pixels, but the network takes "
            f"{asked.input_width}x{asked.input_height}: set network.input_width and input_height, "
            "or give larger crops"
        )


def _teacher(config: RunConfig, runtime: TeacherRuntime) -> CropEmbedder:
    if not config.teacher.model:
        raise InputError("distillation needs a teacher: set teacher.model, or give --teacher")
    return runtime.load(config.teacher)


def _split(config: RunConfig, crops: Crops, embeddings: NDArray[np.float32] | None) -> Split:
    if not isinstance(crops, PreparedCrops):
        return split_by_identity(
            crops.records,
            embeddings,
            validation_sets=config.validation.sets,
            validation_share=config.validation.share,
        )
    sets = np.array([record.set for record in crops.records])
    held_out = [row for row in np.flatnonzero(sets == "validation") if crops.records[row].identity]
    if len(held_out) > MAX_VALIDATION_CROPS:
        names = sorted({crops.records[row].identity for row in held_out})
        chosen = set(names[:: -(-len(held_out) // MAX_VALIDATION_CROPS)])
        held_out = [row for row in held_out if crops.records[row].identity in chosen]
    _, identities = np.unique(
        [crops.records[row].identity for row in held_out], return_inverse=True
    )
    train = np.flatnonzero(sets == "train")
    rest = len(crops) - len(train) - len(held_out)
    return Split(train, np.asarray(held_out, np.int64), identities.astype(np.int64), rest)


def _labelled(
    config: RunConfig, crops: Crops, split: Split
) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    """Training rows whose identity is known, a label for every row (-1: none), and their number."""
    names = [
        f"{record.set}/{record.identity}" if record.identity and _trusted(config, record) else ""
        for record in crops.records
    ]
    counts = Counter(names[row] for row in split.train if names[row])
    kept = sorted(name for name, count in counts.items() if count >= config.data.min_crops)
    if len(kept) < 2:
        raise InputError(
            f"{len(kept)} identities have {config.data.min_crops} training crops or more, but at "
            "least 2 are needed: lower data.min_crops, or name other data"
        )
    number = {name: label for label, name in enumerate(kept)}
    labels = np.array([number.get(name, -1) for name in names], np.int64)
    return split.train[labels[split.train] >= 0], labels, len(kept)


def _trusted(config: RunConfig, record: CropRecord) -> bool:
    cosine = record.cos_to_identity
    return cosine is None or cosine >= config.data.min_cos_to_identity
