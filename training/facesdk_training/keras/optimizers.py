"""Optimizers for networks with binary kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

from facesdk_training.config.run import OptimizerConfig
from facesdk_training.keras.weights import latent_weights


@dataclass(frozen=True, slots=True)
class OptimizedGroup:
    """Variables that share an optimizer.

    Attributes:
        optimizer: Its learning rate is set by the trainer at every step.
        indices: Where its variables are in the model's trainable variables.
    """

    optimizer: tf.keras.optimizers.Optimizer
    indices: tuple[int, ...]

    def apply(self, gradients: Sequence[tf.Tensor], variables: Sequence[tf.Variable]) -> None:
        """Updates its own of the variables, by gradients already summed over the replicas."""
        self.optimizer.apply_gradients(
            [(gradients[index], variables[index]) for index in self.indices],
            skip_gradients_aggregation=True,
        )


def optimized_groups(config: OptimizerConfig, model: tf.keras.Model) -> list[OptimizedGroup]:
    """An optimizer for the float weights and one for the latent weights of binary kernels."""
    latent = {id(variable) for variable in latent_weights(model)}
    groups = []
    for binary, name in ((False, config.float_weights), (True, config.binary_weights)):
        indices = tuple(
            index
            for index, variable in enumerate(model.trainable_variables)
            if (id(variable) in latent) == binary
        )
        if indices:
            optimizer = _optimizer(config, name, decay=0.0 if binary else config.weight_decay)
            optimizer.build([model.trainable_variables[index] for index in indices])
            groups.append(OptimizedGroup(optimizer, indices))
    return groups


def _optimizer(config: OptimizerConfig, name: str, decay: float) -> tf.keras.optimizers.Optimizer:
    if name == "sgd":
        optimizer = tf.keras.optimizers.SGD(
            momentum=config.momentum, weight_decay=decay or None, jit_compile=False
        )
    else:
        optimizer = tf.keras.optimizers.Adam(weight_decay=decay or None, jit_compile=False)
    if decay:
        optimizer.exclude_from_weight_decay(var_names=["gamma", "beta", "bias", "alpha", "shift"])
    return optimizer
