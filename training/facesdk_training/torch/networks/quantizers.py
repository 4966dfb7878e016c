"""The quantizers of :mod:`facesdk_training.keras.networks.quantizers` for PyTorch.

Its table says what each name computes, forward and backward, and where it comes from. Weights are
[outputs, inputs, height, width] here, so a filter is the first axis.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import Function


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


class ClippedSign(nn.Module):
    """``bnn``: sign(x), gradient 1 for |x| <= 1."""

    def forward(self, x: Tensor) -> Tensor:
        """-1 where the input is negative, else +1."""
        signs: Tensor = _ClippedSign.apply(x)
        return signs


class PolynomialSign(nn.Module):
    """``bi-real``: sign(x), gradient 2 - 2|x| for |x| < 1."""

    def forward(self, x: Tensor) -> Tensor:
        """-1 where the input is negative, else +1."""
        signs: Tensor = _PolynomialSign.apply(x)
        return signs
