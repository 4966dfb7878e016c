"""Every architecture computes what its Keras twin computes, with weights that went to and fro."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from facesdk.errors import FaceSDKWarning
from facesdk_training.architectures.compact_face_net import CompactFaceNetConfig
from facesdk_training.architectures.registry import NetworkConfig, configure
from facesdk_training.keras import weights as keras_weights
from facesdk_training.keras.networks.build import build_embedder as build_keras
from facesdk_training.runs import growth, latent
from training.networks import faces, randomise

pytest.importorskip("torch.nn", reason="needs PyTorch: `make torch` installs it")

import torch

from facesdk_training.torch import weights
from facesdk_training.torch.networks.build import build_embedder

COMPACT = {
    "stem_channels": (16, 32),
    "stages": ((32, 1), (64, 1)),
    "embedding_length": 16,
}
SMALL = {
    "units": (1, 0, 1, 0),
    "width": 0.03,
    "input_height": 48,
    "input_width": 48,
    "embedding_length": 8,
}
MOBILE = {
    "stem_channels": 8,
    "stages": ((8, 2), (16, 1)),
    "first_units": (16, 24),
    "head_channels": 24,
    "embedding_length": 12,
}
CASES = {
    "compact-QB": configure("CompactFaceNet", **COMPACT),
    "compact-binary-activations": configure(
        "CompactFaceNet", variant="binary-activations", **COMPACT
    ),
    "compact-float": configure("CompactFaceNet", variant="float", **COMPACT),
    "compact-two-thresholds": configure("CompactFaceNet", thresholds=(2, 2), **COMPACT),
    "compact-hidden": configure("CompactFaceNet", head_units=20, **COMPACT),
    "mobile": configure("MobileFaceNet", **MOBILE),
    "mobile-hidden": configure("MobileFaceNet", head_units=20, **MOBILE),
    **{
        f"{letter}-{weights}-{activations}": configure(
            letter, weights=weights, activations=activations, **SMALL
        )
        for letter, weights, activations in (
            ("A", "float", "float"),
            ("Q", "dorefa-1", "float"),
            ("QB", "bnn", "bi-real"),
            ("C", "xnor-filter", "dorefa-2-clip"),
            ("Q", "ttq", "float"),
        )
    },
    **{
        f"{letter}-{block}": configure(letter, block=block, **SMALL)
        for letter, block in (
            *(("A", "fire"), ("QB", "fire"), ("A", "separable"), ("QB", "separable")),
            *(("A", "inverted"), ("Q", "inverted"), ("A", "shuffle")),
        )
    },
}


def test_scales_of_a_quantizer_that_a_run_lacks_are_fitted() -> None:
    config = replace(CASES["Q-ttq-float"], weights="float")
    theirs, mine = build_keras(config), build_embedder(CASES["Q-ttq-float"])
    given = {layer.name: layer.get_weights() for layer in theirs.layers if layer.weights}
    assert weights.set_keras_weights(mine, given, "test") == []
    kernel = given["conv2_1_1"][0]
    threshold = 0.05 * np.abs(kernel).max()
    quantizer = mine.layers["conv2_1_1"].kernel_quantizer
    for scale, chosen in (
        (quantizer.positive, kernel > threshold),
        (quantizer.negative, kernel < -threshold),
    ):
        assert scale.item() == pytest.approx(np.abs(kernel[chosen]).mean(), rel=1e-5)


@pytest.mark.parametrize(
    ("name", "beside"),
    [
        ("compact-QB", set()),
        ("mobile", {"stage1_unit2_add"}),
        ("A-float-float", {"conv2_1_add", "pool1", "pool4"}),
        ("Q-dorefa-1-float", {"conv2_1_add"}),
        ("QB-bnn-bi-real", {"conv2_1_add", "pool1", "pool4"}),
    ],
)
def test_layers_that_are_looked_at_are_those_of_keras(name: str, beside: set[str]) -> None:
    config = CASES[name]
    theirs, mine = build_keras(config), build_embedder(config).eval()
    randomise(theirs)
    given = {layer.name: layer.get_weights() for layer in theirs.layers if layer.weights}
    assert weights.set_keras_weights(mine, given, "test") == []
    names = [
        layer.name
        for layer in theirs.layers
        if layer.output.shape.rank == 4 and (layer.weights or layer.name in beside)
    ]
    assert beside <= set(names)
    x = faces(2)[:, : config.input_height, : config.input_width]
    expected = tf.keras.Model(theirs.input, [theirs.get_layer(each).output for each in names])
    with torch.no_grad():
        embeddings, found = mine.looked_at(torch.from_numpy(x.transpose(0, 3, 1, 2)), names)
        again = mine(torch.from_numpy(x.transpose(0, 3, 1, 2)))
    assert torch.equal(embeddings, again)
    for each, own, taught in zip(names, found, expected(x, training=False), strict=True):
        np.testing.assert_allclose(
            own.numpy().transpose(0, 2, 3, 1), taught, rtol=1e-3, atol=1e-3, err_msg=each
        )


def test_a_part_that_is_looked_into_keeps_its_layers() -> None:
    mine = build_embedder(CASES["mobile"])
    assert not any(map(mine.looks_into, mine.blocks()))
    mine.look_at(["stage1_unit2_add", "features_bn"])
    assert [mine.looks_into(block) for block in mine.blocks()].count(True) == 2
    assert mine.use_kernels()
    kept = [part for part in mine.modules() if getattr(part, "with_kernels", None) is False]
    assert kept == [mine.features]


def test_a_larger_network_starts_where_the_smaller_one_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the two thresholds of a channel in one place, it computes the same."""
    monkeypatch.setattr(growth, "APART", 0.0)
    shape = CompactFaceNetConfig(stem_channels=(8, 32), stages=((32, 1), (64, 2)))
    larger = replace(shape, stages=((32, 2), (64, 5)), thresholds=(1, 2), head_units=8)
    source = build_keras(shape)
    randomise(source)
    keras_weights.save_latent(tmp_path / "latent.npz", source)
    keras_weights.restore_latent(tmp_path / "latent.npz", source)
    theirs, mine = build_keras(larger), build_embedder(larger).eval()
    added = ["stage1_unit2", "stage2_unit3", "stage2_unit4", "stage2_unit5"]
    new = [*(f"{unit}_conv" for unit in added), "head_hidden", "head_correction"]
    given_to_larger = growth.grown(latent.read(tmp_path / "latent.npz"), larger)
    assert keras_weights.set_weights(build_keras(larger), given_to_larger, "test") == new
    assert weights.set_keras_weights(build_embedder(larger), given_to_larger, "test") == new
    named = re.escape(", ".join(new[:4])) + " and 2 more: begun anew"
    with pytest.warns(FaceSDKWarning, match=named):
        keras_weights.start_from(tmp_path / "latent.npz", theirs, larger)
    with pytest.warns(FaceSDKWarning, match=named):
        weights.start_from(tmp_path / "latent.npz", mine, larger)
    x = faces(2)[:, :112, :96]
    given = torch.from_numpy(np.ascontiguousarray(x.transpose(0, 3, 1, 2)))
    with torch.no_grad():
        y = mine(given)
    expected = np.asarray(source(x, training=False))
    np.testing.assert_allclose(theirs(x, training=False), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4)
    mine.train()(given).square().sum().backward()
    for name in (*(f"{unit}_bn" for unit in added), "head_correction"):
        gain = mine.layers[name].weight
        assert gain.grad is not None
        assert gain.grad.abs().max() > 0


def test_two_thresholds_of_a_new_network_learn_different_things() -> None:
    """In one place, both signs would be the same and have the same gradients for ever."""
    config = CASES["compact-two-thresholds"]
    theirs, mine = build_keras(config), build_embedder(config)
    for unit in ("stage1_unit1", "stage2_unit1"):
        names = (f"{unit}_shift", f"{unit}_second_shift")
        first, second = (float(mine.layers[name].shift.detach().mean()) for name in names)
        assert second - first == pytest.approx(0.7)
        for name in names:
            (given,) = theirs.get_layer(name).get_weights()
            np.testing.assert_array_equal(given, mine.layers[name].shift.detach())


@pytest.mark.parametrize("name", ["compact-hidden", "mobile-hidden"])
def test_gradients_of_a_head_are_those_of_keras(name: str) -> None:
    theirs, mine = build_keras(CASES[name]), build_embedder(CASES[name]).eval()
    randomise(theirs)
    given = {layer.name: layer.get_weights() for layer in theirs.layers if layer.weights}
    assert weights.set_keras_weights(mine, given, "test") == []
    kernels = {
        layer: theirs.get_layer(layer).kernel
        for layer in ("head_hidden", "embedding", "head_correction")
    }
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(theirs(faces(2), training=False) ** 2)
    slopes = tape.gradient(loss, kernels)
    mine(torch.from_numpy(faces(2).transpose(0, 3, 1, 2))).square().sum().backward()
    for layer, slope in slopes.items():
        most = np.abs(slope).max()
        assert most > 0
        own = mine.layers[layer].weight.grad.T.numpy()
        np.testing.assert_allclose(own, slope, rtol=1e-3, atol=1e-4 * most, err_msg=layer)


@pytest.mark.parametrize("config", CASES.values(), ids=CASES)
def test_outputs_are_those_of_keras(config: NetworkConfig, tmp_path: Path) -> None:
    theirs = build_keras(config)
    randomise(theirs)
    keras_weights.save_latent(tmp_path / "latent.npz", theirs)
    keras_weights.restore_latent(tmp_path / "latent.npz", theirs)
    mine = build_embedder(config).eval()
    assert weights.set_keras_weights(mine, latent.read(tmp_path / "latent.npz"), "test") == []
    assert list(mine.layers) == [layer.name for layer in theirs.layers if layer.weights]  # of HDF5
    x = faces(2)[:, : config.input_height, : config.input_width]
    with torch.no_grad():
        y = mine(torch.from_numpy(x.transpose(0, 3, 1, 2))).numpy()
    np.testing.assert_allclose(y, np.asarray(theirs(x, training=False)), rtol=1e-4, atol=1e-4)
    for layer in theirs.layers:
        if layer.weights:
            for a, b in zip(
                layer.get_weights(), weights.keras_weights(mine)[layer.name], strict=True
            ):
                np.testing.assert_array_equal(a, b)
    weights.save_latent(tmp_path / "again.npz", mine)
    with np.load(tmp_path / "latent.npz") as a, np.load(tmp_path / "again.npz") as b:
        assert set(a.files) == set(b.files)
        for key in a.files:
            np.testing.assert_array_equal(a[key], b[key])
