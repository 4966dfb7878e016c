"""What a loss asks of a network beside its embeddings is what the Keras engine asks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from facesdk.errors import InputError
from facesdk_training.config.run import LossConfig
from facesdk_training.keras.objectives import Distillation
from facesdk_training.keras.sparsity import penalty
from training.networks import randomise
from training.small_runs import small_config

pytest.importorskip("torch.nn", reason="needs PyTorch: `make torch` installs it")

import torch

from facesdk_training.compression.frame.translation import TranslatedNetwork, translated
from facesdk_training.torch.networks.build import build_embedder
from facesdk_training.torch.terms import Terms

keras = tf.keras
SIZE = (8, 6)


def network(channels: int) -> keras.Model:
    """Convolution, batch normalisation, depthwise convolution, dense layer."""
    image = keras.Input((*SIZE, 3))
    x = keras.layers.Conv2D(channels, 3, padding="same", name="conv")(image)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.ReLU(name="relu")(x)
    x = keras.layers.DepthwiseConv2D(3, strides=2, padding="same", name="depthwise")(x)
    x = keras.layers.Flatten()(x)
    model = keras.Model(image, keras.layers.Dense(4, name="dense")(x))
    randomise(model)
    return model


def slopes_of(model: keras.Model, tape: tf.GradientTape, value: tf.Tensor) -> dict[str, np.ndarray]:
    kernels = {layer.name: layer.trainable_weights[0] for layer in model.layers if layer.weights}
    found = tape.gradient(value, list(kernels.values()))
    return {
        name: np.asarray(slope) for name, slope in zip(kernels, found, strict=True)
        if slope is not None
    }  # fmt: skip


def require_equal(mine: TranslatedNetwork, theirs: dict[str, np.ndarray], atol: float) -> None:
    orders = {1: (0,), 2: (1, 0), 4: (3, 2, 0, 1)}
    for name, layer in mine.layers.items():
        given = layer.weight.grad
        if name not in theirs:
            assert given is None or not given.abs().any()
            continue
        slope = theirs[name].transpose(orders[theirs[name].ndim])
        if name == "depthwise":
            slope = theirs[name].transpose(2, 3, 0, 1)
        np.testing.assert_allclose(given.numpy(), slope, rtol=1e-3, atol=atol)


@pytest.mark.parametrize("weights", [{"factor_weight": 0.1}, {"filter_weight": 0.01}])
def test_sparsity(weights: dict[str, float]) -> None:
    config, model = LossConfig(**weights), network(5)
    with tf.GradientTape() as tape:
        expected = penalty(model, config)
    mine = translated(model)
    (value,) = Terms(config, mine, None, SIZE)(mine, torch.zeros(1, 3, *SIZE), [])
    value.backward()
    assert value.item() == pytest.approx(float(expected), rel=1e-5)
    require_equal(mine, slopes_of(model, tape, expected), atol=1e-6)


def test_layers_that_imitate() -> None:
    config = LossConfig(
        cosine_weight=0,
        similarity_weight=0,
        attention_weight=2.0,
        hint_weight=0.3,
        layers=(("relu", "relu"), ("depthwise", "depthwise")),
    )
    student, teacher = network(5), network(7)
    theirs = Distillation(config, lambda: teacher)
    whole = theirs.model(student)
    rng = np.random.default_rng(3)
    x = rng.normal(size=(2, *SIZE, 3)).astype(np.float32)
    with tf.GradientTape() as tape:
        expected = theirs.loss(whole(x, training=False), tf.zeros((2, 4)), 1)
    mine = translated(student).eval()
    terms = Terms(config, mine, translated(teacher), SIZE)
    for number, regressor in enumerate(terms.regressors):
        kernel, bias = whole.get_layer(f"regressor_{number}").get_weights()
        regressor.weight.data = torch.from_numpy(kernel.transpose(3, 2, 0, 1).copy())
        regressor.bias.data = torch.from_numpy(bias)
    images = torch.from_numpy(x.transpose(0, 3, 1, 2))
    value, hints, attention = terms(mine, images, mine.looked_at(images, terms.looks_at)[1])
    value.backward()
    assert value.item() == pytest.approx(0.3 * hints.item() + 2.0 * attention.item(), rel=1e-5)
    assert value.item() == pytest.approx(float(expected), rel=1e-4)
    require_equal(mine, slopes_of(student, tape, expected), atol=1e-4)
    assert all(weight.grad is None for weight in terms.teacher.parameters())


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    def asked(own: str, theirs: str) -> LossConfig:
        return LossConfig(hint_weight=1.0, layers=((own, theirs),))

    mine, teacher = translated(network(5)), translated(network(7))
    with pytest.raises(InputError, match="of one height and width"):
        Terms(asked("relu", "depthwise"), mine, teacher, SIZE)
    with pytest.raises(InputError, match="no layer 'other'; there are conv, norm"):
        Terms(asked("other", "relu"), mine, teacher, SIZE)
    own = build_embedder(small_config(tmp_path).network)
    with pytest.raises(InputError, match=r"no layer 'stem1_relu' that .* there are stem1_"):
        Terms(asked("stem1_relu", "relu"), own, teacher, (112, 96))
