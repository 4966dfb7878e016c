from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from facesdk.errors import FaceSDKWarning, InputError
from facesdk_training.architectures.mobile_face_net import MobileFaceNetConfig
from facesdk_training.runs import latent
from facesdk_training.runs.starting import weights_for

NETWORK = MobileFaceNetConfig()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Weights of a stem and an embedding."""
    names = ("stem", "embedding")
    latent.save(tmp_path / "latent.npz", {name: [np.ones(3, np.float32)] for name in names}, ())
    return tmp_path / "latent.npz"


def test_a_network_of_the_same_layers_starts_without_a_word(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert set(weights_for(path, NETWORK, ["embedding", "stem"])) == {"stem", "embedding"}


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (["stem", "embedding", "hidden"], "latent.npz lacks hidden: begun anew"),
        (["stem"], "has embedding, which the network has not: left out"),
        (["stem", "embedding", *"abcdef"], "lacks a, b, c, d and 2 more: begun anew"),
    ],
)
def test_what_is_not_taken_is_named(path: Path, layers: list[str], message: str) -> None:
    with pytest.warns(FaceSDKWarning, match=message) as told:
        assert "stem" in weights_for(path, NETWORK, layers)
    assert len(told) == 1


def test_weights_of_another_network_are_refused(path: Path) -> None:
    message = r"of another network: it has the layers stem, embedding, and a MobileFaceNet has head"
    with pytest.raises(InputError, match=message):
        weights_for(path, NETWORK, ["head"])
