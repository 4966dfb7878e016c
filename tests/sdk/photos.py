"""Builders of test photos: the same picture in every disguise a photo may come in."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# How an upright picture has to be stored so that an EXIF orientation turns it upright again.
STORED_AS = {
    1: lambda rgb: rgb,
    2: lambda rgb: rgb[:, ::-1],
    3: lambda rgb: rgb[::-1, ::-1],
    4: lambda rgb: rgb[::-1],
    5: lambda rgb: rgb.transpose(1, 0, 2),
    6: lambda rgb: np.rot90(rgb, 1),
    7: lambda rgb: rgb[::-1, ::-1].transpose(1, 0, 2),
    8: lambda rgb: np.rot90(rgb, -1),
}


def quadrants(height: int = 48, width: int = 64) -> NDArray[np.uint8]:
    """Four colours, one a quadrant: no flip or turn of it looks like another."""
    rgb = np.empty((height, width, 3), np.uint8)
    top, left = slice(None, height // 2), slice(None, width // 2)
    bottom, right = slice(height // 2, None), slice(width // 2, None)
    rgb[top, left] = (200, 30, 40)
    rgb[top, right] = (20, 10, 240)
    rgb[bottom, left] = (250, 220, 30)
    rgb[bottom, right] = (30, 210, 70)
    return rgb


def encode(image: Image.Image | NDArray[Any], kind: str, **options: Any) -> bytes:
    """The bytes of an image file; ``kind`` is Pillow's name of the format."""
    if isinstance(image, np.ndarray):
        image = Image.fromarray(np.ascontiguousarray(image))
    stream = io.BytesIO()
    image.save(stream, kind, **({"quality": 95} if kind == "JPEG" else {}), **options)
    return stream.getvalue()


def exif_jpeg(rgb: NDArray[np.uint8], orientation: int) -> bytes:
    """A JPEG stored turned, whose EXIF orientation makes it ``rgb`` again."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encode(STORED_AS[orientation](rgb), "JPEG", exif=exif)


def cmyk_jpeg(rgb: NDArray[np.uint8]) -> bytes:
    """A JPEG of four inks, as print shops send it."""
    return encode(Image.fromarray(rgb).convert("CMYK"), "JPEG")


def rgba_png(rgb: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> bytes:
    """A PNG with transparency; alpha is uint8 ``(H, W)``."""
    return encode(np.dstack([rgb, alpha]), "PNG")


def png(width: int, height: int, bits: int, channels: int, samples: bytes) -> bytes:
    """A PNG made by hand: any header over any samples (big-endian, rows in order)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        checksum = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)

    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, bits, colour_type, 0, 0, 0)
    stride = width * channels * bits // 8
    rows = b"".join(b"\0" + samples[i : i + stride] for i in range(0, len(samples), stride))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def sixteen_bit_png(image: NDArray[np.uint8]) -> bytes:
    """A 16-bit PNG, grey ``(H, W)`` or RGB ``(H, W, 3)``: high byte the image, low 0x80."""
    channels = 1 if image.ndim == 2 else 3
    samples = (image.astype(">u2") << 8 | 0x80).astype(">u2").tobytes()
    return png(image.shape[1], image.shape[0], 16, channels, samples)


def bomb_png(width: int = 20_000, height: int = 20_000) -> bytes:
    """A small file whose header claims a huge picture."""
    return png(width, height, 8, 3, b"")


def truncated_jpeg(rgb: NDArray[np.uint8], keep: float = 0.5) -> bytes:
    """The first part of a JPEG."""
    whole = encode(rgb, "JPEG")
    return whole[: int(len(whole) * keep)]


def float_pfm(image: NDArray[np.float32]) -> bytes:
    """A portable float map of grey samples ``(H, W)``."""
    height, width = image.shape
    return f"Pf\n{width} {height}\n-1.0\n".encode() + image.astype("<f4").tobytes()
