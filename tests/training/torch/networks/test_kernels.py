"""Kernels for a GPU beside PyTorch's layers, by Triton's interpreter, which needs no GPU."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from facesdk_training.architectures.registry import configure
from facesdk_training.torch.networks.build import build_embedder
from facesdk_training.torch.networks.kernels import availability
from facesdk_training.torch.networks.layers import Convolution, batch_normalisation

pytest.importorskip("triton")
normalised = pytest.importorskip("facesdk_training.torch.networks.kernels.normalisation").normalised


def _close(found: list[Tensor], expected: list[Tensor]) -> None:
    assert len(found) == len(expected)
    for mine, theirs in zip(found, expected, strict=True):
        assert float(((mine - theirs).norm() / theirs.norm()).detach()) < 1e-5


def _with_gradients(result: Tensor, inputs: list[Tensor]) -> list[Tensor]:
    torch.manual_seed(7)
    return [result, *torch.autograd.grad(result, inputs, torch.randn(result.shape))]


@pytest.mark.parametrize(
    ("shape", "bent", "added"),
    [((3, 64, 5, 6), True, False), ((2, 96, 7, 3), False, True), ((2, 72, 4, 4), True, True)],
)
def test_a_normalised_map_is_the_layers(shape: tuple[int, ...], bent: bool, added: bool) -> None:
    torch.manual_seed(1)
    x, other = (2 * torch.randn(shape) + 1).requires_grad_(), torch.randn(shape).requires_grad_()
    slope = torch.rand(shape[1]).requires_grad_()
    found: list[Any] = []
    for own in (True, False):
        torch.manual_seed(2)
        layer = batch_normalisation(shape[1])
        nn.init.normal_(layer.weight)
        nn.init.normal_(layer.bias)
        layer.running_mean.normal_()
        if own:
            y = normalised(x, layer, slope if bent else None, other if added else None)
        else:
            y = layer(x)
            y = functional.prelu(y, slope) if bent else y
            y = y + other if added else y
        inputs = [
            x,
            layer.weight,
            layer.bias,
            *([slope] if bent else []),
            *([other] if added else []),
        ]
        found.append([*_with_gradients(y, inputs), layer.running_mean, layer.running_var])
    _close(*found)


@pytest.mark.parametrize(("side", "stride"), [((8, 6), 1), ((8, 6), 2), ((7, 5), 2)])
def test_a_depthwise_convolution_is_the_layers(side: tuple[int, int], stride: int) -> None:
    torch.manual_seed(1)
    layer = Convolution(72, 72, 3, stride=stride, depthwise=True)
    x = torch.randn(2, 72, *side).requires_grad_()
    found = [_with_gradients(way(x), [x, layer.weight]) for way in (layer.with_kernels, layer)]
    _close(*found)


def test_a_network_learns_the_same() -> None:
    config = configure(
        "MobileFaceNet", stages=((16, 2), (24, 1)), stem_channels=16, head_channels=32,
        embedding_length=8, input_height=32, input_width=32,
    )  # fmt: skip
    x, found = torch.randn(4, 3, 32, 32), []
    for own in (True, False):
        torch.manual_seed(3)
        network = build_embedder(config).train()
        assert not own or network.use_kernels()
        found.append(_with_gradients(network(x), list(network.parameters())))
    for mine, theirs in zip(*found, strict=True):
        assert float((mine - theirs).norm().detach()) < 1e-4 * (1 + float(theirs.norm().detach()))


def test_without_a_gpu_the_kernels_are_not_used() -> None:
    assert torch.cuda.is_available() or availability.missing()
