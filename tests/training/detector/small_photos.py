"""Small labelled photos whose colours say where each pixel is."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from facesdk_training.detector.scenes.store import LabelledPhoto

SIDE = 64
FACE = np.array([[20.0, 18.0], [32.0, 18.0], [26.0, 25.0], [21.0, 32.0], [31.0, 32.0]])
"""Five points in the box 14, 10, 38, 40."""


def coloured(height: int, width: int, blue: int) -> bytes:
    """A photo whose red is 4 times the column and whose green is 4 times the row, without loss."""
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0] = np.minimum(4 * np.arange(width), 255)[None]
    image[..., 1] = np.minimum(4 * np.arange(height), 255)[:, None]
    image[..., 2] = blue
    content = io.BytesIO()
    Image.fromarray(image).save(content, "PNG")
    return content.getvalue()


def photo(number: int, faces: int = 1, *, whole: bool = True) -> LabelledPhoto:
    """A photo with so many equal faces beside each other."""
    height, width = (SIDE, SIDE) if number % 2 else (SIDE, SIDE - 8)
    shifts = np.array([[6.0 * n, 0.0] for n in range(faces)]).reshape(-1, 2)
    boxes = np.array([[14.0, 10.0, 38.0, 40.0]]) + np.tile(shifts, 2)
    points = FACE[None] + shifts[:, None]
    return LabelledPhoto(
        coloured(height, width, number % 200),
        height,
        width,
        whole,
        np.full(faces, 0.99, np.float32),
        boxes.astype(np.float32).reshape(-1, 4),
        points.astype(np.float32).reshape(-1, 5, 2),
    )
