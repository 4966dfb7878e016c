"""FaceResNet: the residual face networks A, B and C, and C with quantized layers (Q and QB).

G. Zhou, S. Du, R. Feng, L. Ou and B. Liu, "Face Recognition Method Based on Quantized Residual
Convolutional Neural Networks", Computer Systems & Applications 27(8), 2018, table 1. All
convolutions are 3x3 with stride 1; those of residual units keep height and width, the others are
"valid"; pools are 2x2 maxima:

    Conv1a 32, Conv1b 64, pool, units of 64,
    Conv2 128, pool, units of 128,
    Conv3 256, pool, units of 256,
    Conv4 512, pool, units of 512,
    Fc5 1024 (the embedding)

A residual unit adds two (A, B) or three (C) convolutions to its input. Each convolution is followed
by batch normalisation and PReLU. Compact filters may take the place of a unit's convolutions
(:mod:`~facesdk_training.keras.networks.compact_blocks`). Fc5 is built as the "valid" convolution
with a kernel as large as what is left of the image, which is the same function; so it is quantized
like any other layer.

Quantization is a parameter: every layer but Conv1a takes the quantizers of its weights and of its
input from the configuration. What else depends on them:

* With quantized weights a pool comes before the activation instead of after it (XNOR-Net's
  order): a maximum of signs would be +1 almost everywhere.
* With binary activations the sign is the activation. Inside a unit, convolution, batch
  normalisation and sign follow each other, which Larq Compute Engine makes one operator from bits
  to bits. Before an addition or a pool, ReLU stands between convolution and batch
  normalisation, the one order in which the engine folds both into the convolution. A sign that
  reads a sum or a pool moves its threshold by a learned value per channel, the RSign of Z. Liu et
  al., "ReActNet", ECCV 2020. Borders are padded with +1.
* After binary activations Fc5 is followed by batch normalisation, because its sums of signs need
  a scale; otherwise it has a bias, as in the paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import larq as lq
import tensorflow as tf

from facesdk_training.architectures.face_res_net import FaceResNetConfig
from facesdk_training.architectures.quantizer_names import FLOAT
from facesdk_training.keras.networks.compact_blocks import BLOCKS, Parts
from facesdk_training.keras.networks.layers import (
    ChannelShift,
    ReducedPrecisionQuantConv2D,
    batch_normalisation,
    prelu,
)
from facesdk_training.keras.networks.quantizers import activation_quantizer, weight_quantizer

keras = tf.keras

_STEM_CHANNELS = (32, 64)
_STAGE_CHANNELS = (64, 128, 256, 512)


def build_face_res_net(config: FaceResNetConfig, convolution_dtype: str = "float32") -> keras.Model:
    """Builds the network up to its embedding, with fresh weights.

    Args:
        config: Shape and quantization.
        convolution_dtype: "float32", or "bfloat16" for faster training on a CPU that has it; then
            also the float layers round what they multiply. Convert a model built with "float32".

    Returns:
        A Keras model float32 [N, height, width, 3], RGB scaled to about [-1, 1], to float32
        [N, embedding_length], not normalised.
    """
    return _Builder(config, convolution_dtype).build()


@dataclass(frozen=True, slots=True)
class _Builder:
    config: FaceResNetConfig
    convolution_dtype: str

    def build(self) -> keras.Model:
        config = self.config
        first, second = (config.channels(count) for count in _STEM_CHANNELS)
        inputs = keras.Input((config.input_height, config.input_width, 3), name="face")
        x = self._convolution(inputs, first, "conv1a", quantized=False)
        x = batch_normalisation(x, "conv1a")
        if not config.binary_activations:
            x = prelu(x, "conv1a")
        x = self._transition(x, second, "conv1b", "pool1")
        for stage, (channels, units) in enumerate(
            zip(_STAGE_CHANNELS, config.units, strict=True), start=2
        ):
            if stage > 2:
                x = self._shifted(x, f"conv{stage - 1}")
                x = self._transition(
                    x, config.channels(channels), f"conv{stage - 1}", f"pool{stage - 1}"
                )
            for unit in range(units):
                x = self._residual_unit(x, f"conv{stage}_{unit + 1}")
        return keras.Model(inputs, self._embedding(x), name="face_res_net")

    def _convolution(
        self,
        x: tf.Tensor,
        filters: int,
        name: str,
        *,
        kernel: int | tuple[int, int] = 3,
        same: bool = False,
        bias: bool = False,
        quantized: bool = True,
    ) -> tf.Tensor:
        weights = weight_quantizer(self.config.weights) if quantized else None
        activations = activation_quantizer(self.config.activations) if quantized else None
        options: dict[str, Any] = {
            "padding": "same" if same else "valid",
            "pad_values": 1.0 if same and self.config.binary_activations else 0.0,
            "use_bias": bias,
            "kernel_initializer": "he_normal",
            "kernel_quantizer": weights,
            "kernel_constraint": lq.constraints.WeightClip(1.0) if weights else None,
            "input_quantizer": activations,
            "name": name,
        }
        if self.convolution_dtype == "float32":
            return lq.layers.QuantConv2D(filters, kernel, **options)(x)
        return ReducedPrecisionQuantConv2D(
            filters, kernel, convolution_dtype=self.convolution_dtype, **options
        )(x)

    def _transition(self, x: tf.Tensor, filters: int, name: str, pool: str) -> tf.Tensor:
        x = self._convolution(x, filters, name)
        if self.config.binary_activations:
            x = keras.layers.ReLU(name=f"{name}_relu")(x)
        x = batch_normalisation(x, name)
        halve = keras.layers.MaxPooling2D(2, name=pool)
        if self.config.binary_activations:
            return halve(x)
        if self.config.weights == FLOAT:
            return halve(prelu(x, name))
        return prelu(halve(x), name)

    def _residual_unit(self, x: tf.Tensor, name: str) -> tf.Tensor:
        if self.config.block != "plain":
            parts = Parts(self.config, self._convolution, self._shifted)
            branch = BLOCKS[self.config.block](x, name, parts)
            return keras.layers.Add(name=f"{name}_add")([x, branch])
        channels, last = x.shape[-1], self.config.unit_convolutions
        branch = self._shifted(x, name)
        for number in range(1, last + 1):
            layer = f"{name}_{number}"
            branch = self._convolution(branch, channels, layer, same=True)
            if self.config.binary_activations and number == last:
                branch = keras.layers.ReLU(name=f"{layer}_relu")(branch)
            branch = batch_normalisation(branch, layer)
            if not self.config.binary_activations:
                branch = prelu(branch, layer)
        return keras.layers.Add(name=f"{name}_add")([x, branch])

    def _shifted(self, x: tf.Tensor, name: str) -> tf.Tensor:
        return ChannelShift(name=f"{name}_shift")(x) if self.config.binary_activations else x

    def _embedding(self, x: tf.Tensor) -> tf.Tensor:
        binary = self.config.binary_activations
        x = self._convolution(
            self._shifted(x, "fc5"),
            self.config.embedding_length,
            "fc5",
            kernel=tuple(x.shape[1:3]),
            bias=not binary,
        )
        if binary:
            x = batch_normalisation(x, "fc5")
        return keras.layers.Flatten(name="embedding")(x)
