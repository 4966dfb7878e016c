from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

pytest.importorskip("torch.nn", reason="needs PyTorch: `make torch` installs it")

import torch

from facesdk.errors import InputError
from facesdk_training.torch.networks.build import build_embedder
from facesdk_training.torch.warm_start import restore_weights
from training.published import SHAPE, images, published, written


@pytest.mark.parametrize("units", [0, 20])
def test_the_network_computes_what_the_published_one_computes(units: int, tmp_path: Path) -> None:
    tf.keras.utils.set_random_seed(3)
    shape = replace(SHAPE, head_units=units)
    source, network = published(), build_embedder(shape)
    crops = torch.from_numpy(images()).permute(0, 3, 1, 2)
    restore_weights(network, shape, written(source, tmp_path), crops)
    expected = np.concatenate([source(image[None]).numpy() for image in images()])
    with torch.no_grad():
        np.testing.assert_allclose(network(crops).numpy(), expected, rtol=1e-3, atol=1e-4)
        # Training, which normalises by the statistics of a batch, begins with the same function.
        network.train()
        np.testing.assert_allclose(network(crops).numpy(), expected, rtol=1e-2, atol=1e-3)


def test_another_network_is_refused(tmp_path: Path) -> None:
    crops = torch.from_numpy(images()).permute(0, 3, 1, 2)
    source = written(published(join=tf.subtract), tmp_path)
    with pytest.raises(InputError, match="computes something else"):
        restore_weights(build_embedder(SHAPE), SHAPE, source, crops)
