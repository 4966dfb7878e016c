"""Photos and crops go out here: RGB arrays become image files."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from PIL import Image

from facesdk.errors import InputError
from facesdk.files import write_atomic
from facesdk.images.decode import RgbImage, as_image

ENCODINGS: dict[str, dict[str, Any]] = {
    ".jpg": {"format": "JPEG", "quality": 95},
    ".jpeg": {"format": "JPEG", "quality": 95},
    ".png": {"format": "PNG"},
    ".webp": {"format": "WEBP", "quality": 95},
    ".bmp": {"format": "BMP"},
}
"""Endings of the files that are written, and how: Pillow's format and its options."""


def save(path: str | os.PathLike[str], image: RgbImage) -> None:
    """Encode an image by the ending of its name, a key of :data:`ENCODINGS`, atomically.

    Args:
        path: Where to; an existing file is replaced.
        image: uint8 ``(H, W, 3)``, RGB.

    Raises:
        InputError: Unknown ending, not an image, or the file cannot be written.
    """
    path = Path(path)
    encoding = ENCODINGS.get(path.suffix.lower())
    if encoding is None:
        known = ", ".join(ENCODINGS)
        raise InputError(f"cannot write {path}: the name of an image must end in one of {known}")
    try:
        content = to_bytes(image, **encoding)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot write {path} as {encoding['format']} ({error})") from None
    write_atomic(path, content)


def to_bytes(image: RgbImage, format: str, **options: Any) -> bytes:
    """The content of an image file.

    Args:
        image: uint8 ``(H, W, 3)``, RGB.
        format: Pillow's name of the format, for example ``"JPEG"``.
        options: Pillow's options for it, for example ``quality``.

    Raises:
        InputError: Not an image.
        OSError: The format cannot hold it; WebP's sides end at 16,383 pixels.
        ValueError: Likewise.
    """
    stream = io.BytesIO()
    Image.fromarray(as_image(image)).save(stream, format, **options)
    return stream.getvalue()
