"""Batch normalisation, PReLU and a sum in one pass, as Triton kernels, and depthwise convolutions.

A MobileFaceNet's step waits for memory. Here a map is read once for its statistics and once to be
normalised, bent and added to; on the way back map and gradient are read twice and written once.
cuDNN's gradients of depthwise convolutions of bfloat16 take four times its forward pass, so the
forward pass does what it can of them.

Maps are [N, C, H, W] with channels last, so rows of pixels [N H W, C] in memory.
"""

from __future__ import annotations

import importlib.util
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

if importlib.util.find_spec("triton") is not None:
    import triton
    from triton import language as tl
else:
    triton = None

_CHANNELS = 64
_PROGRAMS = 1056


def missing() -> str:
    """Why the kernels cannot be had; empty if they can."""
    if triton is None:
        return "the library triton is not installed"
    return "" if torch.cuda.is_available() else "there is no GPU to compile for"


if triton is not None:

    @triton.jit
    def _sums_kernel(
        x_ptr,
        shift_ptr,
        part_ptr,
        rows,
        channels,
        per,
        tile_rows: tl.constexpr,
        tile_channels: tl.constexpr,
    ):
        block = tl.program_id(0)
        cols = tl.program_id(1) * tile_channels + tl.arange(0, tile_channels)
        inside = cols < channels
        shift = tl.load(shift_ptr + cols, inside, 0.0)
        first = tl.zeros((tile_rows, tile_channels), tl.float32)
        second = tl.zeros((tile_rows, tile_channels), tl.float32)
        begin = block * per
        for start in range(0, per, tile_rows):
            lines = begin + start + tl.arange(0, tile_rows)
            mask = ((lines < rows) & (lines < begin + per))[:, None] & inside[None, :]
            at = lines[:, None].to(tl.int64) * channels + cols[None, :]
            x = tl.load(x_ptr + at, mask, 0.0).to(tl.float32)
            x = tl.where(mask, x - shift[None, :], 0.0)
            first += x
            second += x * x
        out = part_ptr + block * 2 * channels + cols
        tl.store(out, tl.sum(first, 0), inside)
        tl.store(out + channels, tl.sum(second, 0), inside)

    @triton.jit
    def _statistics_kernel(
        part_ptr,
        mean_ptr,
        rstd_ptr,
        running_mean_ptr,
        running_var_ptr,
        blocks,
        rows,
        channels,
        momentum,
        eps,
        tile_parts: tl.constexpr,
        tile_channels: tl.constexpr,
    ):
        cols = tl.program_id(0) * tile_channels + tl.arange(0, tile_channels)
        inside = cols < channels
        first = tl.zeros((tile_parts, tile_channels), tl.float32)
        second = tl.zeros((tile_parts, tile_channels), tl.float32)
        for start in range(0, blocks, tile_parts):
            lines = start + tl.arange(0, tile_parts)
            mask = (lines < blocks)[:, None] & inside[None, :]
            at = part_ptr + lines[:, None] * 2 * channels + cols[None, :]
            first += tl.load(at, mask, 0.0)
            second += tl.load(at + channels, mask, 0.0)
        shift = tl.load(running_mean_ptr + cols, inside, 0.0)
        old = tl.load(running_var_ptr + cols, inside, 1.0)
        moved = tl.sum(first, 0) / rows
        variance = tl.maximum(tl.sum(second, 0) / rows - moved * moved, 0.0)
        mean = moved + shift
        tl.store(mean_ptr + cols, mean, inside)
        tl.store(rstd_ptr + cols, 1.0 / tl.sqrt(variance + eps), inside)
        tl.store(running_mean_ptr + cols, shift + momentum * moved, inside)
        unbiased = variance * (rows / (rows - 1.0))
        tl.store(running_var_ptr + cols, old + momentum * (unbiased - old), inside)

    @triton.jit
    def _apply_kernel(
        x_ptr,
        mean_ptr,
        rstd_ptr,
        gamma_ptr,
        beta_ptr,
        slope_ptr,
        added_ptr,
        y_ptr,
        rows,
        channels,
        bends: tl.constexpr,
        adds: tl.constexpr,
        tile_rows: tl.constexpr,
        tile_channels: tl.constexpr,
    ):
        lines = tl.program_id(0) * tile_rows + tl.arange(0, tile_rows)
        cols = tl.program_id(1) * tile_channels + tl.arange(0, tile_channels)
        inside = cols < channels
        mask = (lines < rows)[:, None] & inside[None, :]
        at = lines[:, None].to(tl.int64) * channels + cols[None, :]
        scale = tl.load(gamma_ptr + cols, inside, 0.0) * tl.load(rstd_ptr + cols, inside, 0.0)
        offset = tl.load(beta_ptr + cols, inside, 0.0) - scale * tl.load(
            mean_ptr + cols, inside, 0.0
        )
        y = tl.load(x_ptr + at, mask, 0.0).to(tl.float32) * scale[None, :] + offset[None, :]
        if bends:
            slope = tl.load(slope_ptr + cols, inside, 0.0)
            y = tl.where(y > 0, y, y * slope[None, :])
        if adds:
            y += tl.load(added_ptr + at, mask, 0.0).to(tl.float32)
        tl.store(y_ptr + at, y.to(y_ptr.dtype.element_ty), mask)

    @triton.jit
    def _gradient_sums_kernel(
        x_ptr,
        g_ptr,
        mean_ptr,
        rstd_ptr,
        gamma_ptr,
        beta_ptr,
        slope_ptr,
        part_ptr,
        rows,
        channels,
        per,
        bends: tl.constexpr,
        tile_rows: tl.constexpr,
        tile_channels: tl.constexpr,
    ):
        block = tl.program_id(0)
        cols = tl.program_id(1) * tile_channels + tl.arange(0, tile_channels)
        inside = cols < channels
        mean = tl.load(mean_ptr + cols, inside, 0.0)
        rstd = tl.load(rstd_ptr + cols, inside, 0.0)
        gamma = tl.load(gamma_ptr + cols, inside, 0.0)
        beta = tl.load(beta_ptr + cols, inside, 0.0)
        slope = mean
        if bends:
            slope = tl.load(slope_ptr + cols, inside, 0.0)
        plain = tl.zeros((tile_rows, tile_channels), tl.float32)
        scaled = tl.zeros((tile_rows, tile_channels), tl.float32)
        bent = tl.zeros((tile_rows, tile_channels), tl.float32)
        begin = block * per
        for start in range(0, per, tile_rows):
            lines = begin + start + tl.arange(0, tile_rows)
            mask = ((lines < rows) & (lines < begin + per))[:, None] & inside[None, :]
            at = lines[:, None].to(tl.int64) * channels + cols[None, :]
            x = tl.load(x_ptr + at, mask, 0.0).to(tl.float32)
            g = tl.load(g_ptr + at, mask, 0.0).to(tl.float32)
            h = (x - mean[None, :]) * rstd[None, :]
            if bends:
                z = h * gamma[None, :] + beta[None, :]
                bent += tl.where(z > 0, 0.0, g * z)
                g = tl.where(z > 0, g, g * slope[None, :])
            plain += g
            scaled += g * h
        out = part_ptr + block * 3 * channels + cols
        tl.store(out, tl.sum(plain, 0), inside)
        tl.store(out + channels, tl.sum(scaled, 0), inside)
        tl.store(out + 2 * channels, tl.sum(bent, 0), inside)

    @triton.jit
    def _gather_kernel(
        part_ptr,
        out_ptr,
        blocks,
        width,
        tile_parts: tl.constexpr,
        tile_channels: tl.constexpr,
    ):
        cols = tl.program_id(0) * tile_channels + tl.arange(0, tile_channels)
        inside = cols < width
        total = tl.zeros((tile_parts, tile_channels), tl.float32)
        for start in range(0, blocks, tile_parts):
            lines = start + tl.arange(0, tile_parts)
            mask = (lines < blocks)[:, None] & inside[None, :]
            total += tl.load(part_ptr + lines[:, None] * width + cols[None, :], mask, 0.0)
        tl.store(out_ptr + cols, tl.sum(total, 0), inside)

    @triton.jit
    def _gradient_kernel(
        x_ptr,
        g_ptr,
        mean_ptr,
        rstd_ptr,
        gamma_ptr,
        beta_ptr,
        slope_ptr,
        sums_ptr,
        out_ptr,
        rows,
        channels,
        bends: tl.constexpr,
        tile_rows: tl.constexpr,
        tile_channels: tl.constexpr,
    ):
        lines = tl.program_id(0) * tile_rows + tl.arange(0, tile_rows)
        cols = tl.program_id(1) * tile_channels + tl.arange(0, tile_channels)
        inside = cols < channels
        mask = (lines < rows)[:, None] & inside[None, :]
        at = lines[:, None].to(tl.int64) * channels + cols[None, :]
        mean = tl.load(mean_ptr + cols, inside, 0.0)
        rstd = tl.load(rstd_ptr + cols, inside, 0.0)
        gamma = tl.load(gamma_ptr + cols, inside, 0.0)
        plain = tl.load(sums_ptr + cols, inside, 0.0) / rows
        scaled = tl.load(sums_ptr + channels + cols, inside, 0.0) / rows
        x = tl.load(x_ptr + at, mask, 0.0).to(tl.float32)
        g = tl.load(g_ptr + at, mask, 0.0).to(tl.float32)
        h = (x - mean[None, :]) * rstd[None, :]
        if bends:
            beta = tl.load(beta_ptr + cols, inside, 0.0)
            slope = tl.load(slope_ptr + cols, inside, 0.0)
            z = h * gamma[None, :] + beta[None, :]
            g = tl.where(z > 0, g, g * slope[None, :])
        g = (gamma * rstd)[None, :] * (g - plain[None, :] - h * scaled[None, :])
        tl.store(out_ptr + at, g.to(out_ptr.dtype.element_ty), mask)

    @triton.jit
    def _depthwise_gradient_kernel(
        g_ptr,
        w_ptr,
        out_ptr,
        rows,
        channels,
        height,
        width,
        out_height,
        out_width,
        stride: tl.constexpr,
        top: tl.constexpr,
        left: tl.constexpr,
        tile_rows: tl.constexpr,
        tile_channels: tl.constexpr,
    ):
        lines = tl.program_id(0) * tile_rows + tl.arange(0, tile_rows)
        cols = tl.program_id(1) * tile_channels + tl.arange(0, tile_channels)
        inside = cols < channels
        across = lines % out_width
        down = (lines // out_width) % out_height
        image = lines // (out_width * out_height)
        total = tl.zeros((tile_rows, tile_channels), tl.float32)
        for i in tl.static_range(3):
            for j in tl.static_range(3):
                row = down + top - i
                col = across + left - j
                fits = (row >= 0) & (col >= 0) & (row % stride == 0) & (col % stride == 0)
                row = row // stride
                col = col // stride
                fits = fits & (row < height) & (col < width) & (lines < rows)
                mask = fits[:, None] & inside[None, :]
                at = ((image * height + row) * width + col)[:, None].to(tl.int64) * channels
                value = tl.load(g_ptr + at + cols[None, :], mask, 0.0).to(tl.float32)
                weight = tl.load(w_ptr + (i * 3 + j) * channels + cols, inside, 0.0)
                total += value * weight.to(tl.float32)[None, :]
        at = lines[:, None].to(tl.int64) * channels + cols[None, :]
        mask = (lines < rows)[:, None] & inside[None, :]
        tl.store(out_ptr + at, total.to(out_ptr.dtype.element_ty), mask)


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
    _gather_kernel[(-(-width // 16),)](parts, out, blocks, width, tile_parts=64, tile_channels=16)
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
        _sums_kernel[(blocks, wide)](
            x, running_mean, parts, rows, channels, per, tile_rows=32, tile_channels=_CHANNELS
        )
        mean, rstd = torch.empty(2, channels, device=x.device)
        _statistics_kernel[(-(-channels // 16),)](
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
        _apply_kernel[(-(-rows // 64), wide)](
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
        _gradient_sums_kernel[(blocks, wide)](
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
        _gradient_kernel[(-(-rows // 64), wide)](
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


class _Depthwise(torch.autograd.Function):
    """The gradient of the input is a convolution itself where the stride is 1."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        kernel: Tensor,
        stride: int,
        top: int,
        left: int,
        size: tuple[int, int],
    ) -> Tensor:
        height, width = x.shape[2:]
        weights, padding = kernel.detach().to(x.dtype), (top, left)
        if stride != 1:
            below = (size[0] - 1) * stride + 3 - height - top
            right = (size[1] - 1) * stride + 3 - width - left
            x, padding = functional.pad(x, (left, right, top, below)), (0, 0)
        y = functional.conv2d(x, weights, None, stride, padding, groups=x.shape[1])
        ctx.save_for_backward(x, weights)
        ctx.given = stride, top, left, padding, (height, width)
        return y

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        x, weights = ctx.saved_tensors
        stride, top, left, padding, (height, width) = ctx.given
        count, channels = x.shape[:2]
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        if stride == 1:
            borders = (2 - top, 2 - left)
            out = functional.conv2d(gradient, weights.flip(2, 3), None, 1, borders, groups=channels)
        else:
            out = torch.empty(
                (count, channels, height, width),
                device=x.device,
                dtype=x.dtype,
                memory_format=torch.channels_last,
            )
            rows = count * height * width
            _depthwise_gradient_kernel[(-(-rows // 32), -(-channels // _CHANNELS))](
                gradient,
                weights.view(channels, 9).t().contiguous(),
                out,
                rows,
                channels,
                *gradient.shape[2:],
                height,
                width,
                stride=stride,
                top=top,
                left=left,
                tile_rows=32,
                tile_channels=_CHANNELS,
            )
        _, learned, _ = torch.ops.aten.convolution_backward(
            gradient,
            x,
            weights,
            None,
            (stride, stride),
            padding,
            (1, 1),
            False,
            (0, 0),
            channels,
            (False, True, False),
        )
        return out, learned.float(), None, None, None, None


def depthwise(
    x: Tensor, kernel: Tensor, stride: int, borders: tuple[int, int], size: tuple[int, int]
) -> Tensor:
    """A depthwise convolution of 3x3.

    Args:
        x: [N, C, H, W].
        kernel: float32 [C, 1, 3, 3].
        stride: Along both axes.
        borders: Zeros above and to the left.
        size: Rows and columns of the result.
    """
    result: Tensor = _Depthwise.apply(x, kernel, stride, *borders, size)
    return result
