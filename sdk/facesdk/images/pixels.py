"""Resizing, warping, colour and borders, with the same bytes on every processor.

The functions are those of ``facesdk_face.h`` in the C library, which defines them in integers; no
OpenCV takes part, whose warping changed between versions. Pictures are uint8 ``(H, W, 3)`` arrays
with sides of at most 1,048,576 pixels. They may be views: rows may lie apart or upside down, and
memory may be read-only. Every function returns a new array.
"""

from __future__ import annotations

import itertools
import math
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facesdk.errors import InputError
from facesdk.runtime import operator_library as binding

Picture = NDArray[np.uint8]

VERSION = binding.PIXELS_VERSION
"""Raised when a function may give other bytes than before: what was computed from pixels is then
old. Vectors of two versions must not be compared."""

_POINT = 2.0**32
"""Units of a pixel in which a transform is told to the library."""


def resize(image: Picture, height: int, width: int) -> Picture:
    """A picture in another size: the mean of areas if it shrinks in both directions, else bilinear.

    Args:
        image: uint8 ``(H, W, 3)``.
        height: Rows of the result, at least 1.
        width: Columns of the result, at least 1.

    Returns:
        uint8 ``(height, width, 3)``.

    Raises:
        InputError: The array is no such picture, or a size is out of its range.
    """
    source = as_image(image)
    if height <= source.height and width <= source.width:
        return resize_area(image, height, width)
    return resize_bilinear(image, height, width)


def resize_area(
    image: Picture,
    height: int,
    width: int,
    *,
    extent: tuple[int, int] | None = None,
    halvings: int = 0,
) -> Picture:
    """The mean of the area that each pixel covers.

    Shares of pixels have 14 bits: random pixels that become 36 times smaller are off by 0.02 of a
    level before rounding, and by 1.3 where 448 that were chosen for it become one. Enlarged,
    pixels become blocks whose borders are mixed by their shares.

    Args:
        image: uint8 ``(H, W, 3)``; a photo, or what is left of it after some times
            :func:`halve`.
        height: Rows of the result, at least 1.
        width: Columns of the result, at least 1.
        extent: Height and width of the photo, in its pixels; None for those of ``image``.
        halvings: How often the photo was halved to give ``image``, 0 to 20.

    Returns:
        uint8 ``(height, width, 3)``.

    Raises:
        InputError: The array is no such picture, or a size is out of its range.
    """
    source, result = as_image(image), _empty(height, width)
    rows, columns = image.shape[:2] if extent is None else extent
    region = binding.Region(0, 0, _within(columns), _within(rows), halvings)
    call("facesdk_resize_area", source, region, 0, _memory(result), height, width)
    return result


def cut_windows(
    image: Picture, boxes: NDArray[np.integer[Any]], side: int, *, fill: int, halvings: int = 0
) -> Picture:
    """Parts of a photo as squares of one size, by :func:`resize_area`.

    Args:
        image: uint8 ``(H, W, 3)``; the photo after ``halvings`` times :func:`halve`.
        boxes: ``(n, 4)`` left, top, right and bottom edges in pixels of the photo, right and
            bottom greater than left and top. They may lie beyond the photo.
        side: Side of the squares, at least 1.
        fill: What every channel is outside the photo, 0 to 255.
        halvings: How often the photo was halved to give ``image``, 0 to 20.

    Returns:
        uint8 ``(n, side, side, 3)``.

    Raises:
        InputError: The array is no such picture, a box is empty or more than 2,097,152 pixels
            away, or a size is out of its range.
    """
    edges = np.asarray(boxes)
    if edges.ndim != 2 or edges.shape[1] != 4 or not np.issubdtype(edges.dtype, np.integer):
        raise InputError(f"boxes must be whole numbers (n, 4), but got {edges.dtype} {edges.shape}")
    if len(edges) and np.abs(edges).max() > binding.MAX_REACH:
        raise InputError(f"boxes must lie within {binding.MAX_REACH} pixels of the photo's corner")
    source, result = as_image(image), _empty(side, side, count=len(edges))
    regions = np.empty((len(edges), 5), np.int32)
    regions[:, :2] = edges[:, :2]
    regions[:, 2:4] = edges[:, 2:] - edges[:, :2]
    regions[:, 4] = halvings
    call(
        "facesdk_cut_windows", source, _memory(regions), len(edges), _level(fill), _memory(result),
        side,
    )  # fmt: skip
    return result


def resize_bilinear(image: Picture, height: int, width: int) -> Picture:
    """Interpolated between the centres of the nearest pixels; for enlarging.

    Args:
        image: uint8 ``(H, W, 3)``.
        height: Rows of the result, at least 1.
        width: Columns of the result, at least 1.

    Returns:
        uint8 ``(height, width, 3)``.

    Raises:
        InputError: The array is no such picture, or a size is out of its range.
    """
    source, result = as_image(image), _empty(height, width)
    call("facesdk_resize_bilinear", source, _memory(result), height, width)
    return result


def halve(image: Picture) -> Picture:
    """Half of a picture: each pixel is the mean of 2x2, rounded half up.

    Args:
        image: uint8 ``(H, W, 3)``. A last odd row or column counts twice.

    Returns:
        uint8 ``(ceil(H / 2), ceil(W / 2), 3)``.

    Raises:
        InputError: The array is no such picture.
    """
    source, result = as_image(image), _empty(-(-image.shape[0] // 2), -(-image.shape[1] // 2))
    call("facesdk_halve", source, _memory(result))
    return result


def warp(image: Picture, matrix: ArrayLike, height: int, width: int, *, fill: int = 0) -> Picture:
    """An affine transform, interpolated between the nearest four pixels.

    Args:
        image: uint8 ``(H, W, 3)``.
        matrix: ``(2, 3)``: ``matrix @ [x, y, 1]`` is where pixel (x, y) of ``image`` goes.
        height: Rows of the result, 1 to 65536.
        width: Columns of the result, 1 to 65536.
        fill: What every channel is outside ``image``, 0 to 255.

    Returns:
        uint8 ``(height, width, 3)``.

    Raises:
        InputError: The array is no such picture, a size is out of its range, the matrix has no
            inverse, or the result would show more than 4096 pixels of ``image`` per pixel.
    """
    source, result = as_image(image), _empty(height, width)
    units = _fixed_point(_inverse(matrix))
    call("facesdk_warp", source, units, _level(fill), _memory(result), height, width)
    return result


def grey(image: Picture) -> Picture:
    """Luma of an RGB picture: 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601).

    Args:
        image: uint8 ``(H, W, 3)``, RGB.

    Returns:
        uint8 ``(H, W)``.

    Raises:
        InputError: The array is no such picture.
    """
    source, result = as_image(image), np.empty(image.shape[:2], np.uint8)
    call("facesdk_grey", source, _memory(result))
    return result


def swap_channels(image: Picture) -> Picture:
    """RGB of a BGR picture, as OpenCV gives them, and the other way.

    Args:
        image: uint8 ``(H, W, 3)``.

    Returns:
        uint8 ``(H, W, 3)``, in one piece.

    Raises:
        InputError: The array is no such picture.
    """
    source, result = as_image(image), _empty(*image.shape[:2])
    call("facesdk_swap_channels", source, _memory(result))
    return result


def pad(
    image: Picture,
    *,
    top: int = 0,
    bottom: int = 0,
    left: int = 0,
    right: int = 0,
    fill: int | None = 0,
) -> Picture:
    """A picture with a border.

    Args:
        image: uint8 ``(H, W, 3)``.
        top: Rows to add above, at least 0; ``bottom`` below.
        bottom: See ``top``.
        left: Columns to add on the left, at least 0; ``right`` on the right.
        right: See ``left``.
        fill: What every channel of the border is, 0 to 255; None to repeat the nearest pixel.

    Returns:
        uint8 ``(top + H + bottom, left + W + right, 3)``.

    Raises:
        InputError: The array is no such picture, or a size is out of its range.
    """
    source = as_image(image)
    result = _empty(image.shape[0] + top + bottom, image.shape[1] + left + right)
    kind = binding.BORDER_EDGE if fill is None else binding.BORDER_FILL
    call(
        "facesdk_pad", source, top, bottom, left, right, kind, _level(fill or 0), _memory(result)
    )  # fmt: skip
    return result


def measure_crop(crop: Picture) -> dict[str, int]:
    """Brightness, contrast, noise, detail and pattern of an aligned crop, in units of the library.

    Args:
        crop: uint8 RGB ``(112, 112, 3)``.

    Returns:
        The fields of ``facesdk_crop_measures`` by name; :mod:`facesdk.quality.measures` says what
        they mean.

    Raises:
        InputError: The array is no such crop.
    """
    source, measures = as_image(crop), binding.CropMeasures()
    call("facesdk_measure_crop", source, measures)
    return {name: getattr(measures, name) for name, _ in measures._fields_}


@cache
def library() -> Any:
    """The operator library."""
    return binding.open_library(binding.library_path())


def call(name: str, *arguments: Any) -> None:
    """Call a function of it, as :func:`facesdk.runtime.operator_library.call` does."""
    binding.call(library(), name, *arguments)


def as_image(array: Picture) -> binding.Image:
    """A picture as functions of the library read it; it keeps the array's memory alive.

    Args:
        array: uint8 ``(H, W, 3)``.

    Raises:
        InputError: The array is no such picture.
    """
    if not isinstance(array, np.ndarray) or array.dtype != np.uint8 or array.ndim != 3:
        raise _no_picture(array)
    height, width, channels = array.shape
    if channels != 3 or not 1 <= height <= binding.MAX_SIDE or not 1 <= width <= binding.MAX_SIDE:
        raise _no_picture(array)
    if array.strides[1:] != (3, 1):
        array = np.ascontiguousarray(array)
    image = binding.Image(array.ctypes.data, height, width, array.strides[0])
    image.array = array
    return image


def _no_picture(array: Any) -> InputError:
    kind = f"{getattr(array, 'dtype', type(array).__name__)} {getattr(array, 'shape', '')}".rstrip()
    return InputError(
        f"a picture must be a uint8 array (height, width, 3) with sides of 1 to {binding.MAX_SIDE} "
        f"pixels, but got {kind}"
    )


def _empty(height: int, width: int, *, count: int | None = None) -> Picture:
    """Room for a result, ``(height, width, 3)``, or for so many of them."""
    _within(height)
    _within(width)
    if 3 * height * width * (count or 1) > binding.MAX_TENSOR_BYTES:
        raise InputError(
            f"a picture of {width}x{height} pixels is too large: the limit is "
            f"{binding.MAX_TENSOR_BYTES >> 20} MiB"
        )
    return np.empty((*(() if count is None else (count,)), height, width, 3), np.uint8)


def _within(side: int) -> int:
    if not 1 <= side <= binding.MAX_SIDE:
        raise InputError(f"sides of a picture must be 1 to {binding.MAX_SIDE}, but got {side}")
    return side


def _level(fill: int) -> int:
    if not 0 <= fill <= 255:
        raise InputError(f"what fills a border must be 0 to 255, but got {fill}")
    return fill


def _memory(array: NDArray[Any]) -> int:
    return array.ctypes.data


def _inverse(matrix: ArrayLike) -> tuple[float, ...]:
    """The inverse of an affine transform, in the arithmetic of single numbers.

    That of NumPy may be fused or reordered, which differs between processors.
    """
    array = np.asarray(matrix, np.float64)
    rows = array.tolist()
    if array.shape != (2, 3) or not all(map(math.isfinite, itertools.chain(*rows))):
        raise InputError(f"a transform must be finite numbers (2, 3), but got {rows}")
    (a, b, x), (c, d, y) = rows
    determinant = a * d - b * c
    if determinant == 0:
        raise InputError(f"the transform {rows} has no inverse")
    a, b, c, d = d / determinant, -b / determinant, -c / determinant, a / determinant
    return a, b, -(a * x + b * y), c, d, -(c * x + d * y)


def _fixed_point(matrix: tuple[float, ...]) -> Any:
    """A transform in units of the library, which refuses what is beyond its own limits."""
    largest = 2.0**62
    scaled = [value * _POINT for value in matrix]
    if not all(-largest < value < largest for value in scaled):  # nor is it NaN
        raise InputError(
            "the transform shrinks a picture more than 4096 times, or lies too far away"
        )
    return binding.Matrix(*map(round, scaled))
