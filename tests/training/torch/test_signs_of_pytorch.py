"""The ways in which published binary networks take signs, exported from PyTorch: all become bits.

Each is an activation or a kernel as training scripts write it in evaluation; PyTorch's own result
is what the file must give.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from facesdk.runtime.interpreter import Interpreter
from facesdk_converters.inspection.agreement import EXACT
from facesdk_converters.inspection.parity import check
from facesdk_converters.sources import source
from facesdk_converters.targets.lce import target
from facesdk_training.keras import loading


class SignOf(torch.autograd.Function):
    """With a gradient of its own: XNOR-Net, IR-Net, RBNN, ReCU."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return torch.sign(x)


class Assigned(torch.autograd.Function):
    """Written into a tensor, mask by mask."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        y = x.clone()
        y[x >= 0] = 1
        y[x < 0] = -1
        return y


class Filled(torch.autograd.Function):
    """Written into memory that nothing has been written into."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        y = x.new(x.size())
        y[x >= 0] = 1
        y[x < 0] = -1
        return y


def detour(signs: Any, x: Any) -> Any:
    clipped = x.clamp(-1, 1)
    return signs.detach() - clipped.detach() + clipped


def twice(x: Any) -> Any:
    """BiMatting's: a detour of a detour."""
    inner = detour(torch.sign(x), x)
    return torch.sign(x).detach() - inner.detach() + inner


def without_zeros(x: Any) -> Any:
    signs = x.sign()
    return torch.where(signs == 0, torch.ones_like(signs), signs)


THRESHOLDS = torch.linspace(-0.5, 0.5, 32).view(1, 32, 1, 1)

ACTIVATIONS = {
    "function": SignOf.apply,
    "assigned": Assigned.apply,
    "filled memory": Filled.apply,
    "detour": lambda x: detour(torch.sign(x), x),
    "twice": twice,
    "residual": lambda x: x + (torch.sign(x) - x).detach(),
    "not at zero": lambda x: torch.sign(x + 1e-6),
    "without zeros": without_zeros,
    "zeros added": lambda x: x.sign() + (x == 0).float(),
    "double": lambda x: torch.sign(torch.sign(x) + 0.1),
    "probability": lambda x: x.add(1).div(2).clamp(0, 1).round().mul(2).add(-1),
    "where": lambda x: torch.where(x >= 0, torch.ones_like(x), -torch.ones_like(x)),
    "thresholds": lambda x: torch.where(x >= THRESHOLDS, torch.ones_like(x), -torch.ones_like(x)),
    "filled": lambda x: torch.ones_like(x).masked_fill(x < 0, -1.0),
    "step": lambda x: (x > 0).float() * 2 - 1,
    "quotient": lambda x: x / x.abs(),
    "steep": lambda x: torch.clamp(x * 1e20, -1, 1),
    "steep tanh": lambda x: torch.tanh(x * 1e7),
    "one and zero": lambda x: (x > 0).float(),
    "from sign": lambda x: (torch.sign(x) + 1) / 2,
    "one bit of DoReFa": lambda x: x.clamp(0, 1).round(),
    "scaled": lambda x: torch.sign(x) * 0.37,
    "AdaBin": lambda x: 0.7 * (torch.sign((x - 0.2) / 0.7) + 0.2),
    "elastic": lambda x: ((x - 0.1) / 0.6).clamp(0, 1).round() * 0.6,
}


def plain(w: Any) -> Any:
    return torch.sign(w)


def of_filters(w: Any) -> Any:
    return detour(w.abs().mean((1, 2, 3), keepdim=True) * torch.sign(w), w)


def balanced(w: Any) -> Any:
    """IR-Net's: around its mean, with a power of two as scale."""
    w = w - w.mean((1, 2, 3), keepdim=True)
    w = w / w.std((1, 2, 3), keepdim=True)
    scale = 2 ** (w.abs().mean((1, 2, 3), keepdim=True).log2().round())
    return SignOf.apply(w) * scale


def adaptive(w: Any) -> Any:
    """AdaBin's: two values around the mean."""
    middle, half = w.mean((1, 2, 3), keepdim=True), w.std((1, 2, 3), keepdim=True)
    return SignOf.apply((w - middle) / half) * half + middle


KERNELS = {"plain": plain, "of filters": of_filters, "balanced": balanced, "adaptive": adaptive}


class Network(nn.Module):
    def __init__(self, activation: Any, binarize: Any, padding: int, stride: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 3, 2)
        self.weight = nn.Parameter(torch.randn(16, 32, 3, 3) * 0.1 + 0.02)
        self.scale = nn.Parameter(torch.rand(1, 16, 1, 1) + 0.5)
        self.activation, self.binarize = activation, binarize
        self.options = {"padding": padding, "stride": stride}

    def forward(self, x: Any) -> Any:
        x = self.activation(self.stem(x))
        x = nn.functional.conv2d(x, self.binarize(self.weight), **self.options)
        return (x * self.scale).mean((2, 3))


def _converted(path: Path, network: nn.Module) -> Any:
    torch.manual_seed(2)
    pictures = torch.randn(4, 3, 24, 24)
    torch.onnx.export(network.eval(), pictures[:1], path, opset_version=13)
    read = source.load(path)
    with torch.no_grad():
        expected = np.concatenate([network(one[None]).numpy() for one in pictures])
    inputs = pictures.numpy().transpose(0, 2, 3, 1)
    for got in (read.network.predict(inputs), loading.predict(read.keras.model, inputs)):
        np.testing.assert_allclose(np.asarray(got).reshape(expected.shape), expected, 1e-5, 1e-5)
    return read


def _binary_layers(read: Any) -> list[Any]:
    layers = [row for row in read.network.layers if type(row).__name__ == "QuantConv2D"]
    return [row for row in layers if row.input_quantizer is not None]


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("padding", "stride"), [(0, 1), (1, 2)])
def test_every_activation_is_bits(
    tmp_path: Path, activation: str, padding: int, stride: int
) -> None:
    torch.manual_seed(1)
    network = Network(ACTIVATIONS[activation], of_filters, padding, stride)
    assert len(_binary_layers(_converted(tmp_path / "net.onnx", network))) == 1


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("activation", ["detour", "AdaBin", "one and zero"])
def test_every_kernel_is_bits(tmp_path: Path, kernel: str, activation: str) -> None:
    torch.manual_seed(1)
    network = Network(ACTIVATIONS[activation], KERNELS[kernel], 1, 1)
    layers = _binary_layers(_converted(tmp_path / "net.onnx", network))
    assert len(layers) == (2 if kernel == "adaptive" else 1)


@pytest.mark.parametrize("activation", ["AdaBin", "one and zero"])
def test_two_levels_meet_as_bits_in_the_file(tmp_path: Path, activation: str) -> None:
    torch.manual_seed(1)
    network = Network(ACTIVATIONS[activation], adaptive, 1, 1)
    read = _converted(tmp_path / "net.onnx", network)
    bundle = target.convert(read)
    assert [row.name for row in bundle.graph.operators].count("LceBconv2d") == 2
    crops = np.random.default_rng(1).integers(0, 256, (4, 112, 112, 3), np.uint8)
    assert check(read, bundle, crops).meets(EXACT)


class Tokens(nn.Module):
    """A layer of rows, as transformers have them, of signs by weights of one magnitude."""

    def __init__(self, binarize: Any) -> None:
        super().__init__()
        self.linear = nn.Linear(48, 24)
        self.norm = nn.LayerNorm(24)
        self.binarize = binarize

    def forward(self, x: Any) -> Any:
        weight = self.binarize(self.linear.weight[:, :, None, None])[:, :, 0, 0]
        return self.norm(nn.functional.linear(without_zeros(x), weight, self.linear.bias)).sum(1)


def _file_gives(read: Any, inputs: Any, expected: Any) -> list[str]:
    """Requires that the file of bits computes what is expected; gives its operators."""
    bundle = target.convert(read)
    interpreter = Interpreter(bundle)
    got = np.concatenate([interpreter.run(row[np.newaxis])[0] for row in inputs])
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)
    return [row.name for row in bundle.graph.operators]


@pytest.mark.parametrize("binarize", [of_filters, adaptive])
@pytest.mark.parametrize("batch", ["fixed", "open"])
def test_products_of_rows_are_bits(tmp_path: Path, binarize: Any, batch: str) -> None:
    torch.manual_seed(3)
    network, rows = Tokens(binarize).eval(), torch.randn(4, 10, 48)
    axes = {"x": {0: "n"}} if batch == "open" else None
    torch.onnx.export(
        network, rows[:1], tmp_path / "net.onnx", opset_version=17, input_names=["x"],
        dynamic_axes=axes,
    )  # fmt: skip
    with torch.no_grad():
        expected = network(rows).numpy()
    operators = _file_gives(source.load(tmp_path / "net.onnx"), rows.numpy(), expected)
    assert operators.count("LceBconv2d") == (2 if binarize is adaptive else 1)
    assert operators.count("FULLY_CONNECTED") == (1 if binarize is adaptive else 0)


class Dead(nn.Module):
    """Filters whose weights are all 0, before a normalisation, a sign and another layer."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(32, 32, 3, stride, 1)
        self.norm = nn.BatchNorm2d(32)
        self.second = nn.Conv2d(32, 16, 3, bias=False)
        self.head = nn.Linear(16, 8)
        for layer in (self.first, self.second, self.head):
            layer.weight.data = torch.where(layer.weight >= 0, 0.25, -0.25)
            layer.weight.data[[1, 5]] = 0
        self.norm.running_mean = torch.randn(32)
        self.norm.weight.data = torch.randn(32)
        self.norm.bias.data = torch.randn(32)

    def forward(self, x: Any) -> Any:
        x = without_zeros(self.norm(self.first(without_zeros(x))))
        return self.head(without_zeros(self.second(x).mean((2, 3)) - 0.01))


@pytest.mark.parametrize("stride", [1, 2])
def test_filters_of_zeros_are_bits_too(tmp_path: Path, stride: int) -> None:
    torch.manual_seed(4)
    network, maps = Dead(stride).eval(), torch.randn(6, 32, 12, 12)
    torch.onnx.export(network, maps[:1], tmp_path / "net.onnx", opset_version=13)
    with torch.no_grad():
        expected = network(maps).numpy()
    inputs = maps.numpy().transpose(0, 2, 3, 1)
    operators = _file_gives(source.load(tmp_path / "net.onnx"), inputs, expected)
    assert operators.count("LceBconv2d") == 3
    assert "CONV_2D" not in operators and "FULLY_CONNECTED" not in operators


def like(x: Any) -> Any:
    return torch.where(x >= 0, torch.ones_like(x), -torch.ones_like(x))


class Around(nn.Module):
    """Signs with other signs around them, and the largest signs of windows."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(32, 32, 3, bias=False) for _ in range(3))
        self.norms = nn.ModuleList(nn.BatchNorm2d(32) for _ in range(2))
        for layer in self.layers:
            layer.weight.data = 0.1 * torch.sign(layer.weight)
        for norm in self.norms:
            norm.bias.data = torch.randn(32)

    def forward(self, x: Any) -> Any:
        pad = nn.functional.pad
        x = self.norms[0](self.layers[0](pad(like(x), (1, 1, 1, 1), "reflect")))
        x = self.norms[1](self.layers[1](pad(like(x), (1, 0, 2, 1), value=-1.0)))
        return self.layers[2](nn.functional.max_pool2d(like(x), 2)).mean((2, 3))


@pytest.mark.parametrize("batch", ["fixed", "open"])
def test_what_is_put_around_signs_is_bits(tmp_path: Path, batch: str) -> None:
    """PyTorch computes the widths in the file, so that shapes behind them are not known to ONNX."""
    torch.manual_seed(5)
    network, maps = Around().eval(), torch.randn(4, 32, 11, 12)
    axes = {"x": {0: "n"}} if batch == "open" else None
    torch.onnx.export(
        network, maps[:1], tmp_path / "net.onnx", opset_version=13, input_names=["x"],
        dynamic_axes=axes,
    )  # fmt: skip
    with torch.no_grad():
        expected = network(maps).numpy()
    inputs = maps.numpy().transpose(0, 2, 3, 1)
    operators = _file_gives(source.load(tmp_path / "net.onnx"), inputs, expected)
    assert operators.count("LceBconv2d") == 3
    assert "CONV_2D" not in operators
