"""What a network takes of the weights of another run, from which it starts."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from pathlib import Path

from facesdk.errors import FaceSDKWarning, InputError
from facesdk_training.architectures.registry import NetworkConfig
from facesdk_training.runs import latent
from facesdk_training.runs.growth import Weights, grown

_NAMED = 4


def weights_for(path: Path, network: NetworkConfig, layers: Collection[str]) -> Weights:
    """The weights of the layers that a network shares with a file, and those it grows from them.

    Args:
        path: ``latent.npz`` of another run.
        network: What starts from it.
        layers: Names of its layers that have weights.

    Returns:
        The float32 arrays of each layer, by its name, in the shapes of the Keras network's.

    Raises:
        InputError: The file cannot be read, or has no layer of the network.

    Warns:
        FaceSDKWarning: Layers begin anew, or layers of the file are left out.
    """
    given = latent.read(path)
    if given.keys().isdisjoint(layers):
        raise InputError(
            f"{path} is of another network: it has the layers {_names(list(given))}, "
            f"and a {network.architecture} has {_names(list(layers))}"
        )
    weights = grown(given, network)
    anew = [name for name in layers if name not in weights]
    left = [name for name in given if name not in layers]
    if anew:
        warnings.warn(f"{path} lacks {_names(anew)}: begun anew", FaceSDKWarning, stacklevel=2)
    if left:
        warnings.warn(
            f"{path} has {_names(left)}, which the network has not: left out",
            FaceSDKWarning,
            stacklevel=2,
        )
    return weights


def _names(layers: list[str]) -> str:
    shown = ", ".join(layers[:_NAMED])
    return shown if len(layers) <= _NAMED else f"{shown} and {len(layers) - _NAMED} more"
