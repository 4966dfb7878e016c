"""Weights that go from a network to one with quantizers that have weights of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facesdk.errors import InputError
from facesdk_training.keras.networks.build import build
from facesdk_training.keras.weights import restore_latent, save_latent, take_over

SMALL = {
    "width": 0.125,
    "units": (0, 0, 0, 0),
    "embedding_length": 8,
    "input_height": 48,
    "input_width": 48,
}


def test_a_network_with_trained_scales_starts_from_a_float_one(tmp_path: Path) -> None:
    plain, ternary = build("A", **SMALL), build("A", weights="ttq", **SMALL)
    save_latent(tmp_path / "latent.npz", plain)
    assert restore_latent(tmp_path / "latent.npz", ternary) == []
    for layer in plain.layers:
        for own, given in zip(
            ternary.get_layer(layer.name).get_weights(), layer.get_weights(), strict=False
        ):
            np.testing.assert_array_equal(own, given)
    kernel = plain.get_layer("conv1b").get_weights()[0]
    above = kernel[kernel > 0.05 * np.abs(kernel).max()]
    scale = ternary.get_layer("conv1b").kernel_quantizer.positive
    assert float(scale) == pytest.approx(above.mean(), rel=1e-5)


def test_scales_of_a_saved_network_are_kept(tmp_path: Path) -> None:
    saved, again = (build("A", weights="ttq", **SMALL) for _ in range(2))
    saved.get_layer("conv1b").kernel_quantizer.positive.assign(0.375)
    save_latent(tmp_path / "latent.npz", saved)
    restore_latent(tmp_path / "latent.npz", again)
    assert float(again.get_layer("conv1b").kernel_quantizer.positive) == 0.375


def test_other_shapes_are_refused(tmp_path: Path) -> None:
    wide, narrow = build("A", **{**SMALL, "width": 0.25}), build("A", weights="ttq", **SMALL)
    layer = narrow.get_layer("conv1b")
    before = layer.get_weights()
    assert not take_over(layer, wide.get_layer("conv1b").get_weights())
    for old, new in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    save_latent(tmp_path / "latent.npz", wide)
    with pytest.raises(InputError, match="other shapes for layer"):
        restore_latent(tmp_path / "latent.npz", narrow)
