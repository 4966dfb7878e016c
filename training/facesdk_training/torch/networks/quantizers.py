"""The quantizers of :mod:`facesdk_training.keras.networks.quantizers` for PyTorch.

Its table says what each name computes, forward and backward, and where it comes from. Weights are
[outputs, inputs, height, width] here, so a filter is the first axis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function

from facesdk_training.architectures.quantizer_names import (
    FLOAT,
    Quantization,
    check_activations,
    check_weights,
)

_FIXED_ITERATIONS = 4
_CLIPPING_STARTS = (0.7, 0.5)
_FINEST_CLIPPED = 4
"""Most bits at which a fixed-point quantizer also tries to clip the largest weights."""

TWN_THRESHOLD = 0.7
TTQ_THRESHOLD = 0.05
HWGQ_STEPS: Mapping[int, float] = MappingProxyType({2: 0.53881, 3: 0.32172, 4: 0.18424})

BOUNDING_FUNCTIONS: Mapping[str, Callable[[Tensor], Tensor]] = MappingProxyType(
    {
        "clip": lambda x: x.clamp(0.0, 1.0),
        "tanh": lambda x: 0.5 * (torch.tanh(x) + 1.0),
        "abs": lambda x: x.abs().clamp_max(1.0),
    }
)


def _sign(x: Tensor) -> Tensor:
    return torch.where(x >= 0, 1.0, -1.0).to(x.dtype)


class _ClippedSign(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return _sign(x)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return upstream * (x.abs() <= 1).to(upstream.dtype)


class _PolynomialSign(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return _sign(x)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return upstream * (2.0 - 2.0 * x.abs()).clamp_min(0.0)


def _straight_through(x: Tensor, value: Tensor) -> Tensor:
    """The value, with the gradient of x."""
    return value.detach() + (x - x.detach())


def _rounded(x: Tensor, bits: int) -> Tensor:
    """q_k of the table: the nearest of 2^k levels from 0 to 1, gradient 1."""
    levels = 2**bits - 1
    return _straight_through(x, torch.round(x * levels) / levels)


class ClippedSign(nn.Module):
    """``bnn``."""

    def forward(self, x: Tensor) -> Tensor:
        """-1 where the input is negative, else +1."""
        signs: Tensor = _ClippedSign.apply(x)
        return signs


class PolynomialSign(nn.Module):
    """``bi-real``."""

    def forward(self, x: Tensor) -> Tensor:
        """-1 where the input is negative, else +1."""
        signs: Tensor = _PolynomialSign.apply(x)
        return signs


class MagnitudeSign(nn.Module):
    """``xnor``, ``xnor-layer`` and ``xnor-filter``: signs times a mean magnitude.

    Args:
        kept: Axes that have a magnitude each: none of a layer, the first of samples or filters.
    """

    def __init__(self, kept: int) -> None:
        super().__init__()
        self._kept = kept

    def forward(self, x: Tensor) -> Tensor:
        """+- the magnitude, which is a constant in the gradient."""
        axes = tuple(range(self._kept, x.ndim))
        signs: Tensor = _ClippedSign.apply(x)
        return x.detach().abs().mean(axes, keepdim=True) * signs


class DoReFaWeights(nn.Module):
    """``dorefa-1`` to ``dorefa-8`` for weights."""

    def __init__(self, bits: int) -> None:
        super().__init__()
        self._bits = bits

    def forward(self, x: Tensor) -> Tensor:
        """The levels; at one bit +- the layer's mean magnitude."""
        if self._bits == 1:
            return _straight_through(x, x.abs().mean() * _sign(x))
        bounded = torch.tanh(x)
        bounded = bounded / (2.0 * bounded.detach().abs().max()) + 0.5
        return 2.0 * _rounded(bounded, self._bits) - 1.0


class DoReFaActivations(nn.Module):
    """``dorefa-2-H`` to ``dorefa-8-H``."""

    def __init__(self, bits: int, bounding: str) -> None:
        super().__init__()
        self._bits, self._bounding = bits, bounding

    def forward(self, x: Tensor) -> Tensor:
        """One of 2^k levels from 0 to 1."""
        return _rounded(BOUNDING_FUNCTIONS[self._bounding](x), self._bits)


class FixedPointWeights(nn.Module):
    """``fixed-1`` to ``fixed-8``: 2^k levels and a scale per filter, which minimise the error."""

    def __init__(self, bits: int) -> None:
        super().__init__()
        self._bits = bits

    def forward(self, x: Tensor) -> Tensor:
        """The levels, in the shape of the weights."""
        return _straight_through(x, self._nearest(x.detach().flatten(1)).view_as(x))

    def _nearest(self, weights: Tensor) -> Tensor:
        largest = weights.abs().amax(1, keepdim=True)
        best, least = torch.zeros_like(weights), torch.full_like(largest, float("inf"))
        for start in self._starts():
            step = largest * start
            for _ in range(_FIXED_ITERATIONS):
                codes = self._codes(_quotient(weights, step))
                found = _quotient((weights * codes).sum(1, True), codes.square().sum(1, True))
                step = torch.where(found > 0, found, step)
            values = self._codes(_quotient(weights, step)) * step
            error = (weights - values).square().sum(1, keepdim=True)
            best = torch.where(error < least, values, best)
            least = torch.minimum(error, least)
        return best

    def _codes(self, multiples: Tensor) -> Tensor:
        if self._bits == 1:
            return _sign(multiples)
        half = 2.0 ** (self._bits - 1)
        return torch.round(multiples).clamp(-half, half - 1)

    def _starts(self) -> list[float]:
        if self._bits == 1:
            return [1.0]
        half = 2 ** (self._bits - 1)
        clipping = _CLIPPING_STARTS if self._bits <= _FINEST_CLIPPED else ()
        return [1 / half, 1 / (half - 1), *(share / (half - 1) for share in clipping)]


class TernaryWeights(nn.Module):
    """``twn``."""

    def forward(self, x: Tensor) -> Tensor:
        """-a, 0 or a, with an a per filter."""
        weights = x.detach()
        axes = tuple(range(1, x.ndim))
        magnitudes = weights.abs()
        kept = (magnitudes > TWN_THRESHOLD * magnitudes.mean(axes, keepdim=True)).to(x.dtype)
        scale = _quotient((kept * magnitudes).sum(axes, True), kept.sum(axes, True))
        return _straight_through(x, scale * kept * torch.sign(weights))


class _TrainedTernary(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        threshold = TTQ_THRESHOLD * x.abs().max()
        above, below = (x > threshold).to(x.dtype), (x < -threshold).to(x.dtype)
        ctx.save_for_backward(above, below, positive, negative)
        return positive * above - negative * below

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        above, below, positive, negative = ctx.saved_tensors
        factor = positive * above + negative * below + (1.0 - above - below)
        return upstream * factor, (upstream * above).sum(), -(upstream * below).sum()


class TrainedTernaryWeights(nn.Module):
    """``ttq``: -Wn, 0 or Wp.

    Attributes:
        positive: Wp, a scalar.
        negative: Wn, a scalar.
    """

    def __init__(self, inputs: int) -> None:
        super().__init__()
        start = (2.0 / max(1, inputs)) ** 0.5
        self.positive = nn.Parameter(torch.tensor(start))
        self.negative = nn.Parameter(torch.tensor(start))

    @torch.no_grad()
    def fit(self, kernel: Tensor) -> None:
        """Sets Wp and Wn to the mean magnitudes of the weights that become them."""
        threshold = TTQ_THRESHOLD * kernel.abs().max()
        for scale, chosen in (
            (self.positive, kernel > threshold),
            (self.negative, kernel < -threshold),
        ):
            if chosen.any():
                scale.copy_(kernel[chosen].abs().mean())

    def forward(self, x: Tensor) -> Tensor:
        """The values, in the shape of the weights."""
        values: Tensor = _TrainedTernary.apply(x, self.positive, self.negative)
        return values


class _HalfWave(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, step: float, most: float) -> Tensor:
        ctx.save_for_backward((x > 0) & (x <= step * most))
        return torch.where(x > 0, step * torch.round(x / step).clamp(1.0, most), 0.0).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:
        (inside,) = ctx.saved_tensors
        return upstream * inside.to(upstream.dtype), None, None


class HalfWaveGaussian(nn.Module):
    """``hwgq-2`` to ``hwgq-4``."""

    def __init__(self, bits: int) -> None:
        super().__init__()
        self._step, self._most = HWGQ_STEPS[bits], 2.0**bits - 1

    def forward(self, x: Tensor) -> Tensor:
        """0, or a multiple of the step."""
        levels: Tensor = _HalfWave.apply(x, self._step, self._most)
        return levels


def _quotient(numerator: Tensor, denominator: Tensor) -> Tensor:
    """0 where the denominator is 0."""
    safe = torch.where(denominator == 0, torch.ones_like(denominator), denominator)
    return torch.where(denominator == 0, torch.zeros_like(numerator), numerator / safe)


_WEIGHTS: Mapping[str, Callable[[Quantization, int], nn.Module]] = MappingProxyType(
    {
        "bnn": lambda name, inputs: ClippedSign(),
        "bi-real": lambda name, inputs: PolynomialSign(),
        "xnor-layer": lambda name, inputs: MagnitudeSign(0),
        "xnor-filter": lambda name, inputs: MagnitudeSign(1),
        "dorefa": lambda name, inputs: DoReFaWeights(name.bits),
        "fixed": lambda name, inputs: FixedPointWeights(name.bits),
        "twn": lambda name, inputs: TernaryWeights(),
        "ttq": lambda name, inputs: TrainedTernaryWeights(inputs),
    }
)

_ACTIVATIONS: Mapping[str, Callable[[Quantization], nn.Module]] = MappingProxyType(
    {
        "bnn": lambda name: ClippedSign(),
        "bi-real": lambda name: PolynomialSign(),
        "xnor": lambda name: MagnitudeSign(1),
        "dorefa": lambda name: (
            MagnitudeSign(1) if name.bits == 1 else DoReFaActivations(name.bits, name.bounding)
        ),
        "hwgq": lambda name: HalfWaveGaussian(name.bits),
    }
)


def weight_quantizer(name: str, inputs: int) -> nn.Module | None:
    """The quantizer of a layer's weights; None for ``float``.

    Args:
        name: Its name.
        inputs: Weights per filter.

    Raises:
        InputError: There is no such quantizer.
    """
    asked = check_weights(name)
    return None if asked.family == FLOAT else _WEIGHTS[asked.family](asked, inputs)


def activation_quantizer(name: str) -> nn.Module | None:
    """The quantizer of a layer's input; None for ``float``.

    Raises:
        InputError: There is no such quantizer.
    """
    asked = check_activations(name)
    return None if asked.family == FLOAT else _ACTIVATIONS[asked.family](asked)
