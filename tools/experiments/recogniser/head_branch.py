"""Hidden units in the head of a recogniser, trained on features of crops.

Losses are those of distillation from the network without these units, and what they add to
undistorted crops.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)

import tensorflow as tf  # isort: skip

from facesdk.cli.output import progress_bar
from facesdk_training.config.alike import AlikeConfig
from facesdk_training.config.run import WORST_PAIRS, ScheduleConfig
from facesdk_training.config.schedules import learning_rate_at
from facesdk_training.keras.losses import cosine_loss, pair_loss, similarity_matrix_loss
from tools.experiments.recogniser.head_features import Features, Groups

REPORT = 300
"""Steps from one line of the log to the next."""

_ALIKE_COSINE, _RELATION = 0.3, 2.0
_LEAST_DEVIATION = 1e-3

Figures = dict[str, float]


@dataclass(frozen=True)
class Settings:
    """How the branch is trained.

    Attributes:
        steps: Length of the training.
        seed: Of first weights, and of which groups make up a step.
        zero: Weight of what the branch adds to undistorted crops.
        zero_own: The same for crops that are distorted in their own ways.
        learning_rate: The peak.
        undistorted: Undistorted crops of a step.
        own: Groups of a step whose crops are distorted in their own ways.
        alike: Groups of a step whose crops are spoilt alike.
    """

    steps: int = 3000
    seed: int = 0
    zero: float = 20.0
    zero_own: float = 3.0
    learning_rate: float = 3e-3
    undistorted: int = 384
    own: int = 2
    alike: int = 8


@dataclass(frozen=True)
class Branch:
    """The layers head_hidden, with kernel and bias, and head_correction, as a network has them."""

    hidden: Features
    bias: Features
    correction: Features

    def __call__(self, found: Features) -> Features:
        """What is added to embeddings, ``(..., D)``, by features ``(..., F)``."""
        return np.maximum(found @ self.hidden + self.bias, 0) @ self.correction


@dataclass(frozen=True)
class Last:
    """The layer "embedding", and what follows.

    Attributes:
        kernel: float32 ``(F, D)``.
        bias: float32 ``(D,)``.
        change: The compensation, or the identity, float32 ``(D, D)``.
    """

    kernel: Features
    bias: Features
    change: Features

    def __call__(self, found: Features, branch: Branch | None = None) -> Features:
        """Embeddings ``(..., D)`` of features ``(..., F)``, not normalised."""
        embedded = found @ self.kernel + self.bias
        return (embedded if branch is None else embedded + branch(found)) @ self.change


def unit(vectors: Features) -> Features:
    """The vectors ``(..., D)``, of length 1."""
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


class Trainer:
    """The branch in training: hidden units of standardised features.

    Args:
        groups: What is learned from.
        last: What the branch is added to.
        units: Hidden units.
        alike: Weight of strangers that meet, and from which cosine on they do.
        settings: How.
    """

    def __init__(
        self, groups: Groups, last: Last, units: int, alike: AlikeConfig, settings: Settings
    ) -> None:
        self.settings = settings
        self._groups, self._last, self._alike = groups, last, alike
        self._rng = np.random.default_rng(settings.seed)
        self._mean = groups.undistorted.mean(axis=(0, 1))
        self._deviation = groups.undistorted.std(axis=(0, 1)) + np.float32(_LEAST_DEVIATION)
        embedded = last(groups.undistorted)
        self._targets = unit(embedded)
        self._scale = float(np.linalg.norm(embedded, axis=-1).mean())
        reach = len(last.kernel) ** -0.5
        self._variables = [
            tf.Variable(values.astype(np.float32))
            for values in (
                self._rng.uniform(-reach, reach, (len(last.kernel), units)),
                self._rng.uniform(-reach, reach, units),
                self._rng.normal(0, 1e-4, (units, len(last.bias))),
            )
        ]
        self._optimizer = tf.keras.optimizers.Adam()
        self._step = tf.function(self._stepped, autograph=False)

    @property
    def branch(self) -> Branch:
        """As it is now, of features that are not standardised."""
        hidden, bias, correction = (variable.numpy() for variable in self._variables)
        kernel = hidden / self._deviation[:, np.newaxis]
        return Branch(kernel, bias - self._mean @ kernel, correction * np.float32(self._scale))

    def step(self, number: int) -> Figures:
        """One of ``settings.steps``, from 0; its losses by name."""
        settings, groups, rng = self.settings, self._groups, self._rng
        schedule = ScheduleConfig(
            learning_rate=settings.learning_rate, warmup_steps=max(1, settings.steps // 20)
        )
        rate = learning_rate_at(schedule, number, settings.steps, settings.steps)
        own, alike = (
            rng.choice(np.flatnonzero(groups.own == which), count)
            for which, count in ((True, settings.own), (False, settings.alike))
        )
        shape = groups.undistorted.shape[:2]
        some = np.unravel_index(rng.integers(0, shape[0] * shape[1], settings.undistorted), shape)
        pairs = (
            (groups.undistorted[some], self._targets[some]),
            (np.concatenate(groups.spoilt[own]), np.concatenate(self._targets[own])),
            (np.concatenate(groups.spoilt[alike]), np.concatenate(self._targets[alike])),
        )
        self._optimizer.learning_rate.assign(rate)
        found = self._step(*(tf.constant(part) for pair in pairs for part in pair))
        return {**{name: float(value) for name, value in found.items()}, "learning_rate": rate}

    def _stepped(self, *pairs: tf.Tensor) -> dict[str, tf.Tensor]:
        settings = self.settings
        given, targets = tf.concat(pairs[::2], axis=0), tf.concat(pairs[1::2], axis=0)
        single = settings.undistorted + pairs[2].shape[0]
        with tf.GradientTape() as tape:
            hidden, bias, correction = self._variables
            standard = (given - self._mean) / self._deviation
            added = tf.nn.relu(standard @ hidden + bias) @ (correction @ self._last.change)
            before = (given @ self._last.kernel + self._last.bias) @ self._last.change
            vectors = tf.math.l2_normalize(before + self._scale * added, axis=1)
            square = tf.reduce_sum(tf.square(added), axis=1)
            found = {
                "zero": tf.reduce_mean(square[: settings.undistorted]),
                "zero_own": tf.reduce_mean(square[settings.undistorted : single]),
                "cosine": cosine_loss(vectors[:single], targets[:single]),
                "alike_cosine": cosine_loss(vectors[single:], targets[single:]),
                "relation": similarity_matrix_loss(vectors[:single], targets[:single]),
                "pairs": self._met(vectors[single:], targets[single:]),
            }
            loss = (
                settings.zero * found["zero"]
                + settings.zero_own * found["zero_own"]
                + found["cosine"]
                + _ALIKE_COSINE * found["alike_cosine"]
                + _RELATION * found["relation"]
                + self._alike.weight * found["pairs"]
            )
        gradients = tape.gradient(loss, self._variables)
        self._optimizer.apply_gradients(zip(gradients, self._variables, strict=True))
        return {"loss": loss, **found}

    def _met(self, vectors: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        count = self.settings.alike
        losses = [
            pair_loss(*group, worst=WORST_PAIRS, least=self._alike.above)
            for group in zip(tf.split(vectors, count), tf.split(targets, count), strict=True)
        ]
        return tf.add_n(losses) / count


def train(trainer: Trainer, note: Callable[[int, Figures], None]) -> Branch:
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
            progress(number + 1, steps, f"loss {rows[-1]['loss']:.4f}")
            if len(rows) == REPORT or number == steps - 1:
                means = {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}
                note(number + 1, means)
                rows.clear()
    return trainer.branch
