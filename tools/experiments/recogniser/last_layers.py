"""The last layers of a recogniser, trained on stored maps.

Losses are those of distillation, and what the hidden units of the head add to undistorted crops.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)

import tensorflow as tf  # isort: skip

from facesdk.cli.output import progress_bar
from facesdk_training.config.alike import AlikeConfig
from facesdk_training.config.run import WORST_PAIRS, ScheduleConfig
from facesdk_training.config.schedules import learning_rate_at
from facesdk_training.keras.losses import cosine_loss, pair_loss, similarity_matrix_loss
from tools.experiments.recogniser.stored_maps import LAST, Groups, Kind

REPORT = 300
"""Steps from one line of the log to the next."""

HIDDEN, CORRECTION = "head_hidden", "head_correction"
"""The layers whose output is added to that of :data:`.stored_maps.LAST`."""

_LEAST_DEVIATION = 1e-3

Array = NDArray[np.float32]
Figures = dict[str, float]


@dataclass(frozen=True)
class Settings:
    """How layers are trained. Weights are those of losses.

    Attributes:
        steps: Length of the training.
        seed: Of first weights, and of which groups make up a step.
        plain: Groups of a step whose crops are undistorted.
        own: The same, distorted each in its own way.
        alike: The same, spoilt alike.
        unit_rate: Peak of the learning rate of hidden units.
        layer_rate: Peak of the learning rate of all other layers; 0 leaves them as they are.
        cosine: To the targets, of undistorted crops.
        own_cosine: The same of crops that are distorted each in its own way.
        alike_cosine: The same of those spoilt alike.
        relation: Likenesses among crops that are not spoilt alike.
        zero: What hidden units add to undistorted crops, squared, as a share of an embedding.
        zero_own: The same for crops that are distorted in their own ways.
        noise: Added to features of crops that are spoilt alike, in deviations of a feature: ranges
            of 8 bits are noise of such crops, too.
        average: Share of the averages of weights that a step leaves as they are, 0 to below 1; the
            averages are what comes of it.
    """

    steps: int = 3000
    seed: int = 0
    plain: int = 6
    own: int = 2
    alike: int = 8
    unit_rate: float = 3e-3
    layer_rate: float = 0.0
    cosine: float = 1.0
    own_cosine: float = 1.0
    alike_cosine: float = 0.3
    relation: float = 2.0
    zero: float = 20.0
    zero_own: float = 3.0
    noise: float = 0.0
    average: float = 0.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value < math.inf:
                raise ValueError(f"{name} must be a number of at least 0, but is {value:g}")
        for name in ("steps", "plain", "own", "alike"):
            if not getattr(self, name):
                raise ValueError(f"{name} must be at least 1")
        if not self.unit_rate:
            raise ValueError("unit_rate must be above 0")
        if self.average >= 1:
            raise ValueError(f"average must be below 1, but is {self.average:g}")


def unit(vectors: Array) -> Array:
    """The vectors ``(..., D)``, of length 1."""
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


class Trainer:
    """The layers of a network behind a cut, in training.

    The hidden units begin anew, and learn from standardised features.

    Args:
        groups: What is learned from: maps at the cut.
        targets: float32 ``(all crops, D)``, unit vectors; of crops in no group any numbers.
        model: From crops to embeddings; it has the layers :data:`HIDDEN` and :data:`CORRECTION`.
        above: From the maps that the groups have to what the layer :data:`LAST` takes.
        change: What embeddings are multiplied with, float32 ``(D, D)``.
        alike: Weight of strangers that meet, and from which cosine on they do.
        settings: How.
    """

    def __init__(
        self,
        groups: Groups,
        targets: Array,
        model: tf.keras.Model,
        above: tf.keras.Model,
        change: Array,
        alike: AlikeConfig,
        settings: Settings,
    ) -> None:
        self.settings = settings
        self._groups, self._targets, self._alike = groups, targets, alike
        self._change = tf.constant(change)
        self._rng = np.random.default_rng(settings.seed)
        self._last, self._hidden, self._correction = (
            model.get_layer(name) for name in (LAST, HIDDEN, CORRECTION)
        )
        self._above = above
        plain = self._features_of_plain()
        self._mean = plain.mean(axis=0)
        self._deviation = plain.std(axis=0) + np.float32(_LEAST_DEVIATION)
        embedded = self._last(plain).numpy() @ change
        self._scale = float(np.linalg.norm(embedded, axis=-1).mean())
        inputs, units = self._hidden.kernel.shape
        reach = inputs**-0.5
        self._branch = [
            tf.Variable(values.astype(np.float32))
            for values in (
                self._rng.uniform(-reach, reach, (inputs, units)),
                self._rng.uniform(-reach, reach, units),
                self._rng.normal(0, 1e-4, (units, len(change))),
            )
        ]
        self._parts, self._rates = [self._branch], [settings.unit_rate]
        if settings.layer_rate:
            self._parts.append(above.trainable_variables + self._last.trainable_variables)
            self._rates.append(settings.layer_rate)
        averaged = {"use_ema": settings.average > 0, "ema_momentum": settings.average}
        self._optimizers = [tf.keras.optimizers.Adam(**averaged) for _ in self._parts]
        self._step = tf.function(self._stepped, autograph=False)

    def finish(self) -> None:
        """Gives the network what was learned."""
        if self.settings.average:
            for optimizer, variables in zip(self._optimizers, self._parts, strict=True):
                optimizer.finalize_variable_values(variables)
        hidden, bias, correction = (variable.numpy() for variable in self._branch)
        kernel = hidden / self._deviation[:, np.newaxis]
        self._hidden.set_weights([kernel, bias - self._mean @ kernel])
        self._correction.set_weights([correction * np.float32(self._scale)])

    def step(self, number: int) -> Figures:
        """One of ``settings.steps``, from 0; its losses by name."""
        settings, rng = self.settings, self._rng
        counts = {Kind.PLAIN: settings.plain, Kind.OWN: settings.own, Kind.ALIKE: settings.alike}
        chosen = [rng.choice(self._groups.of(kind), count) for kind, count in counts.items()]
        some = np.concatenate(chosen)
        maps = np.concatenate([self._groups.maps[group] for group in some])
        targets = self._targets[np.concatenate(self._groups.rows[some])]
        for optimizer, peak in zip(self._optimizers, self._rates, strict=True):
            schedule = ScheduleConfig(learning_rate=peak, warmup_steps=max(1, settings.steps // 20))
            rate = learning_rate_at(schedule, number, settings.steps, settings.steps)
            optimizer.learning_rate.assign(rate)
        found = self._step(tf.constant(maps), tf.constant(targets))
        return {name: float(value) for name, value in found.items()}

    def _features_of_plain(self) -> Array:
        plain = (self._groups.maps[group] for group in self._groups.of(Kind.PLAIN))
        return np.concatenate([self._above(some.astype(np.float32)).numpy() for some in plain])

    def _stepped(self, maps: tf.Tensor, targets: tf.Tensor) -> dict[str, tf.Tensor]:
        settings = self.settings
        size = self._groups.rows.shape[1]
        plain, single = size * settings.plain, size * (settings.plain + settings.own)
        with tf.GradientTape() as tape:
            hidden, bias, correction = self._branch
            features = self._above(tf.cast(maps, tf.float32))
            standard = (features - self._mean) / self._deviation
            if settings.noise:
                noise = settings.noise * tf.random.normal(tf.shape(standard[single:]))
                standard = tf.concat([standard[:single], standard[single:] + noise], axis=0)
                features = standard * self._deviation + self._mean
            added = tf.nn.relu(standard @ hidden + bias) @ (correction @ self._change)
            before = self._last(features) @ self._change
            vectors = tf.math.l2_normalize(before + self._scale * added, axis=1)
            square = tf.reduce_sum(tf.square(added), axis=1)
            found = {
                "cosine": cosine_loss(vectors[:plain], targets[:plain]),
                "own_cosine": cosine_loss(vectors[plain:single], targets[plain:single]),
                "alike_cosine": cosine_loss(vectors[single:], targets[single:]),
                "relation": similarity_matrix_loss(vectors[:single], targets[:single]),
                "zero": tf.reduce_mean(square[:plain]),
                "zero_own": tf.reduce_mean(square[plain:single]),
            }
            loss = tf.add_n([getattr(settings, name) * value for name, value in found.items()])
            found["pairs"] = self._met(vectors[single:], targets[single:])
            loss += self._alike.weight * found["pairs"]
        gradients = tape.gradient(loss, self._parts)
        for optimizer, slopes, variables in zip(
            self._optimizers, gradients, self._parts, strict=True
        ):
            optimizer.apply_gradients(zip(slopes, variables, strict=True))
        return {"loss": loss, **found}

    def _met(self, vectors: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        meet = partial(pair_loss, worst=WORST_PAIRS, least=self._alike.above)
        count = self.settings.alike
        losses = [
            meet(*group)
            for group in zip(tf.split(vectors, count), tf.split(targets, count), strict=True)
        ]
        return tf.add_n(losses) / count


def train(trainer: Trainer, note: Callable[[int, Figures], None]) -> None:
    """Takes all steps.

    Args:
        trainer: Takes them.
        note: Told a number of steps, and the means of the losses since it was told the last time.
    """
    rows: list[Figures] = []
    steps = trainer.settings.steps
    with progress_bar("steps") as progress:
        for number in range(steps):
            rows.append(trainer.step(number))
            if not math.isfinite(rows[-1]["loss"]):
                raise SystemExit(f"the loss is not finite at step {number + 1}: lower the rates")
            progress(number + 1, steps, f"loss {rows[-1]['loss']:.4f}")
            if len(rows) == REPORT or number == steps - 1:
                means = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
                note(number + 1, means)
                rows.clear()
    trainer.finish()
