"""The training engine ``keras``: Larq networks on TensorFlow, on one machine or several."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.models.bundle import ModelBundle
from facesdk.recognition.alignment import central
from facesdk_training.architectures.compact_face_net import CompactFaceNetConfig
from facesdk_training.architectures.mobile_face_net import MobileFaceNetConfig
from facesdk_training.architectures.registry import NetworkConfig
from facesdk_training.config.run import RunConfig
from facesdk_training.config.stages import stages_of, total_steps
from facesdk_training.data.batches import BatchSampler, CropBatches
from facesdk_training.data.compensation import pools
from facesdk_training.data.crops import INPUT
from facesdk_training.data.material import Material
from facesdk_training.data.people import targets_of
from facesdk_training.data.teacher import IN_TFLITE, TeacherRuntime
from facesdk_training.data.validation import Validation
from facesdk_training.keras import checkpoints, loading
from facesdk_training.keras.networks.build import build_embedder
from facesdk_training.keras.objectives import Distillation, objective_of
from facesdk_training.keras.trainer import Trainer
from facesdk_training.keras.warm_start import compact_face_net, mobile_face_net
from facesdk_training.keras.weights import start_from

_STATISTICS_CROPS = 512


@dataclass(frozen=True, slots=True)
class KerasEngine:
    """See :class:`facesdk_training.engines.TrainingEngine`.

    Attributes:
        strategy: How the work is distributed; None on one device.
    """

    strategy: tf.distribute.Strategy | None

    def saved_step(self, run: Path) -> int | None:
        """See :meth:`facesdk_training.engines.TrainingEngine.saved_step`."""
        return checkpoints.found(run).step

    def require_possible(self, config: RunConfig) -> None:
        """See :meth:`facesdk_training.engines.TrainingEngine.require_possible`."""
        _require_possible(config)
        if config.objective == "distillation" and config.loss.imitates_layers:
            Distillation(config.loss, _teacher(config)).model(build_embedder(config.final_network))

    def teacher_runtime(self, config: RunConfig) -> TeacherRuntime:
        """See :meth:`facesdk_training.engines.TrainingEngine.teacher_runtime`."""
        return replace(IN_TFLITE, workers=config.data.workers)

    def trainer(
        self,
        run: Path,
        config: RunConfig,
        material: Material,
        network: tf.keras.Model | None = None,
    ) -> Trainer:
        """See :meth:`facesdk_training.engines.TrainingEngine.trainer`.

        Args:
            run: The run folder.
            config: The configuration.
            material: What is learned from.
            network: What is trained, in place of what ``config.network`` describes: copies of it,
                from its weights.
        """
        if network is not None:
            return self._trainer(
                run,
                config,
                material,
                build=lambda shape, convolution_dtype="float32": tf.keras.models.clone_model(
                    network
                ),
                initialise=lambda embedder: embedder.set_weights(network.get_weights()),
            )
        return self._trainer(run, config, material, initialise=_initialiser(config, material))

    def _trainer(self, run: Path, config: RunConfig, material: Material, **options: Any) -> Trainer:
        _require_possible(config)
        network = config.final_network
        height, width = network.input_height, network.input_width
        sampler = BatchSampler(material.split.train, config.batch_size, config.seed)
        return Trainer(
            run,
            config,
            objective_of(config, material, _teacher(config)),
            CropBatches(
                material.crops,
                targets_of(config, material),
                sampler,
                config.augmentation,
                height,
                width,
                config.data.workers,
                config.distortions,
                total_steps(config, sampler.steps_per_epoch),
                pools(config.nuisances, material.crops.records, sampler.rows),
                config.alike,
            ),
            Validation(material.crops, material.split, height, width),
            strategy=self.strategy,
            **options,
        )


def start(threads: int | None = None) -> KerasEngine:
    """The engine, with the work distributed over the machines of ``TF_CONFIG``, else over GPUs.

    Call it before TensorFlow computes anything.
    """
    cv2.setNumThreads(1)  # crops are decoded and distorted by threads of our own
    tf.get_logger().setLevel("ERROR")
    if threads is not None:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    return KerasEngine(_distribution())


def _require_possible(config: RunConfig) -> None:
    asked = {
        "budget": config.budget,
        "blends": config.blends,
        "loss.stranger_weight": config.loss.stranger_weight,
    }
    for name, value in asked.items():
        if value:
            raise InputError(
                f'the training engine "keras" has no {name}: use --engine torch, or set it to 0'
            )
    if config.loss.imitates_layers and not config.teacher.network:
        raise InputError(
            'the training engine "keras" looks at the layers of a teacher.network, a finished run '
            "or a Keras file: use --engine torch for those of teacher.model"
        )


def _distribution() -> tf.distribute.Strategy | None:
    if "TF_CONFIG" in os.environ:
        return tf.distribute.MultiWorkerMirroredStrategy()
    if len(tf.config.list_physical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return None


def _teacher(config: RunConfig) -> Callable[[], tf.keras.Model] | None:
    """Loads the teacher whose layers are looked at; in the scope of the strategy, so when asked."""
    if not config.teacher.network:
        return None
    return lambda: loading.load(Path(config.teacher.network)).model


def _initialiser(config: RunConfig, material: Material) -> Callable[[tf.keras.Model], None]:
    if not config.start_from:
        return lambda embedder: None
    path = Path(config.start_from)
    network = stages_of(config, 1)[0].network
    if path.suffix.lower() == ".npz":
        return lambda embedder: start_from(path, embedder, network)
    restore = _restorer(network, config.seed)
    source = ModelBundle.load(path)

    def initialise(embedder: tf.keras.Model) -> None:
        rows = np.random.default_rng(config.seed).permutation(material.split.train)
        images = [
            central(material.crops.image(row), network.input_height, network.input_width)
            for row in rows[:_STATISTICS_CROPS]
        ]
        restore(embedder, source, INPUT.normalise(np.stack(images)))

    return initialise


def _restorer(
    network: NetworkConfig, seed: int
) -> Callable[[tf.keras.Model, ModelBundle, NDArray[np.float32]], None]:
    """What gives a network the weights of a model file."""
    if isinstance(network, MobileFaceNetConfig):
        return lambda embedder, source, images: mobile_face_net.restore_weights(
            embedder, network, source, images
        )
    binary = isinstance(network, CompactFaceNetConfig) and network.variant == "QB"
    if binary and 2 not in network.thresholds:
        return lambda embedder, source, images: compact_face_net.restore_weights(
            embedder, network, source, images, seed
        )
    raise InputError(
        "start_from takes a .tflite only for MobileFaceNet, and CompactFaceNet of variant QB with "
        "one threshold per channel, else a latent.npz"
    )
