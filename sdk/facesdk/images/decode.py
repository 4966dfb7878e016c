"""Photos come in here: everything inside facesdk is upright RGB uint8 ``(H, W, 3)``.

Pillow decodes because it reads the size from the header before it decodes, fails on truncated
files (OpenCV returns a half-grey picture), gives the EXIF orientation and knows CMYK, palettes
and 16-bit samples.
"""

from __future__ import annotations

import io
import os
import re
import warnings
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin, UnidentifiedImageError

from facesdk.errors import InputError, one_line
from facesdk.images import formats, jpeg, png, webp
from facesdk.images.decoded import DecodedPhoto

RgbImage = NDArray[np.uint8]
"""uint8 ``(H, W, 3)``, RGB, C-contiguous, H and W at least 1."""

ImageSource = (
    str
    | os.PathLike[str]
    | bytes
    | bytearray
    | memoryview
    | BinaryIO
    | Image.Image
    | NDArray[Any]
    | DecodedPhoto
)
"""What :func:`as_photo` takes a photo from."""

COLORS = ("RGB", "BGR")
"""Orders in which an array may have its channels."""

MAX_PIXELS = 64_000_000
"""Largest photo that is decoded, in pixels: 192 MB as RGB. The header is asked first."""

MAX_JPEG_PIXELS = 128_000_000
"""Largest JPEG that keeps its size: phones' cameras write 108 megapixels. 384 MB as RGB."""

MAX_REDUCED_PIXELS = 1_000_000_000
"""Largest JPEG that is decoded at a half, a quarter or an eighth of its size, if its coding lets a
decoder forget each row of blocks (:attr:`facesdk.images.jpeg.JpegFile.reducible`)."""

MAX_SIDE = 65_535
"""Largest width and height that is decoded: a strip that is longer holds no face."""

MAX_FILE_BYTES = 1_000_000_000
"""Largest file that is read."""

_EXIF_ORIENTATION, _BITS_PER_SAMPLE = 0x0112, 0x0102
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

_TURNED = (5, 6, 7, 8)
"""The orientations of photos that are stored lying on a side."""

_TRANSPARENT_MODES = ("LA", "La", "PA", "RGBA", "RGBa")

_ROWS_AT_ONCE = 256

_BLOCK = 4
"""Side of a corner that is looked at: half of that of a JPEG's blocks."""

_MOST_REDUCTION = 8
"""A block of a JPEG has 8x8 pixels, of which its decoder makes 4x4, 2x2 or one."""

_SENSOR_BITS = (8, 10, 12, 14, 16)
"""Bits of the samples that cameras keep in 16."""

_AFTER_THE_END = (b"", b"\xaa" * 64, b"\x55" * 64)
"""What may follow a whole picture and change nothing of it, since all its bits are there."""


def load(path: str | os.PathLike[str]) -> RgbImage:
    """Decode a photo, upright, as RGB.

    Pixels decide, and nothing else: text, profiles and comments may be damaged or of any size, and
    a JPEG may lack its end mark where no pixel is missing. The EXIF orientation is applied. Grey is
    repeated over the channels; of 16-bit samples the upper eight of the bits that the picture uses
    are kept; CMYK is converted without a colour profile; transparent pixels are laid over white,
    since what hides under them is arbitrary, unless all are transparent. Of several pictures (an
    animation, a TIFF of many pages) it is the first.

    Args:
        path: A file of one of :func:`facesdk.images.formats.readable`, whatever its name ends in.

    Returns:
        uint8 ``(H, W, 3)``, RGB, C-contiguous; a half, a quarter or an eighth of the file's size
        where that is more than :data:`MAX_JPEG_PIXELS` (:func:`load_photo` says which).

    Raises:
        InputError: The file is missing, unreadable, no image, truncated, of an unsupported pixel
            type, of more than :data:`MAX_PIXELS` (a JPEG: :data:`MAX_JPEG_PIXELS`, or
            :data:`MAX_REDUCED_PIXELS`), longer than :data:`MAX_SIDE`, or a JPEG of more than
            :data:`facesdk.images.jpeg.MAX_SCANS` scans.
    """
    return load_photo(path).pixels


def load_photo(path: str | os.PathLike[str]) -> DecodedPhoto:
    """Decode a photo like :func:`load`, with the size that it has in its file."""
    _refuse_others(os.fspath(path))
    path = Path(path)
    try:
        if os.path.isdir(path):
            raise InputError(f"{path} is a directory: give an image file")
        if os.path.exists(path) and not os.path.isfile(path):
            raise InputError(f"{path} is not a regular file: give an image file")
        stream = path.open("rb")
    except FileNotFoundError:
        raise InputError(f"{path} does not exist: check the path of the image") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise InputError(f"{str(path)!r} is not a file name: {error}") from None
    with stream:
        return decode_photo(stream, name=str(path))


def decode(stream: BinaryIO, *, name: str) -> RgbImage:
    """Decode an image from an open file, like :func:`load`; arguments of :func:`decode_photo`."""
    return decode_photo(stream, name=name).pixels


def decode_photo(
    stream: BinaryIO, *, name: str, max_pixels: int | None = None, side: int | None = None
) -> DecodedPhoto:
    """Decode an image from an open file, like :func:`load_photo`.

    Args:
        stream: A seekable binary stream; ``io.BytesIO`` for bytes in memory.
        name: What error messages call it.
        max_pixels: Refuse a larger photo before it is decoded; None for the limits of
            :func:`load`, which hold in any case.
        side: Decode a JPEG at a half, a quarter or an eighth of its size, in a share of the time
            and memory, as long as its longer side stays at least that long; None for its size.

    Raises:
        InputError: As :func:`load`.
    """
    size = stream.seek(0, os.SEEK_END)
    if not size:
        raise InputError(f"{name} is empty: give an image file")
    if size > MAX_FILE_BYTES:
        raise InputError(f"{name} is larger than the limit of {MAX_FILE_BYTES / 1e9:g} GB")
    stream.seek(0)
    content = stream.read()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if content.startswith(png.SIGNATURE):
            return _png(png.essential(content), name, max_pixels)
        if content.startswith(jpeg.START):
            return _jpeg(jpeg.essential(content), name, max_pixels, side)
        if webp.starts(content):
            content = webp.essential(content)
        return _pixels(content, name, max_pixels)


def as_image(source: ImageSource, *, color: str = "RGB") -> RgbImage:
    """The pixels of :func:`as_photo`."""
    return as_photo(source, color=color).pixels


def as_photo(source: ImageSource, *, color: str = "RGB") -> DecodedPhoto:
    """A photo from whatever a program has it in.

    Args:
        source: A path (see :func:`load`); the bytes of a file, or a binary file that is open; an
            image of Pillow; a colour array uint8 ``(H, W, 3)``, or a grey one ``(H, W)``; a photo
            that is decoded.
        color: Order of an array's channels: ``"RGB"``, or ``"BGR"`` as OpenCV has them.

    Returns:
        Pixels uint8 ``(H, W, 3)``, RGB, C-contiguous; they share memory with an array that is
        already so.

    Raises:
        InputError: It is none of these, has another type or shape, or cannot be read; ``color`` is
            neither.
    """
    if color not in COLORS:
        raise InputError(f"color must be one of {', '.join(COLORS)}, but got {color!r}")
    if isinstance(source, DecodedPhoto):
        return source
    if isinstance(source, (str, os.PathLike)):
        return load_photo(source)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return decode_photo(io.BytesIO(source), name="image")
    if isinstance(source, Image.Image):
        return DecodedPhoto.of(_from_pillow(source))
    if hasattr(source, "read"):
        name = str(getattr(source, "name", "image"))
        return decode_photo(io.BytesIO(_content(source)), name=name)
    if not isinstance(source, np.ndarray):
        raise InputError(
            "an image must be a path, the bytes of a file, an open file, an image of Pillow or a "
            f"NumPy array, but got {type(source).__name__}"
        )
    if color == "BGR" and source.ndim == 3:
        source = source[..., ::-1]
    grey = source.ndim == 2
    colour = source.ndim == 3 and source.shape[2] == 3
    if source.dtype != np.uint8 or not (grey or colour) or source.size == 0:
        raise InputError(
            "an image must be a non-empty uint8 array with shape (H, W, 3), RGB, or (H, W), "
            f"but got {source.dtype} with shape {source.shape}"
        )
    pixels = np.repeat(source[..., None], 3, axis=2) if grey else source
    return DecodedPhoto.of(np.ascontiguousarray(pixels))


def _refuse_others(path: str) -> None:
    """Raise if a string that names no file is what people give instead of one."""
    url = re.match("([a-zA-Z][a-zA-Z0-9+.-]+:)//?(?=[^/])|data:", path)
    if url and not os.path.lexists(path):
        shown = re.sub(":/(?=[^/])", "://", path, count=1) if url[1] else path  # Path drops one
        raise InputError(f"{shown[:80]} is a URL: download the photo first, then give its path")
    if any(character in path for character in "*?[") and not os.path.lexists(path):
        raise InputError(
            f"{path} does not exist; for a pattern give each file that glob.glob finds"
        )


def _content(stream: Any) -> bytes:
    content = stream.read()
    if not isinstance(content, bytes):
        raise InputError("an image must be opened as a binary file: open(path, 'rb')")
    return content


def _from_pillow(image: Image.Image) -> RgbImage:
    _check_size(image, "image", MAX_PIXELS)
    try:
        image.load()
    except Exception as error:  # the file that it was opened from
        raise _corrupt("image", one_line(error)) from None
    return _to_rgb(_upright(image), "image", 8, None)


def _png(file: png.PngFile, name: str, max_pixels: int | None) -> DecodedPhoto:
    read = partial(_pixels, depth=file.depth, significant=file.significant)
    try:
        return read(file.content, name, max_pixels)
    except _CorruptError:
        if (content := png.with_true_checksum(file.content)) is None:
            raise
        return read(content, name, max_pixels)


def _jpeg(file: jpeg.JpegFile, name: str, max_pixels: int | None, side: int | None) -> DecodedPhoto:
    if file.scans > jpeg.MAX_SCANS:
        raise InputError(
            f"{name} has {file.scans} scans, more than the limit of {jpeg.MAX_SCANS}: save it again"
        )
    limit = MAX_REDUCED_PIXELS if file.reducible else MAX_JPEG_PIXELS
    max_pixels = limit if max_pixels is None else min(max_pixels, limit)
    if not file.may_be_whole:
        return _pixels(file.content, name, max_pixels, side)
    if not file.ended:
        return _same_with_any_end(file.content.rstrip(b"\xff"), name, max_pixels, side)
    photo = _pixels(file.content, name, max_pixels, side)
    if _has_flat_corner(photo.pixels):
        unmarked = file.content[: -len(jpeg.END)].rstrip(b"\xff")
        _same_with_any_end(unmarked, name, max_pixels, side=1)
    return photo


def _same_with_any_end(
    content: bytes, name: str, max_pixels: int, side: int | None
) -> DecodedPhoto:
    """Decode a JPEG that lacks its end mark; an error if what follows it changes pixels."""
    first, *others = (
        _pixels(content + after + jpeg.END, name, max_pixels, side) for after in _AFTER_THE_END
    )
    if not all(np.array_equal(first.pixels, other.pixels) for other in others):
        raise _corrupt(name, "pixels are missing at its end")
    return first


def _has_flat_corner(pixels: RgbImage) -> bool:
    """Whether a JPEG may have been cut and given an end mark: decoders fill what is missing."""
    corners = (
        pixels[rows, columns].reshape(-1, 3)
        for rows in (slice(0, _BLOCK), slice(-_BLOCK, None))
        for columns in (slice(0, _BLOCK), slice(-_BLOCK, None))
    )
    return any((corner == corner[0]).all() for corner in corners)


def _pixels(
    content: bytes,
    name: str,
    max_pixels: int | None = None,
    side: int | None = None,
    *,
    depth: int = 8,
    significant: int | None = None,
) -> DecodedPhoto:
    """Decode a file; ``depth`` and ``significant`` are what a PNG says of its samples.

    A JPEG has its limit in ``max_pixels``; of any other file it can only lower that of all.
    """
    limit = MAX_PIXELS if max_pixels is None else max_pixels
    if not content.startswith(jpeg.START):
        limit = min(limit, MAX_PIXELS)
    try:
        with _open(content) as image:
            _check_size(image, name, limit)
            if image.format == "TIFF":
                depth = int(np.max(image.getexif().get(_BITS_PER_SAMPLE, 8)))
            size, scale = image.size, 1.0
            if (times := _reduction(size, side)) > 1:
                done = image.draft(None, (max(1, size[0] // times), max(1, size[1] // times)))
                scale = size[0] / done[1][2] if done else scale
            image.load()
            upright = _upright(image)
            width, height = size[::-1] if _orientation(image) in _TURNED else size
    except InputError:
        raise
    except Image.DecompressionBombError:
        raise _too_large(name, limit) from None
    except UnidentifiedImageError:
        raise InputError(f"{name} {formats.refusal(content[:32])}") from None
    except Exception as error:  # decoders raise nearly anything on malformed files
        raise _corrupt(name, one_line(error)) from None
    pixels = _to_rgb(upright, name, depth, significant)
    return DecodedPhoto(pixels, (scale, scale), height, width)


def _open(content: bytes) -> Image.Image:
    """Read a file's header; Pillow's own limit of size is left out for a JPEG, which has ours."""
    if content.startswith(jpeg.START):
        with suppress(Exception):  # what is wrong with it, the other way says in words
            return JpegImagePlugin.JpegImageFile(io.BytesIO(content))
    return Image.open(io.BytesIO(content), formats=tuple(formats.readable()))


def _reduction(size: tuple[int, int], side: int | None) -> int:
    """How many times smaller a decoder, if it can, makes a photo: 1, 2, 4 or 8.

    As often as the longer side stays ``side`` pixels long, or as it must be to be held.
    """
    width, height = size
    times = 1
    while times < _MOST_REDUCTION and (
        width * height > MAX_JPEG_PIXELS * times**2
        or (side is not None and max(size) >= 2 * times * side)
    ):
        times *= 2
    return times


def _check_size(image: Image.Image, name: str, limit: int) -> None:
    if image.width * image.height > limit:
        raise _too_large(name, limit)
    if max(image.size) > MAX_SIDE:
        raise InputError(
            f"{name} has {image.width}x{image.height} pixels, more than the limit of "
            f"{MAX_SIDE:,} on a side: cut it"
        )


def _upright(image: Image.Image) -> Image.Image:
    """Turned as EXIF says; as it is stored where the file says nothing that can be read."""
    orientation = _orientation(image)
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # malformed EXIF raises nearly anything
        return 1


def _to_rgb(image: Image.Image, name: str, depth: int, significant: int | None) -> RgbImage:
    if image.mode == "F":
        raise InputError(f"{name} has floating-point samples: convert it to 8 or 16 bit first")
    if image.mode.startswith("I"):
        samples = np.asarray(image)
        if samples.min() < 0 or samples.max() > 0xFFFF:
            raise InputError(f"{name} has samples of 32 bits: convert it to 8 or 16 bit first")
        bits = _bits_of(int(samples.max()), significant)
        grey = (samples >> max(bits - 8, 0)).astype(np.uint8)
        clear = samples == image.info.get("transparency")
        if not np.all(clear):
            grey[clear] = 255
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode == "La":
        image = image.convert("LA")
    if image.mode in _TRANSPARENT_MODES or "transparency" in image.info:
        image = image.convert("RGBA")
        if depth > 8:
            image = _by_range(image, significant)
        if image.getchannel("A").getextrema() != (0, 0):
            white = Image.new("RGBA", image.size, "white")
            image = Image.alpha_composite(white, image)
        return _as_array(image.convert("RGB"))
    pixels = _as_array(image if image.mode == "RGB" else image.convert("RGB"))
    if depth > 8:
        pixels <<= _unused_bits(int(pixels.max()), significant)
    return pixels


def _by_range(image: Image.Image, significant: int | None) -> Image.Image:
    """An RGBA image of 16-bit samples, colour and alpha each scaled by the bits that it uses."""
    pixels = np.array(image)
    for samples in (pixels[..., :3], pixels[..., 3:]):
        samples <<= _unused_bits(int(samples.max()), significant)
    return Image.fromarray(pixels)


def _unused_bits(largest: int, significant: int | None) -> int:
    """Upper bits of 16 that no sample uses, by the largest of the high bytes: all Pillow keeps."""
    return 16 - max(_bits_of((largest << 8) + 0xFF, significant), 8)


def _as_array(image: Image.Image) -> RgbImage:
    """An RGB image as an array, in strips: Pillow would make a second copy of it in between."""
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for top in range(0, image.height, _ROWS_AT_ONCE):
        bottom = min(top + _ROWS_AT_ONCE, image.height)
        pixels[top:bottom] = np.asarray(image.crop((0, top, image.width, bottom)))
    return pixels


def _bits_of(largest: int, stated: int | None) -> int:
    """Bits of the samples of a sensor that gives so large a value, or that the file states."""
    if stated is not None and largest < 1 << stated:
        return stated
    return next(bits for bits in _SENSOR_BITS if largest < 1 << bits)


class _CorruptError(InputError):
    """A decoder found damage."""


def _corrupt(name: str, reason: str) -> InputError:
    return _CorruptError(f"{name} is truncated or corrupt ({reason})")


def _too_large(name: str, limit: int) -> InputError:
    return InputError(
        f"{name} is larger than the limit of {limit / 1e6:g} megapixels: scale it down first"
    )
