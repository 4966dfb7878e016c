"""Ways to spoil an aligned crop, as bad photos are, at eight levels each.

They are other programs than the distortions of training (:mod:`facesdk_training.data.distortions`),
with shapes that training does not draw.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from facesdk.recognition.alignment import similarity_transform, template_points

Crop = NDArray[np.uint8]
Degradation = Callable[[Crop, np.random.Generator], Crop]

SIDE = 112
BROW_TO_CHIN = 74 / 112
"""Rows between the brows and the chin in an aligned crop, of its height."""

INK = (18, 18, 20)
EYES = ((38, 52), (74, 52))


def noise(sigma: float, gain: float = 1.0) -> Degradation:
    return lambda crop, rng: np.clip(
        np.round(crop * gain + rng.normal(0, sigma, crop.shape)), 0, 255
    ).astype(np.uint8)


def picture(change: Callable[[Image.Image], Image.Image]) -> Degradation:
    return lambda crop, _: np.asarray(change(Image.fromarray(crop)))


def blur(sigma: float) -> Degradation:
    return picture(lambda image: image.filter(ImageFilter.GaussianBlur(sigma)))


def shrunk(side: int) -> Degradation:
    return picture(
        lambda image: image.resize((side, side), Image.Resampling.BOX).resize(
            image.size, Image.Resampling.BILINEAR
        )
    )


def moved(pixels: int, direction: float) -> Degradation:
    """A face that moves so many pixels on a straight line while it is exposed."""
    steps = np.linspace(-pixels / 2, pixels / 2, 4 * pixels + 1)
    places = [(math.cos(direction) * step, math.sin(direction) * step) for step in steps]

    def change(crop: Crop, _: np.random.Generator) -> Crop:
        seen = [
            cv2.warpAffine(
                crop.astype(np.float32),
                np.float32([[1, 0, across], [0, 1, down]]),
                crop.shape[1::-1],
                borderMode=cv2.BORDER_REPLICATE,
            )
            for across, down in places
        ]
        return np.round(np.mean(seen, axis=0)).astype(np.uint8)

    return change


def drawn(draw: Callable[[ImageDraw.ImageDraw], None]) -> Degradation:
    def change(image: Image.Image) -> Image.Image:
        draw(ImageDraw.Draw(image))
        return image

    return picture(change)


def ellipses(draw: ImageDraw.ImageDraw) -> None:
    for x, y in EYES:
        draw.ellipse((x - 14, y - 10, x + 14, y + 10), fill=INK)
    draw.line((52, 50, 60, 50), fill=INK, width=3)


def aviators(draw: ImageDraw.ImageDraw) -> None:
    for x, y in EYES:
        corners = ((-14, -8), (14, -8), (12, 6), (0, 12), (-12, 6))
        draw.polygon([(x + dx, y + dy) for dx, dy in corners], fill=INK)
    draw.line((50, 46, 62, 46), fill=INK, width=2)


def jpeg(quality: int) -> Degradation:
    def change(crop: Crop, _: np.random.Generator) -> Crop:
        stream = io.BytesIO()
        Image.fromarray(crop).save(stream, "JPEG", quality=quality)
        return np.asarray(Image.open(stream).convert("RGB"))

    return change


def turned(degrees: float) -> Degradation:
    matrix = cv2.getRotationMatrix2D((SIDE / 2 - 0.5, SIDE / 2 - 0.5), degrees, 1.0)
    return lambda crop, _: cv2.warpAffine(
        crop, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def seen_from(top: float, bottom: float) -> Degradation:
    """A face whose upper or lower edge is so many pixels narrower on each side."""
    corners = np.float32([[0, 0], [SIDE - 1, 0], [SIDE - 1, SIDE - 1], [0, SIDE - 1]])
    narrower = corners + np.float32([[top, 0], [-top, 0], [-bottom, 0], [bottom, 0]])
    matrix = cv2.getPerspectiveTransform(corners, narrower)

    def change(crop: Crop, _: np.random.Generator) -> Crop:
        return cv2.warpPerspective(crop, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)

    return change


def stretched(times: float) -> Degradation:
    """A face in a picture that is so many times wider by its height, aligned anew."""
    points = template_points("arcface-112x112")
    matrix = similarity_transform(points * (times, 1), points) @ np.diag((times, 1, 1))
    return lambda crop, _: cv2.warpAffine(
        crop, matrix, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def mosaic(side: int) -> Degradation:
    """A face of so many rows and columns, each pixel a square."""
    return picture(
        lambda image: image.resize((side, side), Image.Resampling.BOX).resize(
            image.size, Image.Resampling.NEAREST
        )
    )


def stripes(depth: float) -> Degradation:
    """Light and shadow in waves of 6 pixels on a slant, as in print, behind a net or on a screen.

    Args:
        depth: Relative change of the light, 0 to 1.
    """
    slant = math.radians(17)

    def change(crop: Crop, _: np.random.Generator) -> Crop:
        rows, columns = np.mgrid[: crop.shape[0], : crop.shape[1]]
        wave = np.sin(math.tau / 6 * (columns * math.cos(slant) + rows * math.sin(slant)))
        return np.clip(crop * (1 + depth * wave[..., None]), 0, 255).astype(np.uint8)

    return change


def covered(share: float) -> Degradation:
    """Something plain before the right part of the picture, of so much of its width."""
    left = round(SIDE * (1 - share))
    return drawn(lambda draw: draw.rectangle((left, 0, SIDE - 1, SIDE - 1), fill=(120, 110, 100)))


def mask(top: int) -> Degradation:
    return drawn(lambda draw: draw.rectangle((14, top, 97, SIDE - 1), fill=(150, 190, 220)))


def seen_through(share: float, draw: Callable[[ImageDraw.ImageDraw], None]) -> Degradation:
    """Glasses that let a part of the light through, 0 to 1."""
    full = drawn(draw)

    def change(crop: Crop, rng: np.random.Generator) -> Crop:
        blended = share * crop.astype(np.float32) + (1 - share) * full(crop.copy(), rng)
        return np.round(blended).astype(np.uint8)

    return change


def rims(draw: ImageDraw.ImageDraw) -> None:
    for x, y in EYES:
        draw.ellipse((x - 14, y - 10, x + 14, y + 10), outline=INK, width=3)
    draw.line((52, 50, 60, 50), fill=INK, width=3)


def bar(draw: ImageDraw.ImageDraw) -> None:
    draw.rectangle((14, 43, 97, 59), fill=INK)


def large(draw: ImageDraw.ImageDraw) -> None:
    for x, y in EYES:
        draw.ellipse((x - 18, y - 15, x + 18, y + 15), fill=INK)
    draw.line((54, 50, 58, 50), fill=INK, width=4)


MOVED = (3, 5, 7, 9, 11, 13, 15, 17)
NARROWER = (1.5, 3, 4.5, 6, 7.5, 9, 10.5, 12)
STRETCHED = (1.05, 1.1, 1.15, 1.2, 1.25, 1.33, 1.5, 1.78)
SIZES = (74, 60, 50, 40, 34, 28, 24, 20)

DEGRADED: dict[str, dict[str, Degradation]] = {
    "blur, sigma in pixels of 112": {f"{s:g}": blur(s) for s in (0.5, 1, 1.5, 2, 3, 4, 5, 6)},
    "moved sideways, pixels": {str(n): moved(n, 0) for n in MOVED},
    "moved up or down, pixels": {str(n): moved(n, math.pi / 2) for n in MOVED},
    "size, pixels between brows and chin": {
        str(size): shrunk(round(size / BROW_TO_CHIN)) for size in SIZES
    },
    "JPEG, quality": {str(q): jpeg(q) for q in (90, 70, 50, 30, 20, 15, 10, 5)},
    "darkness, factor": {
        f"{f:g}": noise(0, f) for f in (0.7, 0.5, 0.35, 0.25, 0.15, 0.1, 0.07, 0.05)
    },
    "noise, sigma in levels": {f"{s}": noise(s) for s in (5, 10, 15, 20, 25, 30, 40, 50)},
    "turned, degrees": {f"{d}": turned(d) for d in (2, 5, 8, 12, 16, 20, 30, 45)},
    "from below, upper edge narrower by": {f"{n:g}": seen_from(n, 0) for n in NARROWER},
    "from above, lower edge narrower by": {f"{n:g}": seen_from(0, n) for n in NARROWER},
    "wider by its height, times": {f"{n:g}": stretched(n) for n in STRETCHED},
    "narrower by its height, times": {f"{n:g}": stretched(1 / n) for n in STRETCHED},
    "mosaic, squares across": {str(n): mosaic(n) for n in (56, 45, 36, 28, 24, 20, 16, 14)},
    "stripes, relative change of the light": {
        f"{d:g}": stripes(d) for d in (0.02, 0.05, 0.08, 0.1, 0.15, 0.2, 0.3, 0.4)
    },
    "covered from the right, share of the width": {
        f"{s:g}": covered(s) for s in (0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5)
    },
    "mask, from row": {f"{top}": mask(top) for top in (106, 100, 94, 88, 82, 76, 70, 64)},
    "glasses": {
        "rims": drawn(rims),
        "tinted, 75 % of the light": seen_through(0.75, ellipses),
        "tinted, 50 %": seen_through(0.5, ellipses),
        "tinted, 25 %": seen_through(0.25, ellipses),
        "dark ellipses": drawn(ellipses),
        "dark aviators": drawn(aviators),
        "dark bar": drawn(bar),
        "dark, large": drawn(large),
    },
}
