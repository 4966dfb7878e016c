"""The Triton kernels of :mod:`.normalisation`, one program for a tile of pixels and channels.

Forward: ``sums_kernel``, ``statistics_kernel``, ``apply_kernel``. Backward:
``gradient_sums_kernel``, ``gather_kernel``, ``gradient_kernel``. Sums are partial, of a share of
the rows each, and added up by the kernel after.
"""

from __future__ import annotations

import triton
from triton import language as tl


@triton.jit
def sums_kernel(
    x_ptr,
    shift_ptr,
    part_ptr,
    rows,
    channels,
    per,
    tile_rows: tl.constexpr,
    tile_channels: tl.constexpr,
):
    """Sums of x - shift and of its squares: part [blocks, 2, channels]."""
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
def statistics_kernel(
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
    """Mean and 1 / standard deviation from such sums, and the running statistics."""
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
def apply_kernel(
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
    """Stores gamma (x - mean) rstd + beta, bent by PReLU, and added to."""
    lines = tl.program_id(0) * tile_rows + tl.arange(0, tile_rows)
    cols = tl.program_id(1) * tile_channels + tl.arange(0, tile_channels)
    inside = cols < channels
    mask = (lines < rows)[:, None] & inside[None, :]
    at = lines[:, None].to(tl.int64) * channels + cols[None, :]
    scale = tl.load(gamma_ptr + cols, inside, 0.0) * tl.load(rstd_ptr + cols, inside, 0.0)
    offset = tl.load(beta_ptr + cols, inside, 0.0) - scale * tl.load(mean_ptr + cols, inside, 0.0)
    y = tl.load(x_ptr + at, mask, 0.0).to(tl.float32) * scale[None, :] + offset[None, :]
    if bends:
        slope = tl.load(slope_ptr + cols, inside, 0.0)
        y = tl.where(y > 0, y, y * slope[None, :])
    if adds:
        y += tl.load(added_ptr + at, mask, 0.0).to(tl.float32)
    tl.store(y_ptr + at, y.to(y_ptr.dtype.element_ty), mask)


@triton.jit
def gradient_sums_kernel(
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
    """Sums for the gradients of beta, gamma and slope: part [blocks, 3, channels]."""
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
def gather_kernel(
    part_ptr,
    out_ptr,
    blocks,
    width,
    tile_parts: tl.constexpr,
    tile_channels: tl.constexpr,
):
    """Adds partial sums up: [blocks, width] to [width]."""
    cols = tl.program_id(0) * tile_channels + tl.arange(0, tile_channels)
    inside = cols < width
    total = tl.zeros((tile_parts, tile_channels), tl.float32)
    for start in range(0, blocks, tile_parts):
        lines = start + tl.arange(0, tile_parts)
        mask = (lines < blocks)[:, None] & inside[None, :]
        total += tl.load(part_ptr + lines[:, None] * width + cols[None, :], mask, 0.0)
    tl.store(out_ptr + cols, tl.sum(total, 0), inside)


@triton.jit
def gradient_kernel(
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
    """The gradient of x, from that of y and the sums."""
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
