"""Batch normalisation, PReLU and a sum in one pass, as Triton kernels.

A map is read once for its statistics and once to be normalised, bent and added to; on the way back
map and gradient are read twice and written once. Maps are [N, C, H, W] with channels last, so rows
of pixels [N H W, C] in memory.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from facesdk_training.torch.networks.kernels import normalisation_kernels as kernels

_CHANNELS = 64
_PROGRAMS = 1056


def _shares(rows: int, channels: int) -> tuple[int, int]:
    """Programs along the rows, and rows of each: a multiple of 32."""
    wide = -(-channels // _CHANNELS)
    programs = max(1, min(-(-rows // 64), _PROGRAMS // wide))
    per = -(-rows // programs)
    per = -(-per // 32) * 32
    return -(-rows // per), per


def _gathered(parts: Tensor) -> Tensor:
    blocks, width = parts.shape[0], parts[0].numel()
    out = parts.new_empty(parts.shape[1:])
    kernels.gather_kernel[(-(-width // 16),)](
        parts, out, blocks, width, tile_parts=64, tile_channels=16
    )
    return out


class _Normalised(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        gamma: Tensor,
        beta: Tensor,
        slope: Tensor | None,
        added: Tensor | None,
        running_mean: Tensor,
        running_var: Tensor,
        momentum: float,
        eps: float,
    ) -> Tensor:
        x = x.contiguous(memory_format=torch.channels_last)
        count, channels, height, width = x.shape
        rows = count * height * width
        blocks, per = _shares(rows, channels)
        wide = -(-channels // _CHANNELS)
        parts = torch.empty(blocks, 2, channels, device=x.device)
        kernels.sums_kernel[(blocks, wide)](
            x, running_mean, parts, rows, channels, per, tile_rows=32, tile_channels=_CHANNELS
        )
        mean, rstd = torch.empty(2, channels, device=x.device)
        kernels.statistics_kernel[(-(-channels // 16),)](
            parts,
            mean,
            rstd,
            running_mean,
            running_var,
            blocks,
            rows,
            channels,
            momentum,
            eps,
            tile_parts=64,
            tile_channels=16,
        )
        y = torch.empty_like(x)
        if added is not None:
            added = added.contiguous(memory_format=torch.channels_last)
        kernels.apply_kernel[(-(-rows // 64), wide)](
            x,
            mean,
            rstd,
            gamma,
            beta,
            gamma if slope is None else slope,
            x if added is None else added,
            y,
            rows,
            channels,
            bends=slope is not None,
            adds=added is not None,
            tile_rows=64,
            tile_channels=_CHANNELS,
        )
        ctx.save_for_backward(x, gamma, beta, slope, mean, rstd)
        ctx.added = added is not None
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        x, gamma, beta, slope, mean, rstd = ctx.saved_tensors
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        count, channels, height, width = x.shape
        rows = count * height * width
        blocks, per = _shares(rows, channels)
        wide = -(-channels // _CHANNELS)
        parts = torch.empty(blocks, 3, channels, device=x.device)
        bent = slope is not None
        given = slope if bent else gamma
        kernels.gradient_sums_kernel[(blocks, wide)](
            x,
            gradient,
            mean,
            rstd,
            gamma,
            beta,
            given,
            parts,
            rows,
            channels,
            per,
            bends=bent,
            tile_rows=32,
            tile_channels=_CHANNELS,
        )
        sums = _gathered(parts)
        out = torch.empty_like(x)
        kernels.gradient_kernel[(-(-rows // 64), wide)](
            x,
            gradient,
            mean,
            rstd,
            gamma,
            beta,
            given,
            sums,
            out,
            rows,
            channels,
            bends=bent,
            tile_rows=64,
            tile_channels=_CHANNELS,
        )
        return (
            out,
            sums[1],
            sums[0],
            sums[2] if bent else None,
            gradient if ctx.added else None,
            None,
            None,
            None,
            None,
        )


def normalised(
    x: Tensor, layer: nn.BatchNorm2d, slope: Tensor | None = None, added: Tensor | None = None
) -> Tensor:
    """Batch normalisation in training, then PReLU, then a sum.

    Args:
        x: [N, C, H, W].
        layer: Scales, offsets and running statistics, which are updated.
        slope: float32 [C], PReLU's; None for none.
        added: [N, C, H, W], added to the result; None for nothing.

    Returns:
        Of the type of ``x``, channels last.
    """
    result: Tensor = _Normalised.apply(
        x,
        layer.weight,
        layer.bias,
        slope,
        added,
        layer.running_mean,
        layer.running_var,
        layer.momentum,
        layer.eps,
    )
    return result
