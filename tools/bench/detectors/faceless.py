"""Photos without a face: those that come with packages, parts of them, and computed textures."""

from __future__ import annotations

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray
from sklearn.datasets import load_sample_images

Photo = NDArray[np.uint8]

WIDTH, HEIGHT = 640, 480
FACELESS = (
    *("coffee", "rocket", "chelsea", "coins", "brick", "grass", "gravel", "page", "text", "moon"),
    *("hubble_deep_field", "immunohistochemistry", "clock", "cell", "retina", "colorwheel"),
    "horse",
)
"""Of scikit-image's. `camera` shows a man from the side, `astronaut` and `lfw_subset` faces."""

COARSEST = 8
"""Cells of the coarsest noise across a photo."""


def packaged() -> list[Photo]:
    """The photos of scikit-image and scikit-learn that show no face, uint8 RGB of any size."""
    found = [getattr(skimage.data, name)() for name in FACELESS]
    found += [*skimage.data.stereo_motorcycle()[:2], *load_sample_images().images]
    return [_rgb(image) for image in found]


def photos(count: int, *, seed: int = 0) -> list[Photo]:
    """So many photos of 640x480: a third textures, the rest parts of the packaged photos.

    The parts are of any size from 80 pixels, mirrored, turned by quarters and lit differently, so
    that they are neither upright nor as large as they were: what a detector says of them is a rate
    for such pictures, not for holiday photos.

    Args:
        count: How many.
        seed: The same photos for the same seed and packages.
    """
    whole = packaged()
    found = []
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        found.append(_texture(rng) if number % 3 == 0 else _part(whole, rng))
    return found


def _rgb(image: NDArray[np.generic]) -> Photo:
    values = image * 255 if image.dtype == bool else image
    values = np.stack([values] * 3, axis=-1) if values.ndim == 2 else values[..., :3]
    return np.ascontiguousarray(values, dtype=np.uint8)


def _part(whole: list[Photo], rng: np.random.Generator) -> Photo:
    photo = np.rot90(whole[int(rng.integers(len(whole)))], int(rng.integers(4)))
    if rng.integers(2):
        photo = photo[:, ::-1]
    rows, columns = photo.shape[:2]
    largest = min(rows / HEIGHT, columns / WIDTH)
    share = np.exp(rng.uniform(np.log(min(80 / HEIGHT, largest)), np.log(largest)))
    height, width = int(share * HEIGHT), int(share * WIDTH)
    top, left = rng.integers(rows - height + 1), rng.integers(columns - width + 1)
    part = np.ascontiguousarray(photo[top : top + height, left : left + width])
    kind = cv2.INTER_AREA if share > 1 else cv2.INTER_CUBIC
    resized = cv2.resize(part, (WIDTH, HEIGHT), interpolation=kind).astype(np.float32)
    lit = 255 * (resized / 255) ** np.exp(rng.normal(0, 0.4))
    return np.clip(np.round(lit * rng.uniform(0.5, 1.2)), 0, 255).astype(np.uint8)


def _texture(rng: np.random.Generator) -> Photo:
    """Noise of all sizes, the loudness of each drawn, over a fall of colour; or a grating."""
    picture = rng.uniform(0, 255, 3) + rng.normal(0, 60, 3) * np.linspace(-1, 1, HEIGHT)[
        :, None, None
    ] * np.ones((1, WIDTH, 1))
    cells = COARSEST
    while cells <= WIDTH:
        shape = (cells * HEIGHT // WIDTH, cells, 3)
        noise = rng.normal(0, 1, shape).astype(np.float32)
        noise = rng.uniform(0, 1) * noise + noise.mean(axis=2, keepdims=True)
        picture += rng.exponential(15) * cv2.resize(
            noise, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC
        )
        cells *= 2
    if rng.integers(2):
        angle, often = rng.uniform(0, np.pi), np.exp(rng.uniform(np.log(6), np.log(120)))
        y, x = np.mgrid[:HEIGHT, :WIDTH] * (2 * np.pi * often / WIDTH)
        wave = np.sin(x * np.cos(angle) + y * np.sin(angle))
        across = np.sin(y * np.cos(angle) - x * np.sin(angle))
        pattern = wave if rng.integers(2) else wave * across
        picture += rng.normal(0, 70, 3) * np.tanh(rng.exponential(3) * pattern)[..., None]
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)
