"""What is timed: convolutions and networks as ``.tflite`` files, converted once and kept."""

from __future__ import annotations

import multiprocessing
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

RECIPE = 1
"""Part of the file names: raise it when a model below changes, or old files will be used."""


class ConversionError(Exception):
    """The models cannot be made."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A 3x3 convolution with stride 1, SAME padding, as many channels out as in, and a batch-norm.

    Attributes:
        height: Rows of the image.
        width: Columns of the image.
        channels: Channels in and out.
    """

    height: int
    width: int
    channels: int

    @classmethod
    def parse(cls, text: str) -> Layer:
        """``"14x14x256"`` as a layer.

        Raises:
            ValueError: It is not three positive numbers, or the channels are no multiple of 32.
        """
        match = re.fullmatch(r"([1-9]\d*)x([1-9]\d*)x([1-9]\d*)", text)
        if not match or int(match[3]) % 32:
            raise ValueError(
                f"a shape is HEIGHTxWIDTHxCHANNELS, channels a multiple of 32, but got {text!r}"
            )
        return cls(*map(int, match.groups()))

    @property
    def name(self) -> str:
        """As it is parsed."""
        return f"{self.height}x{self.width}x{self.channels}"

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of the input, and of the output."""
        return (1, self.height, self.width, self.channels)

    @property
    def operations(self) -> int:
        """Bit operations: two (xor, popcount) for each bit of a window, padded ones included."""
        return 2 * self.height * self.width * 9 * self.channels**2

    def file(self, folder: Path, kind: str) -> Path:
        """Where its ``binary``, ``int8`` or ``float`` model is."""
        return folder / f"conv-{self.name}.v{RECIPE}.{kind}.tflite"


@dataclass(frozen=True, slots=True)
class Network:
    """A QuickNet-shaped network with random weights.

    Attributes:
        height: Rows of the RGB image.
        width: Columns of the RGB image.
    """

    height: int
    width: int

    @property
    def name(self) -> str:
        """Its input, as ``"224x224"``."""
        return f"{self.height}x{self.width}"

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of the input."""
        return (1, self.height, self.width, 3)

    @property
    def operations(self) -> int:
        """Bit operations of its binary convolutions, counted as a layer's."""
        height, width, total = self.height, self.width, 0
        for _ in range(2):
            height, width = -(-height // 2), -(-width // 2)
        for channels in SECTIONS:
            total += BLOCKS * Layer(height, width, channels).operations
            height, width = height // 2, width // 2
        return total

    def file(self, folder: Path, kind: str) -> Path:
        """Where its ``binary`` model is, or its ``rest``: the same without binary convolutions."""
        return folder / f"quicknet-{self.name}.v{RECIPE}.{kind}.tflite"


SECTIONS, BLOCKS = (64, 128, 256, 512), 4
"""Channels of a network's sections, and binary convolutions in each."""
LAYERS = (Layer(14, 14, 256), Layer(56, 48, 64), Layer(7, 6, 512), Layer(28, 24, 128))
NETWORKS = (Network(224, 224), Network(112, 96))
"""The first is ImageNet's input, the second a face."""


def ensure(folder: Path, layers: Iterable[Layer], networks: Iterable[Network]) -> None:
    """Convert what the folder does not have yet, in a process of its own: this needs TensorFlow.

    Raises:
        ConversionError: The conversion failed; its own messages are on stderr.
    """
    missing = [
        (layer, kind)
        for layer in layers
        for kind in ("binary", "float", "int8")
        if not layer.file(folder, kind).exists()
    ]
    absent = [
        (network, kind)
        for network in networks
        for kind in ("binary", "rest")
        if not network.file(folder, kind).exists()
    ]
    if not missing and not absent:
        return
    folder.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_convert, args=(folder, missing, absent))
    process.start()
    process.join()
    if process.exitcode:
        raise ConversionError("the conversion failed: run `pip install 'facesdk-edge[convert]'`")


def _convert(
    folder: Path, layers: list[tuple[Layer, str]], networks: list[tuple[Network, str]]
) -> None:
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import larq_compute_engine
    import tensorflow as tf

    def convert_plain(model: Any) -> bytes:
        with saved(model) as folder:
            content: bytes = tf.lite.TFLiteConverter.from_saved_model(folder).convert()
        return content

    def convert_binary(model: Any) -> bytes:
        with saved(model) as folder:
            content: bytes = larq_compute_engine.convert_saved_model(folder)
        return content

    layer_makers: dict[str, Callable[[Layer], bytes]] = {
        "binary": lambda layer: convert_binary(_binary(layer)),
        "float": lambda layer: convert_plain(_plain(layer)),
        "int8": _int8,
    }
    network_makers: dict[str, Callable[[Network], bytes]] = {
        "binary": lambda network: convert_binary(_quicknet(network, binary=True)),
        "rest": lambda network: convert_plain(_quicknet(network, binary=False)),
    }
    for layer, kind in layers:
        tf.keras.utils.set_random_seed(0)
        _write(layer.file(folder, kind), layer_makers[kind](layer))
    for network, kind in networks:
        tf.keras.utils.set_random_seed(0)
        _write(network.file(folder, kind), network_makers[kind](network))


@contextmanager
def saved(model: Any) -> Iterator[str]:
    """The folder of a SavedModel, as long as it is needed.

    Keras alone would trace each of the layers as well.

    Args:
        model: A Keras model of one input and one output.
    """
    import tensorflow as tf

    spec = tf.TensorSpec(model.input.shape, model.input.dtype, name="image")
    traced = tf.function(lambda image: model(image, training=False), autograph=False)
    module = tf.Module()
    module.captured = list(model.variables)
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, traced.get_concrete_function(spec), options)
        yield folder


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_suffix(".part")
    temporary.write_bytes(content)
    temporary.replace(path)


def _norm() -> Any:
    """A batch-norm that a converter cannot fold to nothing."""
    import tensorflow as tf

    uniform = tf.keras.initializers.RandomUniform
    return tf.keras.layers.BatchNormalization(
        gamma_initializer=uniform(0.5, 1.5),
        beta_initializer=uniform(-1, 1),
        moving_mean_initializer=uniform(-1, 1),
    )


def _binary_convolution(channels: int, **options: Any) -> Any:
    import larq

    return larq.layers.QuantConv2D(
        channels,
        3,
        input_quantizer="ste_sign",
        kernel_quantizer="ste_sign",
        padding="same",
        pad_values=1.0,
        use_bias=False,
        **options,
    )


def _binary(layer: Layer) -> Any:
    import tensorflow as tf

    image = tf.keras.Input(layer.shape[1:], batch_size=1)
    return tf.keras.Model(image, _norm()(_binary_convolution(layer.channels)(image)))


def _plain(layer: Layer) -> Any:
    import tensorflow as tf

    image = tf.keras.Input(layer.shape[1:], batch_size=1)
    plain = tf.keras.layers.Conv2D(layer.channels, 3, padding="same", use_bias=False)
    return tf.keras.Model(image, _norm()(plain(image)))


def _int8(layer: Layer) -> bytes:
    """Post-training quantization, one scale per channel, int8 in and out."""
    import tensorflow as tf

    random = np.random.default_rng(0)
    with saved(_plain(layer)) as folder:
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: (
            [random.standard_normal(layer.shape).astype(np.float32)] for _ in range(4)
        )
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
        content: bytes = converter.convert()
    return content


def _quicknet(network: Network, *, binary: bool) -> Any:
    """QuickNet's layers (Bannink et al., MLSys 2021, arXiv:2011.09398) up to its logits.

    Four sections of four residual 1-bit convolutions with 64, 128, 256 and 512 channels, float
    transitions with anti-aliased pooling between them. If not ``binary``, a block adds its input to
    itself instead, so that all that is not a binary convolution remains.
    """
    import tensorflow as tf

    layers = tf.keras.layers

    def convolution(channels: int, size: int, strides: int = 1) -> Any:
        return layers.Conv2D(channels, size, strides, padding="same", use_bias=False)

    image = tf.keras.Input(network.shape[1:], batch_size=1)
    x = layers.ReLU()(_norm()(convolution(16, 3, 2)(image)))
    x = _norm()(layers.DepthwiseConv2D(3, 2, padding="same", use_bias=False)(x))
    x = _norm()(convolution(64, 1)(x))
    for channels in SECTIONS:
        if channels != x.shape[-1]:
            x = layers.MaxPool2D(2, strides=1)(layers.ReLU()(x))
            x = layers.DepthwiseConv2D(3, 2, padding="same", use_bias=False)(x)
            x = _norm()(convolution(channels, 1)(x))
        for _ in range(BLOCKS):
            block = [_binary_convolution(channels, activation="relu"), _norm()] if binary else []
            y = x
            for step in block:
                y = step(y)
            x = layers.Add()([x, y])
    x = layers.GlobalAveragePooling2D()(layers.ReLU()(x))
    return tf.keras.Model(image, layers.Dense(1000)(x))
