"""Gives a network of the torch engine the weights of a published MobileFaceNet."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from facesdk.models.bundle import ModelBundle
from facesdk_training.architectures.mobile_face_net import MobileFaceNetConfig
from facesdk_training.runs.published import require_same, weights_of
from facesdk_training.torch.networks.network import Network
from facesdk_training.torch.weights import set_keras_weights

_BATCH = 64


def restore_weights(
    network: Network, config: MobileFaceNetConfig, source: ModelBundle, images: Tensor
) -> None:
    """Gives a network the function of a MobileFaceNet's file.

    Args:
        network: Freshly built; left in evaluation mode.
        config: Its shape.
        source: The file, in float32.
        images: float32 [N, 3, height, width], normalised training crops, by which the statistics of
            the batch normalisations are measured.

    Raises:
        InputError: The file is no MobileFaceNet of that shape.
    """
    set_keras_weights(network, weights_of(source, config), str(source.path))
    network.eval()

    @torch.no_grad()
    def embed(some: NDArray[np.float32]) -> NDArray[np.float32]:
        crops = torch.from_numpy(some).permute(0, 3, 1, 2).to(images.device)
        embeddings: NDArray[np.float32] = network(crops).float().cpu().numpy()
        return embeddings

    require_same(source, images[:_BATCH].permute(0, 2, 3, 1).cpu().numpy(), embed)
    give_statistics(network, images)


@torch.no_grad()
def give_statistics(network: Network, images: Tensor) -> None:
    """Gives batch normalisations the statistics of their inputs without changing the function.

    Args:
        network: Whose, in evaluation mode.
        images: float32 [N, 3, height, width], normalised training crops.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    moments = {layer: torch.zeros(3, layer.num_features, dtype=torch.float64) for layer in layers}

    def look(layer: nn.BatchNorm2d, _: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        values = inputs[0].double().transpose(0, 1).flatten(1).cpu()
        count = torch.full((len(values),), values.shape[1])
        moments[layer] += torch.stack([count, values.sum(1), values.square().sum(1)])

    handles = [layer.register_forward_pre_hook(partial(look, layer)) for layer in layers]
    for part in images.split(_BATCH):
        network(part)
    for handle in handles:
        handle.remove()
    for layer, (count, total, square) in moments.items():
        gain, offset, old_mean, old_variance = (
            tensor.double().cpu()
            for tensor in (layer.weight, layer.bias, layer.running_mean, layer.running_var)
        )
        gain = gain / (old_variance + layer.eps).sqrt()
        mean = total / count
        variance = square / count - mean.square()
        layer.weight.copy_(gain * (variance + layer.eps).sqrt())
        layer.bias.copy_(offset + gain * (mean - old_mean))
        layer.running_mean.copy_(mean)
        layer.running_var.copy_(variance)
