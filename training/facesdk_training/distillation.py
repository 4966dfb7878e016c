"""Distillation of a teacher's face embedding into CompactFaceNet.

The student learns to place every crop where the teacher places it, so no identity label is needed:
G. Hinton, O. Vinyals and J. Dean, "Distilling the Knowledge in a Neural Network", 2015, with
embeddings in place of class probabilities.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.evaluation.calibration import PairSimilarities, all_pairs, balanced_accuracy, calibrate
from facesdk.files import write_atomic
from facesdk_training import runs
from facesdk_training.architectures.compact_face_net import (
    CompactFaceNetConfig,
    build_compact_face_net,
)
from facesdk_training.batches import Augmentation, BatchSampler, prefetch
from facesdk_training.data import FaceCrops, centre_crop, normalise
from facesdk_training.losses import distillation_loss
from facesdk_training.split import Split

FMRS = (1e-4, 1e-3, 1e-2)
"""False match rates to calibrate thresholds for, as far as the negatives support them."""

_PREFETCHED_BATCHES = 4
_VALIDATION_BATCH = 64

Batch = tuple[int, NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class DistillationConfig:
    """Everything that decides a run's result, beside data and teacher.

    Attributes:
        network: Shape of the student.
        augmentation: Distortions of the training crops.
        epochs: Passes over the training crops; may be fractional.
        batch_size: Crops a step.
        learning_rate: Peak of Adam's learning rate.
        warmup_steps: Steps of linear warm-up; then a cosine decays to 0 at the last step.
        similarity_weight: Weight of the similarity matrix loss.
        convolution_dtype: Type the binary convolutions compute in: "float32" or "bfloat16".
        validation_sets: Sets whose identities may be held out.
        validation_share: Share of them that is, 0 to 1.
        validate_every: Steps between validations; each saves a checkpoint.
        seed: Seed of initial weights, permutations and augmentation.
    """

    network: CompactFaceNetConfig = field(default_factory=CompactFaceNetConfig)
    augmentation: Augmentation = field(default_factory=Augmentation)
    epochs: float = 6.0
    batch_size: int = 64
    learning_rate: float = 2e-3
    warmup_steps: int = 300
    similarity_weight: float = 2.0
    convolution_dtype: str = "float32"
    validation_sets: tuple[str, ...] = ("celeba10k", "celeba_wild", "glint")
    validation_share: float = 0.12
    validate_every: int = 650
    seed: int = 1

    def __post_init__(self) -> None:
        if not (0 < self.epochs < math.inf and 0 < self.learning_rate < math.inf):
            raise InputError(
                f"epochs and learning rate must be above 0 and finite, but are {self.epochs:g} and "
                f"{self.learning_rate:g}"
            )

    @staticmethod
    def from_dict(record: dict[str, Any]) -> DistillationConfig:
        """The inverse of ``dataclasses.asdict``, also after a trip through JSON."""
        return DistillationConfig(
            **{
                **record,
                "network": CompactFaceNetConfig.from_dict(record["network"]),
                "augmentation": Augmentation(**record["augmentation"]),
                "validation_sets": tuple(record["validation_sets"]),
            }
        )


def learning_rate_at(step: int, total_steps: int, config: DistillationConfig) -> float:
    """Linear warm-up, then a cosine to 0 (I. Loshchilov and F. Hutter, "SGDR", ICLR 2017)."""
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    progress = (step - config.warmup_steps) / max(1, total_steps - config.warmup_steps)
    return config.learning_rate * 0.5 * (1.0 + math.cos(math.pi * progress))


class Distillation:
    """A run that can be interrupted after any step and goes on as if it had not been.

    Attributes:
        config: Its configuration.
        total_steps: Steps of the whole run.
        teacher_figures: Validation figures of the teacher, which the student's approach.
    """

    def __init__(
        self,
        run: Path,
        config: DistillationConfig,
        crops: FaceCrops,
        targets: NDArray[np.float32],
        split: Split,
    ) -> None:
        """Builds the student, from the last checkpoint if the run has one.

        Args:
            run: The run folder, see :mod:`facesdk_training.runs`; it must exist.
            config: The configuration.
            crops: All crops.
            targets: float32 [N, D], unit teacher embeddings of all crops.
            split: Training and validation rows.

        Raises:
            InputError: There are too few training crops for a step, or too few validation pairs for
                any threshold.
        """
        self.config = config
        self._run = run
        self._crops = crops
        self._targets = targets
        self._split = split
        self._sampler = BatchSampler(split.train, config.batch_size, config.seed)
        self.total_steps = max(1, round(config.epochs * self._sampler.steps_per_epoch))
        self.teacher_figures = _summary(
            all_pairs(targets[split.validation], split.validation_identities)
        )
        tf.keras.utils.set_random_seed(config.seed)
        self._model = build_compact_face_net(config.network, config.convolution_dtype)
        self._optimizer = tf.keras.optimizers.Adam(config.learning_rate, jit_compile=False)
        self._optimizer.build(self._model.trainable_variables)
        self._step = tf.Variable(0, dtype=tf.int64)
        checkpoint = tf.train.Checkpoint(
            model=self._model, optimizer=self._optimizer, step=self._step
        )
        self._checkpoints = tf.train.CheckpointManager(
            checkpoint, str(run / runs.CHECKPOINTS), max_to_keep=2
        )
        if self._checkpoints.latest_checkpoint:
            checkpoint.restore(self._checkpoints.latest_checkpoint).assert_consumed()
        self._stopping = False

    @property
    def step(self) -> int:
        """Number of finished steps."""
        return int(self._step)

    def stop(self) -> None:
        """Makes :meth:`train` save and return after the current step; safe in a signal handler."""
        self._stopping = True

    def train(self, on_step: Callable[[int, float], None] = lambda step, loss: None) -> bool:
        """Trains to the last step, or until :meth:`stop`.

        Args:
            on_step: Called after each step with the number of finished steps and the loss.

        Returns:
            Whether the run is finished: weights and calibration are written.

        Raises:
            InputError: A crop cannot be decoded, or a file of the run cannot be written.
            tensorflow.errors.OpError: A checkpoint cannot be written.
        """
        losses: list[float] = []
        started = time.monotonic()
        for step, images, targets in prefetch(self._batches(), _PREFETCHED_BATCHES):
            learning_rate = learning_rate_at(step, self.total_steps, self.config)
            self._optimizer.learning_rate.assign(learning_rate)
            losses.append(float(self._train_step(images, targets)))
            self._step.assign(step + 1)
            on_step(step + 1, losses[-1])
            last = step + 1 == self.total_steps
            if last or (step + 1) % self.config.validate_every == 0:
                speed = len(losses) * self.config.batch_size / (time.monotonic() - started)
                figures = {
                    "step": step + 1,
                    "images": (step + 1) * self.config.batch_size,
                    "loss": float(np.mean(losses)),
                    "learning_rate": learning_rate,
                    "images_per_second": speed,
                    **_summary(self._validation_pairs(self._model)),
                }
                runs.append_log(self._run, figures)
                self._checkpoints.save()
                losses, started = [], time.monotonic()
            elif self._stopping:
                self._checkpoints.save()
            if self._stopping and not last:
                return False
        self._finish()
        return True

    def _batches(self) -> Iterator[Batch]:
        network = self.config.network
        for step, rows in self._sampler.batches(self.step, self.total_steps):
            rng = np.random.default_rng((self.config.seed, step, 1))
            images = [
                self.config.augmentation.apply(
                    self._crops.image(row), network.input_height, network.input_width, rng
                )
                for row in rows
            ]
            yield step, normalise(np.stack(images)), self._targets[rows]

    @tf.function
    def _train_step(self, images: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            student = self._model(images, training=True)
            loss = distillation_loss(student, targets, self.config.similarity_weight)
        variables = self._model.trainable_variables
        gradients = tape.gradient(loss, variables)
        self._optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return loss

    def _validation_pairs(self, model: tf.keras.Model) -> PairSimilarities:
        """All pairs of validation crops: one centre crop each, not mirrored."""
        height, width = self.config.network.input_height, self.config.network.input_width
        rows = self._split.validation
        embeddings = []
        for start in range(0, len(rows), _VALIDATION_BATCH):
            images = [
                centre_crop(self._crops.image(row), height, width)
                for row in rows[start : start + _VALIDATION_BATCH]
            ]
            embeddings.append(model.predict_on_batch(normalise(np.stack(images))))
        stacked = np.concatenate(embeddings)
        stacked /= np.linalg.norm(stacked, axis=1, keepdims=True)
        return all_pairs(stacked, self._split.validation_identities)

    def _finish(self) -> None:
        model = build_compact_face_net(self.config.network)
        model.set_weights(self._model.get_weights())
        with tempfile.TemporaryDirectory() as folder:
            model.save_weights(Path(folder) / runs.WEIGHTS)
            content = (Path(folder) / runs.WEIGHTS).read_bytes()
        pairs = self._validation_pairs(model)
        runs.write_record(
            self._run / runs.CALIBRATION,
            {
                "crops": len(self._split.validation),
                "identities": len(np.unique(self._split.validation_identities)),
                **_summary(pairs),
                "teacher": self.teacher_figures,
                "thresholds": [asdict(threshold) for threshold in calibrate(pairs, FMRS)],
            },
        )
        write_atomic(self._run / runs.WEIGHTS, content)


def _summary(pairs: PairSimilarities) -> dict[str, float]:
    figures = {"validation_accuracy": balanced_accuracy(pairs)}
    for threshold in calibrate(pairs, FMRS):
        figures[f"validation_tar_at_fmr_{threshold.fmr:g}"] = 1.0 - threshold.fnmr
    return figures
