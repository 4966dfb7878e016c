"""Depthwise convolutions of 3x3 whose gradients cost what their forward pass does.

cuDNN's gradients of depthwise convolutions of bfloat16 take four times its forward pass, so the
forward pass does what it can of them: with stride 1 the gradient of the input is a convolution
itself. With stride 2 it is a Triton kernel.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
from torch import Tensor
from torch.nn import functional
from triton import language as tl

_CHANNELS = 64


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


class _Depthwise(torch.autograd.Function):
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
