"""What detectors and transformers of PyTorch are made of, exported, converted and run."""

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


class Pyramid(nn.Module):
    """RetinaFace's and CenterFace's ways between scales, with RetinaFace's heads."""

    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Sequential(nn.Conv2d(3, 16, 3, 2, 1), nn.LeakyReLU(0.1))
        self.coarse = nn.Sequential(nn.Conv2d(16, 16, 3, 2, 1), nn.GroupNorm(4, 16))
        self.learned = nn.ConvTranspose2d(16, 16, 4, 2, 1, groups=16)
        self.uneven = nn.ConvTranspose2d(16, 16, 3, 2, 1, output_padding=1)
        self.head = nn.Conv2d(16, 4, 1)

    def forward(self, x: Any) -> Any:
        fine = self.fine(x)
        coarse = self.coarse(fine)
        size = fine.shape[2:]
        fine = fine + nn.functional.interpolate(coarse, size=size, mode="nearest")
        fine = fine + nn.functional.interpolate(coarse, scale_factor=2, mode="bilinear")
        fine = fine + self.learned(coarse) + self.uneven(coarse)
        levels = [self.head(level).permute(0, 2, 3, 1) for level in (fine, coarse)]
        boxes = torch.cat([one.reshape(one.shape[0], -1, 2) for one in levels], 1)
        return boxes.softmax(-1), fine.flatten(1).norm(2, 1, keepdim=True)


class Transformer(nn.Module):
    """One block of a ViT, with a class token."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 8, 8)
        self.first, self.second = nn.LayerNorm(8), nn.LayerNorm(8)
        self.token = nn.Parameter(torch.randn(1, 1, 8))
        self.mix, self.wide, self.narrow = nn.Linear(8, 24), nn.Linear(8, 16), nn.Linear(16, 8)

    def forward(self, x: Any) -> Any:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1)
        mixed = self.mix(self.first(x)).reshape(x.shape[0], -1, 3, 2, 4).permute(2, 0, 3, 1, 4)
        weights = (mixed[0] @ mixed[1].transpose(-2, -1) / 2).softmax(-1)
        x = x + (weights @ mixed[2]).transpose(1, 2).reshape(x.shape)
        x = x + self.narrow(nn.functional.gelu(self.wide(self.second(x))))
        return x[:, 0], x.argmax(1).float()


@pytest.mark.parametrize("network", [Pyramid, Transformer])
@pytest.mark.parametrize(("opset", "open_batch"), [(11, False), (12, True), (17, True)])
def test_the_runtime_computes_what_pytorch_does(
    tmp_path: Path, network: type[nn.Module], opset: int, open_batch: bool
) -> None:
    torch.manual_seed(4)
    module = network().eval()
    pictures = torch.randn(2, 3, 32, 32)
    batch = {"dynamic_axes": {"x": {0: "n"}}, "input_names": ["x"]} if open_batch else {}
    path = tmp_path / "net.onnx"
    torch.onnx.export(module, pictures[:1], path, opset_version=opset, **batch)
    interpreter = Interpreter(floating.convert(source.load(path), half=False))
    for number in range(2):
        one = pictures[number : number + 1]
        with torch.no_grad():
            expected = [values.numpy() for values in module(one)]
        found = interpreter.run(one.numpy().transpose(0, 2, 3, 1))
        for got, wanted in zip(found, expected, strict=True):
            np.testing.assert_allclose(got, wanted, atol=2e-5, rtol=1e-5)
