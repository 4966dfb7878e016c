"""A network on its way computes in PyTorch what it computes in Keras, and comes back trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import facesdk_training  # noqa: F401  # isort: skip (chooses Keras 2 before TensorFlow is imported)
import larq as lq
import tensorflow as tf

from facesdk.errors import InputError
from facesdk_converters.compression import pipeline
from facesdk_training.architectures.registry import NetworkConfig
from facesdk_training.compression.pruning.magnitude import Masked
from facesdk_training.compression.quantization.incremental import PartlySettled, settle_share
from facesdk_training.compression.quantization.kernels import with_quantizers
from facesdk_training.compression.sharing.kinds import clusters, hashed
from facesdk_training.compression.sharing.shared import SharedWeights
from facesdk_training.compression.steps import step
from facesdk_training.keras import loading
from facesdk_training.keras.networks.build import build_embedder
from facesdk_training.keras.networks.quantizers import weight_quantizer
from training.networks import faces, randomise
from training.small_runs import FEW_STEPS, FLOAT_NETWORK, small_config, trainer_of, write_material

pytest.importorskip("torch.nn", reason="needs PyTorch: `make torch` installs it")

import torch

from facesdk_training.compression.frame.translation import translated
from training.torch.networks.test_same_as_keras import CASES

FLOAT = (
    "compact-float",
    "mobile",
    "mobile-hidden",
    "A-fire",
    "A-separable",
    "A-inverted",
    "A-shuffle",
)


def of_torch(network: torch.nn.Module, x: np.ndarray) -> torch.Tensor:
    return network(torch.from_numpy(x.transpose(0, 3, 1, 2)))


@pytest.mark.parametrize("name", FLOAT)
def test_a_network_is_the_same(name: str) -> None:
    config: NetworkConfig = CASES[name]
    model = build_embedder(config)
    randomise(model)
    network = translated(model)
    x = faces(3)[:, : config.input_height, : config.input_width]
    for training in (False, True):
        network.train(training)
        theirs = np.asarray(model(x, training=training))
        with torch.no_grad():
            mine = of_torch(network, x).numpy()
        np.testing.assert_allclose(mine, theirs, rtol=1e-3, atol=1e-3 * np.abs(theirs).max())


def _shared(layer: tf.keras.layers.Layer) -> SharedWeights:
    def share(kernel: np.ndarray) -> Any:
        return clusters(kernel, 3) if kernel.ndim == 4 else hashed(kernel, 7)

    return SharedWeights(share, len(share(layer.get_weights()[0]).numbers))


QUANTIZERS = {
    "masked": lambda layer: Masked(0.5),
    "partly settled": lambda layer: PartlySettled(),
    "shared": _shared,
    "fixed-3": lambda layer: weight_quantizer("fixed-3"),
    "twn": lambda layer: weight_quantizer("twn"),
    "ttq": lambda layer: weight_quantizer("ttq"),
}


@pytest.mark.parametrize("name", QUANTIZERS)
def test_values_and_gradients_of_kernels_are_the_same(name: str) -> None:
    keras = tf.keras
    end = keras.Sequential(
        [
            keras.layers.Conv2D(6, 3, strides=(2, 1), padding="same", input_shape=(9, 8, 3)),
            keras.layers.PReLU(shared_axes=(1, 2)),
            keras.layers.Flatten(),
            keras.layers.Dense(4, use_bias=False),
        ]
    )
    model = keras.Model(end.inputs, end.outputs)
    randomise(model)
    copy = with_quantizers(model, QUANTIZERS[name])
    if name == "partly settled":
        for layer in layers_of(copy):
            settle_share(layer, 0.5, 4)
    network = translated(copy)
    x = np.random.default_rng(0).normal(size=(3, 9, 8, 3)).astype(np.float32)
    with tf.GradientTape() as tape:
        theirs = copy(x)
        loss = tf.reduce_sum(theirs**2)
    slopes = dict(
        zip(
            [variable.ref() for variable in copy.trainable_variables],
            tape.gradient(loss, copy.trainable_variables),
            strict=True,
        )
    )
    mine = of_torch(network, x)
    np.testing.assert_allclose(mine.detach().numpy(), theirs, rtol=1e-4, atol=1e-4)
    (mine**2).sum().backward()
    for layer in layers_of(copy):
        own = network.layers[layer.name]
        order = (3, 2, 0, 1) if layer.kernel.shape.rank == 4 else (1, 0)
        for asked, given in zip(
            (layer.kernel, *layer.kernel_quantizer.trainable_weights),
            (own.weight, *own.kernel_quantizer.parameters()),
            strict=True,
        ):
            slope = np.asarray(slopes[asked.ref()])
            if asked is layer.kernel:
                slope = slope.transpose(order)
            np.testing.assert_allclose(given.grad.numpy(), slope, rtol=1e-3, atol=1e-3)


def layers_of(model: tf.keras.Model) -> list[Any]:
    return [layer for layer in model.layers if getattr(layer, "kernel_quantizer", None) is not None]


def test_what_is_not_known_is_refused() -> None:
    keras = tf.keras
    given = keras.Input((8, 8, 3))
    for layer in (
        keras.layers.LayerNormalization(name="odd"),
        keras.layers.Conv2D(2, 3, activation="relu", name="odd"),
        keras.layers.MaxPooling2D(3, 2, padding="same", name="odd"),
        lq.layers.QuantConv2D(2, 3, kernel_quantizer="ste_sign", name="odd"),
        lq.layers.QuantConv2D(2, 3, input_quantizer="ste_sign", name="odd"),
    ):
        with pytest.raises(InputError, match=r"odd.*--engine keras"):
            translated(keras.Model(given, layer(given)))
    twice = keras.layers.ReLU(name="odd")
    with pytest.raises(InputError, match="odd is used 2 times"):
        translated(keras.Model(given, twice(twice(given))))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished float run, beside its data."""
    folder = write_material(tmp_path_factory.mktemp("translated"))
    config = small_config(folder, network=FLOAT_NETWORK, epochs=0.5)
    assert trainer_of(folder / "run", config).train()
    return folder / "run"


def test_methods_retrain_by_torch(source: Path, tmp_path: Path) -> None:
    chain = [
        step("filters", {"share": 0.25, "retraining": FEW_STEPS}),
        step("magnitude", {"share": 0.5, "rounds": 1, "retraining": FEW_STEPS}),
        step("k-means", {"bits": 3, "dense_bits": 3, "retraining": FEW_STEPS}),
    ]
    out = tmp_path / "out"
    report = pipeline.compress(
        source, chain, source.parent / "data", out, engine="torch", files=False
    )
    assert report["engine"] == "torch"
    before, last = report["before"], report["steps"][-1]["after"]
    assert last["weights"] < before["weights"]
    assert last["nonzero_weights"] < 0.7 * last["weights"]
    kernel = loading.load(out).model.get_layer("embedding").get_weights()[0]
    assert len(np.unique(kernel)) <= 8
    assert last["validation_accuracy"] > 0


@pytest.mark.parametrize("name", ["slimming", "distil-hints"])
def test_losses_that_look_at_the_network_are_learned_by_torch(
    name: str, source: Path, tmp_path: Path
) -> None:
    settings: dict[str, Any] = {"retraining": FEW_STEPS}
    if name == "slimming":
        settings["sparsifying"] = FEW_STEPS
    report = pipeline.compress(
        source,
        [step(name, settings)],
        source.parent / "data",
        tmp_path / "out",
        engine="torch",
        files=False,
    )
    assert report["engine"] == "torch"
    after = loading.load(tmp_path / "out").model.get_layer("embedding").get_weights()[0]
    before = loading.load(source).model.get_layer("embedding").get_weights()[0]
    assert after.shape != before.shape or not np.array_equal(after, before)
