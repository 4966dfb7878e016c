"""From a configuration to a trainer: data, teacher, split, targets and starting weights."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.evaluation.calibration import all_pairs
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import Contract
from facesdk.recognition.embedding import Embedder
from facesdk_training.architectures.compact_face_net import CompactFaceNetConfig
from facesdk_training.config.run import RunConfig
from facesdk_training.config.stages import network_config, stages_of
from facesdk_training.data.batches import BatchSampler, CropBatches
from facesdk_training.data.crops import Crops, FaceCrops, PreparedCrops, centre_crop, normalise
from facesdk_training.data.records import DATASET, FaceDataset
from facesdk_training.data.split import Split, split_by_identity
from facesdk_training.data.teacher import teacher_embeddings
from facesdk_training.data.validation import Validation, figures
from facesdk_training.keras.objectives import objective_of
from facesdk_training.keras.trainer import Trainer
from facesdk_training.keras.warm_start import restore_weights
from facesdk_training.runs import folder as run_folder
from facesdk_training.runs import latent

MAX_VALIDATION_CROPS = 4000
"""All pairs of the held-out crops are compared, so of a large prepared split some are enough."""

_STATISTICS_CROPS = 512

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Material:
    """What a run learns from.

    Attributes:
        crops: All crops.
        split: Which are trained on and which held out.
        targets: Of every crop, see :class:`~facesdk_training.data.batches.CropBatches`.
        classes: Number of identities, if they are what is learned.
        sources: Digests of the data and of the teacher.
        teacher: Name of the teacher, and its figures on the held-out crops; empty without one.
    """

    crops: Crops
    split: Split
    targets: NDArray[Any]
    classes: int
    sources: dict[str, str]
    teacher: dict[str, Any]


def gather(config: RunConfig, cache: Path | None, on_progress: Progress) -> Material:
    """Reads the data, and what the objective needs to know of every crop.

    Args:
        config: The configuration.
        cache: Folder for the teacher's embeddings; None keeps nothing.
        on_progress: Called with the number of crops that the teacher has embedded and of all.

    Raises:
        InputError: Data or teacher are missing, unreadable or do not fit the configuration.
    """
    crops = _read_crops(config)
    sources = {"data_sha256": crops.digest}
    if config.objective != "distillation":
        split = _split(config, crops, None)
        train, labels, classes = _labelled(config, crops, split)
        split = Split(train, split.validation, split.validation_identities, split.excluded)
        return Material(crops, split, labels, classes, sources, {})
    teacher = _teacher(config)
    targets = teacher_embeddings(teacher, crops, cache, on_progress)
    split = _split(config, crops, targets)
    pairs = all_pairs(targets[split.validation], split.validation_identities)
    return Material(
        crops,
        split,
        targets,
        0,
        {**sources, "teacher_sha256": teacher.model_id},
        {"name": teacher.name, **figures(pairs)},
    )


def trainer(
    run: Path, config: RunConfig, material: Material, strategy: tf.distribute.Strategy | None
) -> Trainer:
    """A trainer, at the last checkpoint of the run folder if it has one.

    Raises:
        InputError: The configuration does not fit the material.
    """
    network = network_config(config)
    height, width = network.input_height, network.input_width
    sampler = BatchSampler(material.split.train, config.batch_size, config.seed)
    return Trainer(
        run,
        config,
        objective_of(config, material.classes),
        CropBatches(
            material.crops,
            material.targets,
            sampler,
            config.augmentation,
            height,
            width,
            config.data.workers,
        ),
        Validation(material.crops, material.split, height, width),
        strategy=strategy,
        initialise=_initialiser(config, material),
    )


def distribution() -> tf.distribute.Strategy | None:
    """How the work is distributed: over the machines of ``TF_CONFIG``, else over this one's GPUs.

    Call it before TensorFlow computes anything.
    """
    if "TF_CONFIG" in os.environ:
        return tf.distribute.MultiWorkerMirroredStrategy()
    if len(tf.config.list_physical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return None


def _read_crops(config: RunConfig) -> Crops:
    if not config.data.folder:
        raise InputError("no training data is named: set data.folder, or give --data")
    folder = Path(config.data.folder)
    if (folder / DATASET).exists():
        return PreparedCrops(FaceDataset.open(folder))
    return FaceCrops(folder, config.data.sets)


def _teacher(config: RunConfig) -> Embedder:
    if not config.teacher.model:
        raise InputError("distillation needs a teacher: set teacher.model, or give --teacher")
    contract = Contract.read(Path(config.teacher.contract)) if config.teacher.contract else None
    teacher = Embedder.load(Path(config.teacher.model), contract)
    length = network_config(config).embedding_length
    if teacher.dim != length:
        raise InputError(
            f"the teacher's embedding has {teacher.dim} numbers, but the student's has "
            f"{length}: use a teacher of that length, or set network.embedding_length"
        )
    return teacher


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


def _trusted(config: RunConfig, record: Any) -> bool:
    cosine = record.cos_to_identity
    return cosine is None or cosine >= config.data.min_cos_to_identity


def _initialiser(config: RunConfig, material: Material) -> Callable[[tf.keras.Model], None]:
    if not config.start_from:
        return lambda embedder: None
    path = Path(config.start_from)
    if path.suffix == ".npz":
        return lambda embedder: latent.restore(path, embedder)
    network = network_config(config, stages_of(config, 1)[0].config)
    if not isinstance(network, CompactFaceNetConfig) or network.variant != "QB":
        raise InputError(
            "start_from takes a .tflite only for CompactFaceNet of variant QB, else a latent.npz"
        )
    source = ModelBundle.load(path)

    def initialise(embedder: tf.keras.Model) -> None:
        rows = np.random.default_rng(config.seed).permutation(material.split.train)
        images = [
            centre_crop(material.crops.image(row), network.input_height, network.input_width)
            for row in rows[:_STATISTICS_CROPS]
        ]
        restore_weights(embedder, network, source, normalise(np.stack(images)), config.seed)

    return initialise


def record_of(
    config: RunConfig, material: Material, description: str, weights_license: str
) -> dict[str, Any]:
    """What :data:`~facesdk_training.runs.CONFIG` says of a run."""
    sets = sorted({record.set for record in material.crops.records})
    words = f"{len(material.split.train)} face crops of the sets {', '.join(sets)}"
    return {
        **material.sources,
        "teacher": material.teacher,
        "training_data": description or words,
        "license": weights_license,
        "crops": {
            "train": len(material.split.train),
            "validation": len(material.split.validation),
            "excluded": material.split.excluded,
        },
        "config": config.to_dict(),
    }


def require_same_sources(run: Path, material: Material) -> None:
    """Raises unless a run began with the same data and teacher.

    Raises:
        InputError: It did not, or it is no run of this version.
    """
    record = run_folder.read_record(run / run_folder.CONFIG)
    for key, digest in material.sources.items():
        if record.get(key) != digest:
            raise InputError(
                f"{run} began with another {key.split('_')[0]} (SHA-256 {record.get(key)}): "
                "give the same one, or start a new run"
            )
