"""The packaged recogniser is the network of the run that is kept beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facesdk import FaceEngine
from facesdk.samples import BIDEN, OBAMA, OBAMA2
from facesdk_training.keras.loading import predict
from facesdk_training.keras.networks.build import build_embedder
from facesdk_training.keras.weights import restore_latent
from facesdk_training.runs import folder as run_folder
from facesdk_training.runs.record import config_of

RUN = Path(__file__).parents[3] / "training" / "runs" / "recogniser"


def test_the_kept_weights_are_those_of_the_packaged_file() -> None:
    """``latent.npz`` keeps every sign and every float, so only rounding may differ."""
    model = build_embedder(config_of(RUN).final_network)
    assert restore_latent(RUN / run_folder.LATENT, model) == []
    engine = FaceEngine.load()
    crops = np.stack([engine.align(photo) for photo in (OBAMA, OBAMA2, BIDEN)])
    found = predict(model, engine.embedder.contract.input.normalise(crops))
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    expected = engine.embedder.embed(crops)
    np.testing.assert_allclose((found * expected).sum(1), 1, atol=1e-3)
