"""Weights of a PyTorch network in the names, order and layouts of the Keras network's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facesdk.errors import InputError
from facesdk_training.architectures.registry import NetworkConfig
from facesdk_training.runs import latent
from facesdk_training.runs.starting import weights_for
from facesdk_training.torch.networks.layers import ChannelShift, Convolution, Dense, PReLU
from facesdk_training.torch.networks.network import Network


def keras_weights(network: Network) -> dict[str, list[NDArray[np.float32]]]:
    """The arrays of each layer, as ``layer.get_weights()`` of the Keras network returns them."""
    return {
        name: [np.array(view.detach().float().cpu().numpy(), order="C") for view in _views(layer)]
        for name, layer in network.layers.items()
    }


def set_keras_weights(
    network: Network, weights: Mapping[str, Sequence[NDArray[Any]]], source: str
) -> list[str]:
    """Sets the layers that are given.

    Args:
        network: Whose.
        weights: The arrays of each layer, by its name. The trained scales of a quantizer may be
            missing, as in a layer that was trained without it; they are then fitted to the kernel.
        source: Where they come from, for errors.

    Returns:
        Names of the layers that are not given, which keep what they had.

    Raises:
        InputError: A layer has other shapes.
    """
    missing = []
    with torch.no_grad():
        for name, layer in network.layers.items():
            given = weights.get(name)
            if given is None:
                missing.append(name)
                continue
            views, scales = _views(layer), _trained_scales(layer)
            shapes = [tuple(view.shape) for view in views]
            fits = bool(scales) and len(given) == len(shapes) - len(scales)
            if [array.shape for array in given] != shapes[: len(given) if fits else None]:
                raise InputError(f"{source} has other shapes for layer {name}")
            for view, array in zip(views, given, strict=not fits):
                view.copy_(torch.from_numpy(np.array(array, order="C")))
            if fits:
                layer.kernel_quantizer.fit(layer.weight)
    return missing


def latent_weights(network: Network) -> list[nn.Parameter]:
    """The float parameters whose quantized values are the kernels of the network."""
    return [layer.weight for _, layer in _quantized(network)]


def save_latent(path: Path, network: Network) -> None:
    """Writes the weights of a network whose latent weights are within -1 to 1.

    Raises:
        InputError: The file cannot be written.
    """
    latent.save(path, keras_weights(network), {(name, 0) for name, _ in _quantized(network)})


def start_from(path: Path, network: Network, shape: NetworkConfig) -> None:
    """Sets the weights that a network of a shape begins with: those of another run's file.

    Raises:
        InputError: As :func:`~facesdk_training.runs.starting.weights_for` and
            :func:`set_keras_weights` do.
    """
    layers = [name for name, arrays in keras_weights(network).items() if arrays]
    set_keras_weights(network, weights_for(path, shape, layers), str(path))


def _quantized(network: Network) -> list[tuple[str, Convolution]]:
    return [
        (name, layer)
        for name, layer in network.layers.items()
        if isinstance(layer, Convolution) and layer.latent
    ]


def _trained_scales(layer: nn.Module) -> list[Tensor]:
    """What a layer's weight quantizer trains, in Keras' order."""
    quantizer = layer.kernel_quantizer if isinstance(layer, (Convolution, Dense)) else None
    return [] if quantizer is None else list(quantizer.parameters())


def _views(layer: nn.Module) -> list[Tensor]:
    """The layer's tensors in Keras' order, seen in its layouts; they share memory."""
    if isinstance(layer, Convolution):
        depthwise = layer.groups > 1
        kernel = layer.weight.permute(2, 3, 0, 1) if depthwise else layer.weight.permute(2, 3, 1, 0)
        bias = [] if layer.bias is None else [layer.bias]
        return [kernel, *bias, *_trained_scales(layer)]
    if isinstance(layer, nn.Linear):
        bias = [] if layer.bias is None else [layer.bias]
        return [layer.weight.T, *bias, *_trained_scales(layer)]
    if isinstance(layer, nn.BatchNorm2d):
        statistics = (layer.running_mean, layer.running_var)
        assert isinstance(statistics[0], Tensor)
        assert isinstance(statistics[1], Tensor)
        return [layer.weight, layer.bias, *statistics]
    if isinstance(layer, PReLU):
        return [layer.slope.view(1, 1, -1)]
    if isinstance(layer, ChannelShift):
        return [layer.shift]
    raise TypeError(f"{type(layer).__name__} has no Keras layout")
