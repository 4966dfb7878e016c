"""The distortions of :mod:`facesdk_training.config.distortions` on one crop, for the Keras engine.

The training engine ``torch`` does the same to batches on the device; there low resolution, blur,
motion and blocks have one strength for several crops, here each crop has its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

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
from facesdk_training.data.crops import CROP_SIZE

Levels = NDArray[np.float32]

_BLOCK = 8
_GREY = np.array([0.299, 0.587, 0.114], np.float32)
_FIVE_POINTS = "arcface-112x112"


def distorted(
    image: NDArray[np.uint8],
    rows: Sequence[DistortionConfig],
    height: int,
    width: int,
    progress: float,
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Distorts an aligned crop and cuts the network's window out of its middle.

    Args:
        image: uint8 [S, S, 3], RGB.
        rows: What is done to it.
        height: Rows of the result.
        width: Columns of the result.
        progress: Done share of the run, 0 to 1.
        rng: Source of all randomness; the same state gives the same result.

    Returns:
        uint8 [height, width, 3].
    """
    chosen = [row for row in rows if rng.uniform() < row.share_at(progress)]
    x = _moved(image, chosen, height, width, rng)
    for kind in _ON_LEVELS:
        for row in chosen:
            if row.name == kind:
                x = np.clip(_ON_LEVELS[kind](x, rng.uniform(*row.strength), rng), 0, 255)
    return np.asarray(np.round(x), np.uint8)


def _moved(
    image: NDArray[np.uint8],
    chosen: Sequence[DistortionConfig],
    height: int,
    width: int,
    rng: np.random.Generator,
) -> Levels:
    """Resamples once, by the map from the result's pixels to the crop's, around the middle."""
    turn, scale, mirror, narrower, wider = 0.0, 1.0, 1.0, 0.0, 0.0
    shift = np.zeros(2)
    for row in chosen:
        drawn = rng.uniform(*row.strength)
        strength = drawn * rng.choice((-1.0, 1.0))
        if row.name == "mirror":
            mirror = -mirror
        elif row.name == "rotation":
            turn += math.radians(strength)
        elif row.name == "scale":
            scale *= 1.0 + strength
        elif row.name == "shift":
            shift += strength, rng.uniform(*row.strength) * rng.choice((-1.0, 1.0))
        elif row.name == "landmarks":
            angle, size, moved = _misaligned(abs(strength), rng)
            turn, scale, shift = turn + angle, scale * size, shift + moved
        elif row.name == "keystone":
            narrower += drawn
        elif row.name == "aspect":
            wider += drawn
    cosine, sine = scale * math.cos(turn), scale * math.sin(turn)
    linear = np.array([[cosine * mirror, -sine], [sine * mirror, cosine]])
    middle = (np.array(image.shape[1::-1]) - 1) / 2 + shift
    offset = middle - linear @ ((np.array([width, height]) - 1) / 2)
    matrix = np.column_stack([linear, offset])
    options = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    how = {"flags": options, "borderMode": cv2.BORDER_REPLICATE}
    if narrower or wider:
        whole = _bent(narrower, wider, len(image)) @ np.vstack([matrix, [0, 0, 1]])
        return np.asarray(cv2.warpPerspective(image, whole, (width, height), **how), np.float32)
    return np.asarray(cv2.warpAffine(image, matrix, (width, height), **how), np.float32)


def _bent(narrower: float, wider: float, side: int) -> NDArray[np.float64]:
    """The map of "keystone", then "aspect", between pixels of a square crop, float64 [3, 3]."""
    wide, rise = keystone(max(-MOST_NARROWER, min(MOST_NARROWER, narrower)))
    across, along, down = stretch(max(-MOST_STRETCHED, min(MOST_STRETCHED, wider)))
    middle = np.array([[2 / side, 0, 1 / side - 1], [0, 2 / side, 1 / side - 1], [0, 0, 1]])
    leaning = np.array([[wide, 0, 0], [0, 1, rise], [0, rise, 1]])
    stretched = np.array([[across, 0, 0], [0, along, down], [0, 0, 1]])
    return np.asarray(np.linalg.inv(middle) @ leaning @ stretched @ middle)


def _misaligned(noise: float, rng: np.random.Generator) -> tuple[float, float, NDArray[np.float64]]:
    """Angle, scale and shift of the alignment by five points that are off by normal noise."""
    points = np.array(TEMPLATES[_FIVE_POINTS].points) - 55.5
    eyes = float(np.linalg.norm(points[1] - points[0]))
    noisy = points + eyes * noise * rng.normal(size=points.shape)
    first, second = (rows @ np.array([1.0, 1.0j]) for rows in (points, noisy))
    a, b = first - first.mean(), second - second.mean()
    factor = np.vdot(a, b) / np.vdot(a, a)
    rest = second.mean() - factor * first.mean()
    return float(np.angle(factor)), float(abs(factor)), np.array([rest.real, rest.imag])


def _low_resolution(x: Levels, rows: float, rng: np.random.Generator) -> Levels:
    height, width = x.shape[:2]
    small = max(4, round(rows * width / 112)), max(4, round(rows * height / 112))
    enlarge = cv2.INTER_CUBIC if rng.uniform() < 2 / 3 else cv2.INTER_LINEAR
    shrunk = cv2.resize(x, small, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(shrunk, (width, height), interpolation=enlarge))


def _blur(x: Levels, sigma: float, rng: np.random.Generator) -> Levels:
    side = 2 * math.ceil(3 * sigma) + 1
    blurred = cv2.GaussianBlur(x, (side, side), sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred)


def _motion(x: Levels, pixels: float, rng: np.random.Generator) -> Levels:
    return _filtered(x, motion_kernel(pixels, rng.uniform(0, math.pi)))


def _double(x: Levels, pixels: float, rng: np.random.Generator) -> Levels:
    return _filtered(x, double_kernel(pixels, rng.uniform(0, math.pi)))


def _filtered(x: Levels, kernel: Levels) -> Levels:
    return np.asarray(cv2.filter2D(x, -1, kernel, borderType=cv2.BORDER_REPLICATE))


def _either(strength: float, rng: np.random.Generator) -> float:
    return strength * float(rng.choice((-1.0, 1.0)))


def _contrast(x: Levels, strength: float, rng: np.random.Generator) -> Levels:
    mean = x.mean()
    return (x - mean) * np.float32(1 + _either(strength, rng)) + mean


def _tint(x: Levels, strength: float, rng: np.random.Generator) -> Levels:
    return x * np.float32(1 + strength * rng.uniform(-1, 1, 3))


def _gamma(x: Levels, strength: float, rng: np.random.Generator) -> Levels:
    exponent = math.exp(_either(strength, rng))
    return np.asarray(np.maximum(x / 255, 1e-4) ** exponent * 255, np.float32)


def _light(x: Levels, strength: float, rng: np.random.Generator) -> Levels:
    across, down = strength * rng.uniform(-1, 1, 2)
    slope = across * np.linspace(-1, 1, x.shape[1]) + down * np.linspace(-1, 1, x.shape[0])[:, None]
    return np.asarray(x * (1 + slope[..., None]), np.float32)


def _spot(x: Levels, levels: float, rng: np.random.Generator) -> Levels:
    deviation, offset, row = (rng.uniform(*bounds) for bounds in SPOT)
    across = np.arange(x.shape[1]) - (x.shape[1] - 1) / 2 - offset
    down = np.arange(x.shape[0])[:, None] - row
    light = levels * np.exp(-(across**2 + down**2) / (2 * deviation**2))
    return np.asarray(x + light[..., None], np.float32)


def _stripes(x: Levels, depth: float, rng: np.random.Generator) -> Levels:
    apart, (direction, phase) = rng.uniform(*STRIPES), rng.uniform(0, math.tau, 2)
    rows, columns = np.mgrid[: x.shape[0], : x.shape[1]]
    along = columns * math.cos(direction) + rows * math.sin(direction)
    wave = depth * np.sin(math.tau / apart * along + phase)
    return np.asarray(x * (1 + wave[..., None]), np.float32)


def _grey(x: Levels, strength: float, rng: np.random.Generator) -> Levels:
    return np.repeat((x @ _GREY)[..., None], 3, axis=2)


def _rectangle(x: Levels, strength: float, rng: np.random.Generator) -> Levels:
    top, left = rng.uniform(-10, x.shape[0] - 12), rng.uniform(-15, x.shape[1] - 11)
    other = strength * rng.uniform(0.5, 2.0)
    return _covered(x, (top, top + strength, left, left + other), rng.uniform(0, 255, 3))


def _mask(x: Levels, top: float, rng: np.random.Generator) -> Levels:
    left = rng.uniform(-2, 14)
    return _covered(x, (top, 224, left, left + rng.uniform(68, 92)), rng.uniform(0, 255, 3))


def _bar(x: Levels, rows: float, rng: np.random.Generator) -> Levels:
    top, left = rng.uniform(40, 47), rng.uniform(-2, 14)
    return _covered(x, (top, top + rows, left, left + rng.uniform(68, 92)), rng.uniform(0, 60, 3))


def _cover(x: Levels, share: float, rng: np.random.Generator) -> Levels:
    height, width = x.shape[:2]
    reach = share * CROP_SIZE - (CROP_SIZE - width) / 2
    left = width - reach if rng.uniform() < 0.5 else 0
    return _covered(x, (0, height, left, left + reach), rng.uniform(0, 255, 3))


def _glasses(x: Levels, taken: float, rng: np.random.Generator) -> Levels:
    offset, apart, level, width, height, exponent, rim = (
        rng.uniform(*bounds) for bounds in GLASSES.shape
    )
    across = np.abs(np.arange(x.shape[1]) - (x.shape[1] - 1) / 2 - offset)
    down = np.arange(x.shape[0])[:, None] - level

    def within(less: float) -> NDArray[np.bool_]:
        wide, high = np.abs(across - apart) / (width - less), np.abs(down) / (height - less)
        return np.asarray(wide**exponent + high**exponent <= 1)

    bridge = (across <= apart - width) & (np.abs(down + height / 4) <= rim / 2)
    lens = within(rim)
    share = np.where(lens, taken, (within(0) | bridge).astype(float))[..., None]
    return np.asarray(x + share * (rng.uniform(*GLASSES.colour, 3) - x), np.float32)


def _covered(
    x: Levels, box: tuple[float, float, float, float], colour: NDArray[np.float64]
) -> Levels:
    top, bottom, left, right = (max(0, math.ceil(side)) for side in box)
    x = x.copy()
    x[top:bottom, left:right] = colour
    return x


def _mosaic(x: Levels, squares: float, rng: np.random.Generator) -> Levels:
    """Squares are counted across the crop, of which the levels are the middle."""
    down, across = (_same_square(side, squares) for side in x.shape[:2])
    return np.asarray(np.einsum("ai,bj,ijc->abc", down, across, x, optimize=True), np.float32)


def _same_square(side: int, squares: float) -> Levels:
    """Share that each of ``side`` pixels has in the mean of each pixel's square, [side, side]."""
    places = np.arange(side) + (CROP_SIZE - side) / 2 + 0.5
    square = np.floor(places * squares / CROP_SIZE)
    same = square[:, None] == square
    return np.asarray(same / same.sum(1, keepdims=True), np.float32)


def _blocks(x: Levels, step: float, rng: np.random.Generator) -> Levels:
    line = np.arange(_BLOCK)
    basis = np.cos(math.pi / _BLOCK * (line + 0.5) * line[:, None]) * math.sqrt(2 / _BLOCK)
    basis[0] /= math.sqrt(2)
    height, width = (side // _BLOCK * _BLOCK for side in x.shape[:2])
    part = x[:height, :width].reshape(height // _BLOCK, _BLOCK, width // _BLOCK, _BLOCK, 3)
    spectrum = np.einsum("ai,rikjc,bj->rakbc", basis, part, basis)
    rounded = np.round(spectrum / step) * step
    restored = np.einsum("ai,rakbc,bj->rikjc", basis, rounded, basis)
    x = x.copy()
    x[:height, :width] = restored.reshape(height, width, 3)
    return x


def _noise(x: Levels, deviation: float, rng: np.random.Generator) -> Levels:
    return x + rng.normal(0, deviation, x.shape).astype(np.float32)


_ON_LEVELS: Mapping[str, Callable[[Levels, float, np.random.Generator], Levels]] = MappingProxyType(
    {
        "low-resolution": _low_resolution,
        "blur": _blur,
        "motion": _motion,
        "double": _double,
        "contrast": _contrast,
        "brightness": lambda x, strength, rng: x + np.float32(_either(strength, rng)),
        "tint": _tint,
        "gamma": _gamma,
        "darkness": lambda x, factor, rng: x * np.float32(factor),
        "light": _light,
        "spot": _spot,
        "stripes": _stripes,
        "grey": _grey,
        "rectangle": _rectangle,
        "mask": _mask,
        "bar": _bar,
        "cover": _cover,
        "glasses": _glasses,
        "mosaic": _mosaic,
        "blocks": _blocks,
        "noise": _noise,
    }
)
"""What changes levels, in the order in which it is applied."""
