"""Photos come in here: everything inside facesdk is upright RGB uint8 ``(H, W, 3)``.

Pillow decodes because it reads the size from the header before it decodes, fails on truncated
files (OpenCV returns a half-grey picture), gives the EXIF orientation and knows CMYK, palettes
and 16-bit samples.
"""

from __future__ import annotations

import os
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from facesdk.errors import InputError

RgbImage = NDArray[np.uint8]
"""uint8 ``(H, W, 3)``, RGB, C-contiguous, H and W at least 1."""

MAX_PIXELS = 64_000_000
"""Largest photo that is decoded, in pixels: 192 MB as RGB. The header is asked first."""

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "PPM")
"""Formats that are read, in Pillow's names; of an animation, the first picture."""

_EXIF_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each EXIF orientation (Exif 2.32, tag 0x0112); 1 is upright."""

_TRANSPARENT_MODES = ("LA", "La", "PA", "RGBA", "RGBa")

_DECODER_ERRORS = (OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error)
"""What Pillow's decoders raise on malformed files."""


def load(path: str | os.PathLike[str]) -> RgbImage:
    """Decode a photo, upright, as RGB.

    The EXIF orientation is applied. Grey is repeated over the channels; 16-bit samples keep their
    high byte; CMYK is converted without a colour profile; transparent pixels are laid over white,
    since what hides under them is arbitrary.

    Args:
        path: A file of one of :data:`FORMATS`, whatever its name ends in.

    Returns:
        uint8 ``(H, W, 3)``, RGB, C-contiguous.

    Raises:
        InputError: The file is missing, unreadable, no image, truncated, of an unsupported pixel
            type, or of more than :data:`MAX_PIXELS`.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise InputError(f"{path} is a directory: give an image file")
        if path.exists() and not path.is_file():
            raise InputError(f"{path} is not a regular file: give an image file")
        stream = path.open("rb")
    except FileNotFoundError:
        raise InputError(f"{path} does not exist: check the path of the image") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise InputError(f"{str(path)!r} is not a file name: {error}") from None
    with stream:
        return decode(stream, name=str(path))


def decode(stream: BinaryIO, *, name: str) -> RgbImage:
    """Decode an image from an open file, like :func:`load`.

    Args:
        stream: A seekable binary stream; ``io.BytesIO`` for bytes in memory.
        name: What error messages call it.

    Raises:
        InputError: As :func:`load`.
    """
    if not stream.read(1):
        raise InputError(f"{name} is empty: give an image file")
    stream.seek(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with Image.open(stream, formats=FORMATS) as image:
                return _to_array(image, name)
        except Image.DecompressionBombError:
            raise _too_large(name) from None
        except UnidentifiedImageError:
            known = ", ".join(FORMATS)
            raise InputError(f"{name} is not an image that can be read (one of {known})") from None
        except _DECODER_ERRORS as error:
            raise InputError(f"{name} is truncated or corrupt ({error})") from None


def as_image(source: str | os.PathLike[str] | NDArray[Any]) -> RgbImage:
    """A photo from a path, or an array after checking it.

    Args:
        source: A path (see :func:`load`), or an RGB array uint8 ``(H, W, 3)``, or a grey one
            ``(H, W)``. OpenCV's arrays are BGR: turn them with ``array[..., ::-1]`` first.

    Returns:
        uint8 ``(H, W, 3)``, RGB, C-contiguous; shares memory with an array that is already so.

    Raises:
        InputError: The array has another type or shape, or the file cannot be read.
    """
    if isinstance(source, (str, os.PathLike)):
        return load(source)
    if not isinstance(source, np.ndarray):
        raise InputError(
            f"an image must be a path or a NumPy array, but got {type(source).__name__}"
        )
    grey = source.ndim == 2
    colour = source.ndim == 3 and source.shape[2] == 3
    if source.dtype != np.uint8 or not (grey or colour) or source.size == 0:
        raise InputError(
            "an image must be a non-empty uint8 array with shape (H, W, 3), RGB, or (H, W), "
            f"but got {source.dtype} with shape {source.shape}"
        )
    return np.ascontiguousarray(np.repeat(source[..., None], 3, axis=2) if grey else source)


def _to_array(image: Image.Image, name: str) -> RgbImage:
    if image.width * image.height > MAX_PIXELS:
        raise _too_large(name)
    image.load()
    orientation = _orientation(image)
    if orientation in _UPRIGHT:
        image = image.transpose(_UPRIGHT[orientation])
    if image.mode == "F":
        raise InputError(f"{name} has floating-point samples: convert it to 8 or 16 bit first")
    if image.mode.startswith("I"):
        high_byte = (np.asarray(image) >> 8).astype(np.uint8)
        return np.repeat(high_byte[..., None], 3, axis=2)
    if image.mode in _TRANSPARENT_MODES or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return np.array(image.convert("RGB"))


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation; 1 (upright) where the file states none that can be read."""
    try:
        return int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except (*_DECODER_ERRORS, TypeError):
        return 1


def _too_large(name: str) -> InputError:
    return InputError(
        f"{name} is larger than the limit of {MAX_PIXELS / 1e6:.0f} megapixels: scale it down first"
    )
