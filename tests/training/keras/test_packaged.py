"""The packaged recognisers are the networks of the runs that are kept beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from larq.layers import QuantConv2D

from facesdk import FaceEngine
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.samples import BIDEN, OBAMA, OBAMA2
from facesdk.tflite import weights
from facesdk_training.keras.compensation import fold
from facesdk_training.keras.loading import predict
from facesdk_training.keras.networks.build import build_embedder
from facesdk_training.keras.weights import restore_latent
from facesdk_training.runs import folder as run_folder
from facesdk_training.runs.record import config_of
from tools.experiments.package_recogniser import COMPENSATION

RUNS = Path(__file__).parents[3] / "training" / "runs"


def network_of(run: Path) -> Any:
    model = build_embedder(config_of(run).final_network)
    assert restore_latent(run / run_folder.LATENT, model) == []
    fold(model, np.load(run / COMPENSATION)["compensation"])
    return model


def cosines(model: Any, name: str) -> Any:
    """Of the network's embeddings with those of a packaged file."""
    engine = FaceEngine.load(name)
    photos = [engine.align(photo) for photo in (OBAMA, OBAMA2, BIDEN)]
    crops = np.stack([*photos, *(crop[:, ::-1] for crop in photos)])
    found = predict(model, engine.embedder.contract.input.normalise(crops))
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return (found * engine.embedder.embed(crops)).sum(1)


@pytest.fixture(scope="module")
def model() -> Any:
    return network_of(RUNS / "recogniser")


def test_the_kept_weights_have_every_sign_of_the_packaged_file(model: Any) -> None:
    bundle = ModelBundle.load(registry.resolve(registry.DEFAULT_RECOGNIZER))
    operators = [row for row in bundle.graph.operators if row.is_packed]
    layers = [layer for layer in model.layers if isinstance(layer, QuantConv2D)]
    assert len(operators) == len(layers) == 24
    for operator, layer in zip(operators, layers, strict=True):
        kernel = layer.kernel.numpy().transpose(3, 0, 1, 2)
        signs = np.where(kernel < 0, -1, 1).reshape(len(kernel), -1)
        np.testing.assert_array_equal(weights.filters(operator), signs, err_msg=layer.name)


def test_they_embed_faces_as_the_packaged_file_does(model: Any) -> None:
    """Floats are equal too, but two runtimes round them differently, and an activation that is
    about 0 then has another sign: a channel of one unit, a hundredth of the embedding.
    """
    found = cosines(model, "fast")
    assert np.median(found) > 0.999
    assert found.min() > 0.95


def test_the_accurate_one_embeds_faces_as_its_run_does_up_to_rounding() -> None:
    found = cosines(network_of(RUNS / "accurate"), "accurate")
    assert found.min() > 0.985  # without the map 0.979 at most
