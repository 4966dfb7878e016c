"""Networks of PyTorch that lay the inputs of a batch beside other axes, exported with any batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from facesdk.runtime.interpreter import Interpreter
from facesdk_converters.sources import source
from facesdk_converters.targets import floating


class Attention(nn.Module):
    """PyTorch's own layer, positions first: inputs and heads are one axis inside it."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 8, 8)
        self.norm, self.attention = nn.LayerNorm(8), nn.MultiheadAttention(8, 2)

    def forward(self, x: Any) -> Any:
        x = self.norm(self.patches(x).flatten(2).permute(2, 0, 1))
        x = x + self.attention(x, x, x, need_weights=False)[0]
        return x.mean(0)


class Windows(nn.Module):
    """Swin's: windows are inputs of their own, with a bias that each has."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.mix = nn.Conv2d(3, 8, 4, 4), nn.Linear(8, 8)
        self.bias = nn.Parameter(torch.randn(1, 16, 16))

    def forward(self, x: Any) -> Any:
        x = self.stem(x).permute(0, 2, 3, 1)
        count, height, width, channels = x.shape
        x = x.view(count, height // 4, 4, width // 4, 4, channels)
        x = x.permute(0, 1, 3, 2, 4, 5).reshape(-1, 16, channels)
        x = (self.mix(x) @ x.transpose(1, 2) + self.bias).softmax(-1) @ x
        x = x.view(count, height // 4, width // 4, 4, 4, channels)
        x = x.permute(0, 1, 3, 2, 4, 5).reshape(count, height, width, channels)
        return x.amax((1, 2))


class Shuffled(nn.Module):
    """ShuffleNetV2's way to deal channels out, and channels as pictures of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.blur = nn.Conv2d(3, 8, 3, 2), nn.Conv2d(1, 1, 3)

    def forward(self, x: Any) -> Any:
        x = self.stem(x)
        count, channels, height, width = x.shape
        x = x.reshape(count * channels // 2, 2, height * width).permute(1, 0, 2)
        x = x.reshape(2, -1, channels // 2, height, width)
        x = torch.cat([x[0], 2 * x[1]], 1)
        x = self.blur(x.reshape(count * channels, 1, height, width))
        return x.reshape(count, channels, -1).norm(2, 2)


@pytest.mark.parametrize("network", [Attention, Windows, Shuffled])
@pytest.mark.parametrize("opset", [11, 17])
def test_a_file_of_any_batch_computes_what_pytorch_does(
    tmp_path: Path, network: type[nn.Module], opset: int
) -> None:
    torch.manual_seed(6)
    module = network().eval()
    pictures = torch.randn(3, 3, 32, 32)
    path = tmp_path / "net.onnx"
    torch.onnx.export(module, pictures[:2], path, opset_version=opset, input_names=["x"],
                      dynamic_axes={"x": {0: "n"}})  # fmt: skip
    bundle = floating.convert(source.load(path), half=False)
    values = pictures.numpy().transpose(0, 2, 3, 1)
    with torch.no_grad():
        expected = module(pictures).numpy()
    for count in (1, 3):
        interpreter = Interpreter(bundle, input_shapes=[(count, 32, 32, 3)])
        (got,) = interpreter.run(values[:count])
        np.testing.assert_allclose(got, expected[:count], atol=2e-5, rtol=1e-5)
