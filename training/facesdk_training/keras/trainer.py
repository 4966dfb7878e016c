"""The training loop: one machine or many, interruptible at any step.

Each stage of a run (see :class:`~facesdk_training.config.stages.Stage`) trains one form of the
network; the next begins with its weights and a fresh optimizer. The state after a stage's last step
is saved before the next stage is entered, so nothing is lost if that fails. A step is synchronous
data parallelism: every replica of the distribution strategy computes its part of the batch,
gradients are summed, and batch normalisation uses the statistics of the whole batch, so the result
does not depend on the number of replicas, up to rounding.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from facesdk.errors import FaceSDKError, InputError, one_line
from facesdk.evaluation.calibration import PairSimilarities
from facesdk.files import ScratchFolder, write_atomic
from facesdk_training.config.run import RunConfig
from facesdk_training.config.schedules import learning_rate_at
from facesdk_training.config.stages import Stage, stage_of_step, stages_of, total_steps
from facesdk_training.data.batches import CropBatches, prefetch
from facesdk_training.data.validation import Validation, calibration_of, figures
from facesdk_training.keras import checkpoints
from facesdk_training.keras.compensation import compensate
from facesdk_training.keras.networks.build import build_embedder
from facesdk_training.keras.objectives import Objective
from facesdk_training.keras.optimizers import OptimizedGroup, optimized_groups
from facesdk_training.keras.sparsity import asks, penalty
from facesdk_training.keras.statistics import measure_statistics
from facesdk_training.keras.weights import save_latent, take_over
from facesdk_training.runs import folder as run_folder
from facesdk_training.runs import hdf5
from facesdk_training.runs.checkpoints import words_of_kept

_PREFETCHED_BATCHES = 4

Build = Callable[..., tf.keras.Model]
"""As :func:`facesdk_training.keras.networks.build.build_embedder`."""


class DivergedError(FaceSDKError):
    """The loss is no number any more; more steps cannot mend that."""


class _Network:
    """What a stage trains: replicated variables, and a plain copy of the embedder to look at."""

    def __init__(
        self,
        config: RunConfig,
        stage: Stage,
        objective: Objective,
        strategy: tf.distribute.Strategy,
        build: Build,
    ) -> None:
        shape = stage.network
        convolutions = "bfloat16" if config.precision == "bfloat16-convolutions" else "float32"
        mixed = config.precision.startswith("mixed")
        tf.keras.utils.set_random_seed(config.seed)
        with strategy.scope():
            previous = tf.keras.mixed_precision.global_policy()
            tf.keras.mixed_precision.set_global_policy(config.precision if mixed else "float32")
            try:
                self.embedder = build(shape, convolution_dtype=convolutions)
                self.model = objective.model(self.embedder)
            finally:
                tf.keras.mixed_precision.set_global_policy(previous)
            if strategy.num_replicas_in_sync > 1:
                _synchronise_normalisation(self.model)
            self.groups: list[OptimizedGroup] = optimized_groups(config.optimizer, self.model)
        self.kept = build(shape)
        self.kept.set_weights(self.embedder.get_weights())
        self._embed = tf.function(lambda images: self.kept(images, training=False), autograph=False)

    def embed(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Embeddings by the weights that would be kept, float32 [N, D]."""
        return np.asarray(self._embed(images), np.float32)

    def inherit(self, weights: dict[str, list[NDArray[Any]]]) -> None:
        """Takes over the weights of layers of the same name and shapes."""
        for layer in self.model.layers:
            given = weights.get(layer.name, [])
            if layer.weights and given:
                take_over(layer, _within_bounds(layer, given))
        self.kept.set_weights(self.embedder.get_weights())

    def weights(self) -> dict[str, list[NDArray[Any]]]:
        """The trained weights of every layer."""
        return {layer.name: layer.get_weights() for layer in self.model.layers}


def _within_bounds(layer: tf.keras.layers.Layer, weights: list[NDArray[Any]]) -> list[NDArray[Any]]:
    """Scales float kernels that become latent weights into [-1, 1]; a sign ignores the scale."""
    if getattr(layer, "kernel_quantizer", None) is None:
        return weights
    kernel, *others = weights
    return [kernel / max(1.0, float(np.abs(kernel).max())), *others]


def _synchronise_normalisation(model: tf.keras.Model) -> None:
    for layer in model.layers:
        if isinstance(layer, tf.keras.layers.BatchNormalization):
            layer.fused = False  # the fused kernel knows the statistics of one replica only
            layer.synchronized = True


def _place_among_workers(strategy: tf.distribute.Strategy) -> tuple[int, int]:
    """Number of this worker, and how many there are."""
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return 0, 1
    resolver = strategy.cluster_resolver
    return int(resolver.task_id), len(resolver.cluster_spec().job_tasks("worker"))


class Trainer:
    """A run that can be interrupted after any step and goes on as if it had not been.

    Attributes:
        config: Its configuration.
        total_steps: Steps of the whole run.
        steps_per_epoch: Steps of an epoch.
        notes: What was asked for and could not be had: checkpoints that cannot be read.
    """

    def __init__(
        self,
        run: Path,
        config: RunConfig,
        objective: Objective,
        batches: CropBatches,
        validation: Validation,
        *,
        strategy: tf.distribute.Strategy | None = None,
        build: Build = build_embedder,
        initialise: Callable[[tf.keras.Model], None] = lambda embedder: None,
    ) -> None:
        """Builds the network, from the last checkpoint if the run has one.

        Args:
            run: The run folder, see :mod:`facesdk_training.runs.folder`; it must exist.
            config: The configuration.
            objective: What is minimised.
            batches: What is trained on.
            validation: What is held out.
            strategy: How the work is distributed; by default it is not.
            build: Builds an embedder, with fresh weights, from a stage's configuration.
            initialise: Gives a fresh embedder the weights to start from.

        Raises:
            InputError: The batch cannot be split among the replicas, the checkpoint is of another
                network, or the run has logged steps and no checkpoint can be read.
        """
        self.config = config
        self.steps_per_epoch = config.steps_per_epoch or batches.sampler.steps_per_epoch
        self.total_steps = total_steps(config, batches.sampler.steps_per_epoch)
        self._run = run
        self._objective = objective
        self._batches = batches
        self._validation = validation
        self._strategy = strategy or tf.distribute.get_strategy()
        self._build = build
        self._worker, self._workers = _place_among_workers(self._strategy)
        if config.batch_size % self._strategy.num_replicas_in_sync:
            raise InputError(
                f"batch_size must be a multiple of the {self._strategy.num_replicas_in_sync} "
                f"replicas, but is {config.batch_size}"
            )
        self._stages = stages_of(config, self.total_steps)
        self._step = tf.Variable(0, dtype=tf.int64)
        self._interval = tf.Variable([0.0, 0.0], dtype=tf.float64)
        self._stopping = False
        self._scratch = None if self.is_chief else ScratchFolder("facesdk-worker-")
        found = checkpoints.found(run)
        self.notes = found.notes
        if self.is_chief:
            checkpoints.forget_after(run, found.step)
        self._enter(stage_of_step(self._stages, found.step - 1 if found.step else 0))
        if found.step is None:
            initialise(self._network.embedder)
            self._network.kept.set_weights(self._network.embedder.get_weights())
        else:
            path, added = checkpoints.path_of(run, found.step), {"interval": self._interval}
            checkpoints.restore(path, self._stage.number, self._objects, added)
            if self.is_chief:  # a validation that is not part of the checkpoint is made again
                run_folder.forget_log_after(run, self.step - bool(self._unvalidated))
        self._curves = (
            tf.summary.create_file_writer(str(run / run_folder.TENSORBOARD))
            if self.is_chief
            else tf.summary.create_noop_writer()
        )

    @property
    def step(self) -> int:
        """Number of finished steps."""
        return int(self._step)

    @property
    def _unvalidated(self) -> int:
        """Steps since the last validation."""
        return int(self._interval[1])

    @property
    def _metric(self) -> str:
        return f"validation_{self.config.validation.metric}"

    @property
    def is_chief(self) -> bool:
        """Whether this process writes the run folder: the first of several workers does."""
        return self._worker == 0

    @property
    def _own_folder(self) -> Path:
        """Every worker takes part in a save; what the chief writes is the one that is kept."""
        return self._run if self._scratch is None else self._scratch.path

    def stop(self) -> None:
        """Makes :meth:`train` save and return after the current step; safe in a signal handler."""
        self._stopping = True

    def train(self, on_step: Callable[[int, float, float], None] = lambda *_: None) -> bool:
        """Trains to the last step, or until :meth:`stop`.

        Args:
            on_step: Called after each step with the number of finished steps, the loss and the
                crops per second since the last validation.

        Returns:
            Whether the run is finished: weights and calibration are written.

        Raises:
            DivergedError: The loss is not finite.
            InputError: A crop cannot be decoded, or a file of the run cannot be written.
        """
        while self.step < self.total_steps:
            stage = stage_of_step(self._stages, self.step)
            if stage is not self._stage:
                self._enter(stage, self._network.weights())
            if not self._train_stage(on_step):
                self._save_latent()
                return False
        self._save_latent()
        if self._unvalidated:  # it was resumed to end where it was interrupted
            self._validate(self._set_learning_rate(self.step - 1), speed=0.0)
        if self.is_chief:
            self._finish()
        return True

    def _enter(self, stage: Stage, weights: dict[str, list[NDArray[Any]]] | None = None) -> None:
        self._stage = stage
        self._network = _Network(self.config, stage, self._objective, self._strategy, self._build)
        if weights is not None:
            self._network.inherit(weights)
        self._checkpoints = checkpoints.manager_of(
            self._own_folder / run_folder.CHECKPOINTS,
            tf.train.Checkpoint(**self._objects, interval=self._interval),
        )
        # No branch of a step depends on a tensor; rewriting its code would take a second.
        self._distributed_step = tf.function(self._step_on_all_replicas, autograph=False)
        self._average = tf.function(self._update_average, autograph=False)

    @property
    def _objects(self) -> dict[str, Any]:
        """What a checkpoint holds."""
        return {
            "model": self._network.model,
            "optimizers": [group.optimizer for group in self._network.groups],
            "kept": self._network.kept,
            "step": self._step,
        }

    def _train_stage(self, on_step: Callable[[int, float, float], None]) -> bool:
        stage, done, started = self._stage, 0, time.monotonic()
        batches = self._batches.batches(self.step, stage.last_step, self._local_part)
        for step, images, targets in prefetch(batches, _PREFETCHED_BATCHES):
            rate = self._set_learning_rate(step)
            loss = float(self._distributed_step(*self._distribute(images, targets)))
            if not math.isfinite(loss):
                raise DivergedError(
                    f"the loss or its gradient is not finite at step {step + 1}: lower "
                    "schedule.learning_rate or set optimizer.clip_norm in a new run; "
                    + words_of_kept(checkpoints.saved_step(self._run))
                )
            self._keep(step)
            self._step.assign(step + 1)
            self._interval.assign_add([loss, 1.0])
            done += 1
            speed = done * self.config.batch_size / (time.monotonic() - started)
            on_step(step + 1, loss, speed)
            stage_ends, last = step + 1 == stage.last_step, step + 1 == self.total_steps
            validates = stage_ends or (step + 1) % self.config.validation.every == 0
            if validates:
                self._validate(rate, speed)
                done, started = 0, time.monotonic()
            stopping = self._agree_to_stop()
            if validates or stopping:
                checkpoints.save(self._checkpoints, self.step)
            if stopping and not last:
                return False
        return True

    def _agree_to_stop(self) -> bool:
        """Whether any of the workers was told to stop: they all do, after the same step."""
        if self._workers == 1:
            return self._stopping
        told = self._strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(float(self._stopping))
        )
        return float(self._strategy.reduce(tf.distribute.ReduceOp.SUM, told, axis=None)) > 0

    def _set_learning_rate(self, step: int) -> float:
        stage = self._stage
        rate = stage.learning_rate * learning_rate_at(
            self.config.schedule,
            step - stage.first_step,
            stage.last_step - stage.first_step,
            self.steps_per_epoch,
        )
        for group in self._network.groups:
            group.optimizer.learning_rate.assign(rate)
        return rate

    @property
    def _local_part(self) -> slice:
        """The positions of a batch that this process prepares."""
        size = self.config.batch_size // self._workers
        return slice(self._worker * size, (self._worker + 1) * size)

    def _distribute(self, *arrays: NDArray[Any]) -> list[Any]:
        """Splits this process's part of a batch among its own replicas."""
        replicas = self._strategy.num_replicas_in_sync // self._workers
        size = self.config.batch_size // self._strategy.num_replicas_in_sync

        def part(array: NDArray[Any]) -> Any:
            def of_replica(context: Any) -> tf.Tensor:
                first = context.replica_id_in_sync_group % replicas * size
                return tf.convert_to_tensor(array[first : first + size])

            return self._strategy.experimental_distribute_values_from_function(of_replica)

        return [part(array) for array in arrays]

    def _step_on_all_replicas(self, images: Any, targets: Any) -> tf.Tensor:
        losses = self._strategy.run(self._step_on_replica, (images, targets))
        return self._strategy.reduce(tf.distribute.ReduceOp.SUM, losses, axis=None)

    def _step_on_replica(self, images: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        optimizer, model = self.config.optimizer, self._network.model
        scale = optimizer.loss_scale if self.config.precision == "mixed_float16" else 1.0
        with tf.GradientTape() as tape:
            outputs = model(images, training=True)
            loss = self._objective.loss(outputs, targets, self._strategy.num_replicas_in_sync)
            if asks(self.config.loss):
                sparse = penalty(self._network.embedder, self.config.loss)
                loss += sparse / self._strategy.num_replicas_in_sync
            scaled = loss * scale
        variables = model.trainable_variables
        gradients = tape.gradient(scaled, variables)
        if self._strategy.num_replicas_in_sync > 1:
            context = tf.distribute.get_replica_context()
            gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
        gradients = [gradient / scale for gradient in gradients]
        norm = tf.linalg.global_norm(gradients)
        if optimizer.clip_norm:
            gradients, _ = tf.clip_by_global_norm(gradients, optimizer.clip_norm, use_norm=norm)
        for group in self._network.groups:
            group.apply(gradients, variables)
        return tf.where(tf.math.is_finite(norm), loss, np.nan)

    def _keep(self, step: int) -> None:
        """Lets the kept weights follow the trained ones; after few steps, more quickly."""
        if decay := self.config.optimizer.ema_decay:
            self._average(tf.constant(min(decay, (1 + step) / (10 + step)), tf.float32))

    def _update_average(self, decay: tf.Tensor) -> None:
        kept, trained = self._network.kept, self._network.embedder
        for average, variable in zip(
            kept.trainable_variables, trained.trainable_variables, strict=True
        ):
            average.assign_add((1.0 - decay) * (tf.cast(variable, tf.float32) - average))
        for average, variable in zip(
            kept.non_trainable_variables, trained.non_trainable_variables, strict=True
        ):
            average.assign(variable)

    def _validate(self, rate: float, speed: float) -> None:
        """Looks at the weights, and begins a new interval."""
        step, (total, count) = self.step, self._interval.numpy().tolist()
        self._interval.assign([0.0, 0.0])
        if not self.config.optimizer.ema_decay:
            self._network.kept.set_weights(self._network.embedder.get_weights())
        row = {
            "step": step,
            "stage": self._stage.number,
            "images": step * self.config.batch_size,
            "loss": total / count,
            "learning_rate": rate,
            "images_per_second": speed,
            **figures(self._validation.pairs(self._network.embed)),
        }
        if not self.is_chief:
            return
        final = self._stage is self._stages[-1]
        best = run_folder.best_figure(self._run, self._metric, self._stage.number)
        if final and (best is None or row[self._metric] > best):
            write_atomic(self._run / run_folder.BEST, _hdf5(self._network.kept))
        run_folder.append_log(self._run, row)
        with self._curves.as_default(step):
            for name, value in row.items():
                tf.summary.scalar(name, value)
        self._curves.flush()

    def _save_latent(self) -> None:
        """Every worker reads its weights, because a read of running statistics is collective."""
        save_latent(self._own_folder / run_folder.LATENT, self._network.embedder)

    def _finish(self) -> None:
        kept = self._network.kept
        self._take_best()
        pairs, statistics = self._validation.pairs(self._network.embed), "training"
        if self.config.statistics:
            measured = self._with_statistics(pairs)
            if measured is not None:
                pairs, statistics = measured, "undistorted"
        best = _hdf5(kept)
        if self.config.nuisances:
            compensate(kept, self.config.nuisances, self._batches.copies)
            pairs = self._validation.pairs(self._network.embed)
        split = self._validation.split
        run_folder.write_record(
            self._run / run_folder.CALIBRATION,
            {
                "crops": len(split.validation),
                "identities": len(np.unique(split.validation_identities)),
                "statistics": statistics,
                **figures(pairs),
                **calibration_of(pairs),
            },
        )
        write_atomic(self._run / run_folder.WEIGHTS, _hdf5(kept))
        write_atomic(self._run / run_folder.BEST, best)  # last: all of this begins with it

    def _take_best(self) -> None:
        path = run_folder.best_weights(self._run)
        try:
            self._network.kept.load_weights(path)
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"cannot read {path}: {one_line(error, 200)}") from None

    def _with_statistics(self, before: PairSimilarities) -> PairSimilarities | None:
        """Measures statistics anew; None, and the old ones, where the figures do not gain."""
        kept = self._network.kept
        old = kept.get_weights()
        measure_statistics(kept, self._batches.undistorted(self.config.statistics))
        after = self._validation.pairs(self._network.embed)
        if figures(after)[self._metric] > figures(before)[self._metric]:
            return after
        kept.set_weights(old)
        return None


def _hdf5(model: tf.keras.Model) -> bytes:
    """As ``model.save_weights`` would, without a file: HDF5 ends the process if a disk is full."""

    def arrays(layer: tf.keras.layers.Layer) -> list[NDArray[Any]]:
        return [np.asarray(v) for v in (*layer.trainable_weights, *layer.non_trainable_weights)]

    return hdf5.weights_file({layer.name: arrays(layer) for layer in model.layers if layer.weights})
