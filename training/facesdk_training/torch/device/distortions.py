"""The distortions of :mod:`facesdk_training.config.distortions` on a batch that is on the device.

All geometry of a crop is one transform, so it is interpolated once. What depends on a size that all
crops of an operation share (low resolution, blur, motion) is done to slices of the batch, whose
order is random; everything else has a strength per crop.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from facesdk.models.templates import TEMPLATES
from facesdk_training.config.distortions import (
    GLASSES,
    MOST_NARROWER,
    MOST_STRETCHED,
    SPOT,
    STRIPES,
    DistortionConfig,
    double_kernel,
    keystone,
    motion_kernel,
    stretch,
)
from facesdk_training.data.crops import CROP_SIZE, INPUT

_GREY = (0.299, 0.587, 0.114)
_SLICES = 3
_BLOCK = 8
_FIVE_POINTS = "arcface-112x112"


@functools.cache
def _constant(values: tuple[Any, ...], device: torch.device) -> Tensor:
    """Numbers on the device, copied once: a copy from the processor waits for the device."""
    return torch.tensor(values, dtype=torch.float32, device=device)


def _uniform(x: Tensor, least: float, most: float, *shape: int) -> Tensor:
    return torch.empty(len(x), *(shape or (1, 1, 1)), device=x.device).uniform_(least, most)


def _either_way(x: Tensor, least: float, most: float, *shape: int) -> Tensor:
    strength = _uniform(x, least, most, *shape)
    return torch.where(torch.rand_like(strength) < 0.5, -strength, strength)


def _chosen(x: Tensor, share: float) -> Tensor:
    return torch.rand(len(x), 1, 1, 1, device=x.device) < share


@dataclass(frozen=True, slots=True)
class Distortions:
    """Rows of a configuration, for a network's input.

    Attributes:
        rows: What is done to a crop.
        height: Rows of the network's input.
        width: Columns of the network's input.
    """

    rows: Sequence[DistortionConfig]
    height: int
    width: int

    def __call__(self, crops: Tensor, progress: float) -> Tensor:
        """Distorts a batch in random order, and cuts the network's window out of its middle.

        Args:
            crops: float32 [N, 3, S, S], RGB levels 0 to 255, in random order.
            progress: Done share of the run, 0 to 1.

        Returns:
            float32 [N, 3, height, width], normalised as the network's input, channels last.
        """
        shares = {(n, row.name): row.share_at(progress) for n, row in enumerate(self.rows)}
        active = [(row, shares[n, row.name]) for n, row in enumerate(self.rows)]
        active = [(row, share) for row, share in active if share > 0]
        x = self._geometry(crops, active)
        first = 0
        for row, share in active:
            if row.name in ("low-resolution", "blur", *LINES):
                first = _in_slices(x, row, share, first)
        x = photometric(x, _photometric_draws(x, active))
        for name, change in (("mosaic", _mosaic), ("blocks", _blocks)):
            for row, share in active:
                if row.name == name:
                    x = change(x, share, *row.strength)
        x = with_noise(x, _noise_draws(x, active))
        return ((x - INPUT.mean) / INPUT.scale).contiguous(memory_format=torch.channels_last)

    def _geometry(self, x: Tensor, active: Sequence[tuple[DistortionConfig, float]]) -> Tensor:
        """Resamples by the map from the result's pixels to the crop's, around the middle."""
        count = len(x)
        turn = torch.zeros(count, device=x.device)
        scale, mirror = torch.ones_like(turn), torch.ones_like(turn)
        shift = torch.zeros(count, 2, device=x.device)
        narrower, wider = torch.zeros_like(turn), torch.zeros_like(turn)
        for row, share in active:
            least, most = row.strength
            chosen = torch.rand(count, device=x.device) < share
            if row.name == "mirror":
                mirror = torch.where(chosen, -mirror, mirror)
            elif row.name == "rotation":
                turn = turn + chosen * _either_way(x, least, most, 1)[:, 0] * (math.pi / 180)
            elif row.name == "scale":
                scale = scale * (1 + chosen * _either_way(x, least, most, 1)[:, 0])
            elif row.name == "shift":
                shift = shift + chosen[:, None] * _either_way(x, least, most, 2)
            elif row.name == "landmarks":
                noise = chosen[:, None] * _uniform(x, least, most, 1)
                angle, size, moved = _misaligned(noise)
                turn, scale, shift = turn + angle, scale * size, shift + moved
            elif row.name == "keystone":
                narrower = narrower + chosen * _uniform(x, least, most, 1)[:, 0]
            elif row.name == "aspect":
                wider = wider + chosen * _uniform(x, least, most, 1)[:, 0]
        # grid_sample takes coordinates from -1 to 1 across the whole crop
        half = CROP_SIZE / 2
        cosine, sine = scale * torch.cos(turn), scale * torch.sin(turn)
        wide, high = self.width / CROP_SIZE, self.height / CROP_SIZE
        matrix = torch.stack(
            [
                torch.stack([cosine * wide * mirror, -sine * high, shift[:, 0] / half], 1),
                torch.stack([sine * wide * mirror, cosine * high, shift[:, 1] / half], 1),
            ],
            1,
        )
        grid = functional.affine_grid(matrix, [count, 3, self.height, self.width], False)
        if any(row.name in ("keystone", "aspect") for row, _ in active):
            grid = _bent(grid, narrower, wider)
        return functional.grid_sample(x, grid, padding_mode="border", align_corners=False)


def _bent(grid: Tensor, narrower: Tensor, wider: Tensor) -> Tensor:
    """Places [N, H, W, 2] of a crop under "keystone", then "aspect", by strengths [N]."""
    leaning = keystone(narrower.clamp(-MOST_NARROWER, MOST_NARROWER))
    stretched = stretch(wider.clamp(-MOST_STRETCHED, MOST_STRETCHED))
    wide, rise, across, along, down = (row[:, None, None] for row in (*leaning, *stretched))
    x, y = grid.unbind(-1)
    x, y = across * x, along * y + down
    return torch.stack([wide * x, y + rise], -1) / (1 + rise * y)[..., None]


def _misaligned(noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What an alignment by five points does whose landmarks are off by normal noise.

    Args:
        noise: float32 [N, 1], standard deviation in distances between the eyes.

    Returns:
        Angle in radians [N], scale [N] and shift in pixels [N, 2] of the least-squares similarity
        transform from the true to the noisy points, about the middle of the crop.
    """
    points = _constant(TEMPLATES[_FIVE_POINTS].points, noise.device) - (CROP_SIZE - 1) / 2
    eyes = torch.linalg.vector_norm(points[1] - points[0])
    moved = points + eyes * noise[:, :, None] * torch.randn(len(noise), 5, 2, device=noise.device)
    middle, middles = points.mean(0), moved.mean(1)
    a, b = points - middle, moved - middles[:, None]
    energy = a.square().sum()
    real = (a * b).sum((1, 2)) / energy
    imaginary = (a[:, 0] * b[:, :, 1] - a[:, 1] * b[:, :, 0]).sum(1) / energy
    turned = torch.stack(
        [real * middle[0] - imaginary * middle[1], imaginary * middle[0] + real * middle[1]], 1
    )
    return torch.atan2(imaginary, real), torch.hypot(real, imaginary), middles - turned


def _in_slices(x: Tensor, row: DistortionConfig, share: float, first: int) -> int:
    """Changes the next share of the batch in place, each third by one strength; the row after."""
    least, most = row.strength
    part = max(1, round(len(x) * share / _SLICES))
    for number in range(_SLICES):
        rows = slice(first % len(x), min(len(x), first % len(x) + part))
        strength = float(torch.empty(()).uniform_(least, most))
        if row.name == "blur":
            x[rows] = _blurred(x[rows], strength)
        elif row.name in LINES:
            direction = float(torch.empty(()).uniform_(0, math.pi))
            x[rows] = _filtered(x[rows], LINES[row.name](strength, direction))
        else:
            height, width = x.shape[2:]
            small = (
                max(4, round(strength * height / CROP_SIZE)),
                max(4, round(strength * width / CROP_SIZE)),
            )
            mode = "bicubic" if number else "bilinear"
            shrunk = functional.interpolate(x[rows], small, mode="bilinear", antialias=True)
            x[rows] = functional.interpolate(shrunk, (height, width), mode=mode).clamp(0, 255)
        first += part
    return first


def _blurred(x: Tensor, sigma: float) -> Tensor:
    reach = min(math.ceil(3 * sigma), min(x.shape[2:]) - 1)
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=x.device) / sigma) ** 2)
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1).repeat(3, 1, 1, 1)
    x = functional.pad(x, (reach, reach, reach, reach), mode="replicate")
    x = functional.conv2d(x, kernel, groups=3)
    return functional.conv2d(x, kernel.transpose(2, 3), groups=3)


LINES: dict[str, Callable[[float, float], NDArray[np.float32]]] = {
    "motion": motion_kernel,
    "double": double_kernel,
}
"""Kernels of a length and a direction."""


def _filtered(x: Tensor, kernel: NDArray[np.float32]) -> Tensor:
    reach = len(kernel) // 2
    x = functional.pad(x, (reach, reach, reach, reach), mode="replicate")
    weights = torch.from_numpy(kernel).to(x.device)
    return functional.conv2d(x, weights.expand(3, 1, -1, -1), groups=3)


Draws = dict[str, list[Tensor]]


def _photometric_draws(x: Tensor, active: Sequence[tuple[DistortionConfig, float]]) -> Draws:
    """Strengths per crop of what only changes levels, neutral where a crop is not chosen."""
    names = ("gain", "offset", "tint", "gamma", "dark", "light_x", "light_y", "spot", "stripes")
    draws: Draws = {name: [] for name in (*names, "grey", "box", "colour", "glasses", "frame")}
    for row, share in active:
        chosen, (least, most) = _chosen(x, share), row.strength
        if row.name == "contrast":
            draws["gain"].append(1 + chosen * _either_way(x, least, most))
        elif row.name == "brightness":
            draws["offset"].append(chosen * _either_way(x, least, most))
        elif row.name == "tint":
            draws["tint"].append(1 + chosen * _either_way(x, least, most, 3, 1, 1))
        elif row.name == "gamma":
            draws["gamma"].append(torch.exp(chosen * _either_way(x, least, most)))
        elif row.name == "darkness":
            draws["dark"].append(torch.where(chosen, _uniform(x, least, most), 1.0))
        elif row.name == "light":
            strength = chosen * _uniform(x, least, most)
            draws["light_x"].append(strength * _uniform(x, -1, 1))
            draws["light_y"].append(strength * _uniform(x, -1, 1))
        elif row.name == "spot":
            shape = [_uniform(x, *each) for each in SPOT]
            draws["spot"].append(torch.cat([chosen * _uniform(x, least, most), *shape], 1))
        elif row.name == "stripes":
            waves = [_uniform(x, *each) for each in (STRIPES, (0, math.tau), (0, math.tau))]
            draws["stripes"].append(torch.cat([chosen * _uniform(x, least, most), *waves], 1))
        elif row.name == "grey":
            draws["grey"].append(chosen.float())
        elif row.name in _BOXES:
            box, colour = _BOXES[row.name](x, least, most)
            draws["box"].append(torch.where(chosen, box, -1.0))
            draws["colour"].append(colour)
        elif row.name == "glasses":
            draws["glasses"].append(torch.where(chosen, _glasses(x, least, most), 0.0))
            draws["frame"].append(_uniform(x, *GLASSES.colour, 3, 1, 1))
    return draws


def _rectangle(x: Tensor, least: float, most: float) -> tuple[Tensor, Tensor]:
    high, wide = _uniform(x, least, most), _uniform(x, least, most)
    top, left = _uniform(x, -10, x.shape[2] - 12), _uniform(x, -15, x.shape[3] - 11)
    return torch.cat([top, top + high, left, left + wide], 1), _uniform(x, 0, 255, 3, 1, 1)


def _mask(x: Tensor, least: float, most: float) -> tuple[Tensor, Tensor]:
    top, left = _uniform(x, least, most), _uniform(x, -2, 14)
    right = left + _uniform(x, 68, 92)
    return torch.cat([top, top + CROP_SIZE, left, right], 1), _uniform(x, 0, 255, 3, 1, 1)


def _bar(x: Tensor, least: float, most: float) -> tuple[Tensor, Tensor]:
    top, left = _uniform(x, 40, 47), _uniform(x, -2, 14)
    bottom, right = top + _uniform(x, least, most), left + _uniform(x, 68, 92)
    return torch.cat([top, bottom, left, right], 1), _uniform(x, 0, 60, 3, 1, 1)


def _cover(x: Tensor, least: float, most: float) -> tuple[Tensor, Tensor]:
    height, width = x.shape[2:]
    reach = _uniform(x, least, most) * CROP_SIZE - (CROP_SIZE - width) / 2
    left = torch.where(_chosen(x, 0.5), width - reach, 0.0)
    box = torch.cat([torch.zeros_like(left), torch.full_like(left, height), left, left + reach], 1)
    return box, _uniform(x, 0, 255, 3, 1, 1)


def _glasses(x: Tensor, least: float, most: float) -> Tensor:
    return torch.cat([_uniform(x, *each) for each in ((least, most), *GLASSES.shape)], 1)


_BOXES = {"rectangle": _rectangle, "mask": _mask, "bar": _bar, "cover": _cover}


def photometric(x: Tensor, draws: Draws) -> Tensor:
    """Changes levels and covers parts, [N, 3, H, W]; pure, so that it can be compiled as one."""
    mean = x.mean((1, 2, 3), keepdim=True)
    for gain in draws["gain"]:
        x = (x - mean) * gain + mean
    for offset in draws["offset"]:
        x = x + offset
    for tint in draws["tint"]:
        x = x * tint
    x = x.clamp(0, 255)
    for gamma in draws["gamma"]:
        x = (x / 255).clamp_min(1e-4) ** gamma * 255
    for dark in draws["dark"]:
        x = x * dark
    across = torch.linspace(-1, 1, x.shape[3], device=x.device).view(1, 1, 1, -1)
    down = torch.linspace(-1, 1, x.shape[2], device=x.device).view(1, 1, -1, 1)
    for horizontal, vertical in zip(draws["light_x"], draws["light_y"], strict=True):
        x = x * (1 + across * horizontal + down * vertical)
    rows = torch.arange(x.shape[2], device=x.device).view(1, 1, -1, 1)
    columns = torch.arange(x.shape[3], device=x.device).view(1, 1, 1, -1)
    for spot in draws["spot"]:
        levels, deviation, offset, row = spot.split(1, 1)
        middle = (x.shape[3] - 1) / 2 + offset
        squared = (columns - middle) ** 2 + (rows - row) ** 2
        x = (x + levels * torch.exp(-squared / (2 * deviation**2))).clamp(0, 255)
    for stripes in draws["stripes"]:
        depth, apart, direction, phase = stripes.split(1, 1)
        along = columns * torch.cos(direction) + rows * torch.sin(direction)
        x = (x * (1 + depth * torch.sin(math.tau / apart * along + phase))).clamp(0, 255)
    weights = _constant(_GREY, x.device).view(1, 3, 1, 1)
    for chosen in draws["grey"]:
        x = torch.where(chosen > 0, (x * weights).sum(1, keepdim=True), x)
    for box, colour in zip(draws["box"], draws["colour"], strict=True):
        top, bottom, left, right = (box[:, n : n + 1] for n in range(4))
        hidden = (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)
        x = torch.where(hidden, colour, x)
    for glasses, colour in zip(draws["glasses"], draws["frame"], strict=True):
        x = x + _share_hidden(glasses, rows, columns) * (colour - x)
    return x


def _share_hidden(glasses: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """How much of each pixel drawn glasses hide, 0 to 1, [N, 1, H, W]; all 0 where they are 0."""
    taken, offset, apart, level, width, height, exponent, rim = glasses.split(1, 1)
    across = (columns - (columns.shape[3] - 1) / 2 - offset).abs()
    down = rows - level

    def within(less: Tensor | float) -> Tensor:
        wide, high = (width - less).clamp_min(1e-3), (height - less).clamp_min(1e-3)
        return ((across - apart).abs() / wide) ** exponent + (down.abs() / high) ** exponent <= 1

    bridge = (across <= apart - width) & ((down + height / 4).abs() <= rim / 2)
    share = torch.where(within(rim), taken, (within(0.0) | bridge).float())
    return torch.where(width > 0, share, 0.0)


def _mosaic(x: Tensor, share: float, least: float, most: float) -> Tensor:
    """Gives each pixel its square's mean, in place; one random crop in 1 / share."""
    rows = _some(x, share)
    part = x[rows]
    squares = _uniform(part, least, most, 1)
    down, across = (_same_square(side, squares) for side in x.shape[2:])
    x[rows] = down[:, None] @ part @ across[:, None].transpose(2, 3)
    return x


def _same_square(side: int, squares: Tensor) -> Tensor:
    """Share of each of ``side`` pixels in the mean of each one's square, [N, side, side]."""
    places = torch.arange(side, device=squares.device) + (CROP_SIZE - side) / 2 + 0.5
    square = torch.floor(places * squares / CROP_SIZE)
    same = (square[:, :, None] == square[:, None]).float()
    return same / same.sum(2, keepdim=True)


def _some(x: Tensor, share: float) -> slice:
    """That share of a batch in random order, at least one of it."""
    count = max(1, round(len(x) * share))
    first = int(torch.randint(0, len(x) - count + 1, ()))
    return slice(first, first + count)


def _blocks(x: Tensor, share: float, least: float, most: float) -> Tensor:
    """Rounds the coefficients of 8x8 cosine transforms, in place; one random crop in 1 / share."""
    rows = _some(x, share)
    height, width = (side // _BLOCK * _BLOCK for side in x.shape[2:])
    part = x[rows, :, :height, :width]
    count = len(part)
    line = torch.arange(_BLOCK, device=x.device, dtype=torch.float32)
    basis = torch.cos(math.pi / _BLOCK * (line[None] + 0.5) * line[:, None]) * math.sqrt(2 / _BLOCK)
    basis[0] /= math.sqrt(2)
    blocks = part.reshape(count, 3, height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK)
    blocks = blocks.permute(0, 1, 2, 4, 3, 5)
    step = _uniform(part, least, most, 1, 1, 1, 1, 1)
    spectrum = torch.round(basis @ blocks @ basis.T / step) * step
    blocks = (basis.T @ spectrum @ basis).permute(0, 1, 2, 4, 3, 5)
    x[rows, :, :height, :width] = blocks.reshape(count, 3, height, width)
    return x


def _noise_draws(x: Tensor, active: Sequence[tuple[DistortionConfig, float]]) -> list[Tensor]:
    return [
        _chosen(x, share) * _uniform(x, *row.strength)
        for row, share in active
        if row.name == "noise"
    ]


def with_noise(x: Tensor, deviations: Sequence[Tensor]) -> Tensor:
    """Adds normal noise of a deviation per crop, and keeps levels within 0 to 255."""
    for deviation in deviations:
        x = x + torch.randn_like(x) * deviation
    return x.clamp(0, 255)
