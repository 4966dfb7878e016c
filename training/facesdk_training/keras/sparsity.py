"""Terms of the loss that drive whole channels towards 0, whatever the objective.

*factors*: lambda sum |gamma| over all batch normalisation with factors. Z. Liu et al., "Learning
Efficient Convolutional Networks through Network Slimming", ICCV 2017, equation 1.

*filters*: lambda sum over layers and filters j of sqrt(n) ||W[..., j]||_2, n the weights of a
filter: the group lasso of M. Yuan and Y. Lin, 2006, for filters as in W. Wen et al., "Learning
Structured Sparsity in Deep Neural Networks", NIPS 2016, equations 2 and 3 (which leave sqrt(n) out,
so that long filters count less). Depthwise kernels are left alone: their channel is another
layer's.
"""

from __future__ import annotations

import tensorflow as tf

from facesdk_training.config.run import LossConfig

_TINY = 1e-12
"""Below the root, so that a filter of zeros has a slope of 0."""


def asks(config: LossConfig) -> bool:
    """Whether a loss has any of these terms."""
    return config.factor_weight > 0 or config.filter_weight > 0


def penalty(model: tf.keras.Model, config: LossConfig) -> tf.Tensor:
    """The weighted sum of the terms, float32 scalar."""
    total = tf.zeros(())
    if config.factor_weight:
        total += config.factor_weight * _sum_of_factors(model)
    if config.filter_weight:
        total += config.filter_weight * _sum_of_norms(model)
    return total


def _sum_of_factors(model: tf.keras.Model) -> tf.Tensor:
    gammas = [
        layer.gamma
        for layer in model.layers
        if isinstance(layer, tf.keras.layers.BatchNormalization) and layer.scale
    ]
    return tf.add_n([tf.zeros(()), *(tf.reduce_sum(tf.abs(gamma)) for gamma in gammas)])


def _sum_of_norms(model: tf.keras.Model) -> tf.Tensor:
    norms = [tf.zeros(())]
    for layer in model.layers:
        whole = isinstance(layer, (tf.keras.layers.Conv2D, tf.keras.layers.Dense))
        if whole and not isinstance(layer, tf.keras.layers.DepthwiseConv2D):
            rows = tf.reshape(layer.kernel, (-1, layer.kernel.shape[-1]))
            squares = tf.reduce_sum(tf.square(rows), axis=0)
            norms.append(float(rows.shape[0]) ** 0.5 * tf.reduce_sum(tf.sqrt(squares + _TINY)))
    return tf.add_n(norms)
