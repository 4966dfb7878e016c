"""Binarized networks as PyTorch exports them, converted: here, since this folder has PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from facesdk_converters.inspection.agreement import EXACT
from facesdk_converters.inspection.parity import check
from facesdk_converters.sources import source
from facesdk_converters.sources.onnx import network as onnx_network
from facesdk_converters.targets.lce import target
from facesdk_training.keras import loading


class Sign(nn.Module):
    """Bi-Real Net's activation: a sign with the gradient of a polynomial."""

    def forward(self, x: Any) -> Any:
        below, negative, within = (x < -1).float(), (x < 0).float(), (x < 1).float()
        first = -below + (x * x + 2 * x) * (1 - below)
        second = first * negative + (-x * x + 2 * x) * (1 - negative)
        third = second * within + (1 - within)
        return torch.sign(x).detach() - third.detach() + third


class Convolution(nn.Module):
    """ReActNet's: signs with a scale per filter, and the gradient of a clip."""

    def __init__(self, channels: int, filters: int, stride: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(filters, channels, 3, 3) * 0.05)
        self.stride = stride

    def forward(self, x: Any) -> Any:
        scale = self.weight.abs().mean((1, 2, 3), keepdim=True).detach()
        clip = torch.clamp(self.weight, -1.0, 1.0)
        kernel = (scale * torch.sign(self.weight)).detach() - clip.detach() + clip
        return nn.functional.conv2d(x, kernel, stride=self.stride, padding=1)


class Offset(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.randn(1, channels, 1, 1) * 0.1)

    def forward(self, x: Any) -> Any:
        return x + self.bias.expand_as(x)


def norm(channels: int) -> Any:
    layer = nn.BatchNorm2d(channels)
    layer.running_mean.normal_(0, 0.3)
    layer.running_var.uniform_(0.5, 2)
    layer.weight.data.uniform_(0.5, 1.5)
    layer.bias.data.normal_(0, 0.3)
    return layer


class Block(nn.Module):
    def __init__(self, channels: int, filters: int, stride: int) -> None:
        super().__init__()
        self.binary = nn.Sequential(
            Offset(channels), Sign(), Convolution(channels, filters, stride), norm(filters)
        )
        self.after = nn.Sequential(Offset(filters), nn.PReLU(filters), Offset(filters))
        self.shortcut = nn.Sequential()
        if stride == 2:
            narrow = nn.Conv2d(channels, filters, 1, bias=False)
            self.shortcut = nn.Sequential(nn.AvgPool2d(2), narrow, norm(filters))

    def forward(self, x: Any) -> Any:
        return self.after(self.binary(x) + self.shortcut(x))


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        stem = nn.Conv2d(3, 32, 7, 2, 3, bias=False)
        self.stem = nn.Sequential(stem, norm(32), nn.PReLU(32), nn.MaxPool2d(3, 2, 1))
        self.blocks = nn.Sequential(Block(32, 32, 1), Block(32, 64, 2), Block(64, 64, 1))
        self.dense = nn.Linear(64, 16)

    def forward(self, x: Any) -> Any:
        x = nn.functional.adaptive_avg_pool2d(self.blocks(self.stem(x)), 1)
        return self.dense(x.view(x.size(0), -1))


@pytest.mark.parametrize("folded", [True, False])
def test_a_binarized_network_of_pytorch_becomes_bits(tmp_path: Path, folded: bool) -> None:
    torch.manual_seed(3)
    network = Network().eval()
    path = tmp_path / "net.onnx"
    pictures = torch.randn(2, 3, 32, 32)
    batch = {} if folded else {"dynamic_axes": {"x": {0: "n"}}, "input_names": ["x"]}
    torch.onnx.export(
        network, pictures[:1], path, opset_version=13, do_constant_folding=folded, **batch
    )
    read = source.load(path)
    assert isinstance(read.network, onnx_network.OnnxNetwork)
    assert [type(row).__name__ for row in read.network.layers].count("QuantConv2D") == 3
    inputs = pictures.numpy().transpose(0, 2, 3, 1)
    with torch.no_grad():
        expected = np.concatenate([network(pictures[i : i + 1]).numpy() for i in range(2)])
    for got in (read.network.predict(inputs)[0], loading.predict(read.network.model, inputs)):
        np.testing.assert_allclose(got, expected, atol=1e-4)
    bundle = target.convert(read)
    names = [operator.name for operator in bundle.graph.operators]
    assert names.count("LceBconv2d") == 3
    crops = np.random.default_rng(1).integers(0, 256, (4, 112, 112, 3), np.uint8)
    assert check(read, bundle, crops).meets(EXACT)
