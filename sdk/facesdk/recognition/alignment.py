"""Face alignment: turn, scale and shift a face so that its landmarks meet a template.

The transform is the similarity that maps the five detected landmarks to the template's with the
least squared error, in closed form (S. Umeyama, "Least-squares estimation of transformation
parameters between two point patterns", IEEE TPAMI 13(4), 1991). In the plane, with both point
sets centred and read as complex numbers ``z`` (source) and ``w`` (target), a similarity without
reflection is a product with one complex number, and the least squares solution is

    a = sum(conj(z) * w) / sum(|z| ** 2)        |a| is the scale, arg(a) the angle

The templates are those of :mod:`facesdk.models.templates`.
"""

from __future__ import annotations

from math import fsum
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facesdk.errors import InputError
from facesdk.images import pixels
from facesdk.models.templates import SQUARE, TEMPLATES, Template

Scalar = TypeVar("Scalar", bound=np.generic)


def template_points(template: str) -> NDArray[np.float64]:
    """Where the five landmarks lie in a crop of a template.

    Args:
        template: A key of :data:`facesdk.models.templates.TEMPLATES`.

    Returns:
        float64 ``(5, 2)`` of x, y in pixels of the crop, in the order of
        :attr:`facesdk.results.Face.landmarks`.

    Raises:
        InputError: There is no such template.
    """
    return np.array(_known(template).points)


def similarity_transform(source: ArrayLike, target: ArrayLike) -> NDArray[np.float64]:
    """The least-squares similarity without reflection that maps ``source`` to ``target``.

    Args:
        source: ``(n, 2)`` points x, y; n is at least 2.
        target: ``(n, 2)`` points x, y; row i is where row i of ``source`` should go.

    Returns:
        float64 ``(2, 3)`` matrix ``M`` with ``M @ [x, y, 1]`` the mapped point.

    Raises:
        InputError: The shapes do not fit, a coordinate is not finite, the source points coincide,
            or no similarity fits better than moving all of them to one point (mirrored points).
    """
    start, end = (np.asarray(points, dtype=np.float64) for points in (source, target))
    if start.ndim != 2 or start.shape[1:] != (2,) or len(start) < 2 or start.shape != end.shape:
        raise InputError(
            "source and target must be two arrays with one shape (n, 2), n at least 2, "
            f"but got {start.shape} and {end.shape}"
        )
    if not (np.isfinite(start).all() and np.isfinite(end).all()):
        raise InputError("landmarks must be finite, but got a coordinate that is not")
    (x, y, u, v), (x_end, y_end, u_end, v_end) = _centred(start), _centred(end)
    spread = _dot(u, u) + _dot(v, v)
    magnitude = np.abs(start).max() + 1e-300
    if spread <= len(u) * (1e-9 * magnitude) ** 2:
        raise InputError(f"landmarks must not coincide, but all are at {start[0].tolist()}")
    real = (_dot(u, u_end) + _dot(v, v_end)) / spread
    imaginary = (_dot(u, v_end) - _dot(v, u_end)) / spread
    fitted = (real * real + imaginary * imaginary) * spread
    if fitted <= 1e-12 * (_dot(u_end, u_end) + _dot(v_end, v_end)):
        raise InputError(
            "landmarks have no similarity to the template: they look mirrored; "
            "give eyes, nose and mouth corners from left to right as seen in the image"
        )
    return np.array(
        [
            [real, -imaginary, x_end - (real * x - imaginary * y)],
            [imaginary, real, y_end - (imaginary * x + real * y)],
        ]
    )


def _centred(points: NDArray[np.float64]) -> tuple[float, float, list[float], list[float]]:
    """Mean x and y of points, and their distances from it.

    Single numbers, because the order of NumPy's sums, and whether a product is fused with a sum,
    differ between processors.
    """
    xs, ys = points[:, 0].tolist(), points[:, 1].tolist()
    x, y = fsum(xs) / len(xs), fsum(ys) / len(ys)
    return x, y, [value - x for value in xs], [value - y for value in ys]


def _dot(a: list[float], b: list[float]) -> float:
    return fsum(one * other for one, other in zip(a, b, strict=True))


def align(
    image: NDArray[np.uint8], landmarks: ArrayLike, template: str = "arcface-112x112"
) -> NDArray[np.uint8]:
    """Cut a face out of a photo so that its landmarks meet the template.

    Pixels are interpolated bilinearly (:func:`facesdk.images.pixels.warp`); what lies outside the
    photo is black.

    Args:
        image: uint8 RGB ``(height, width, 3)``.
        landmarks: ``(5, 2)`` of x, y in pixels of ``image``: see
            :attr:`facesdk.results.Face.landmarks`.
        template: A key of :data:`facesdk.models.templates.TEMPLATES`.

    Returns:
        uint8 RGB crop, ``(112, 112, 3)`` or ``(112, 96, 3)`` as the template says.

    Raises:
        InputError: The image is not uint8 RGB or its sides exceed 1,048,576 pixels, the template
            is unknown, or the landmarks are not five distinct finite points, or thousands of
            pixels apart.
    """
    _known(template)
    return of_square(align_square(image, landmarks, SQUARE.width), template)


def of_square(square: NDArray[np.uint8], template: str) -> NDArray[np.uint8]:
    """The crop of a template out of the square one, which has all of it.

    Args:
        square: uint8 RGB ``(112, 112, 3)``, aligned to ``arcface-112x112``.
        template: As in :func:`align`, which gives the same crop.

    Raises:
        InputError: The template is unknown.
    """
    return np.ascontiguousarray(central(square, *_known(template).size))


def align_square(image: NDArray[np.uint8], landmarks: ArrayLike, side: int) -> NDArray[np.uint8]:
    """Cut a face out with more, or less, around it than the 112x112 template has.

    The landmarks meet that template's in the central 112x112 pixels, so that 128 gives 8 pixels
    more on each side to cut from at random, as the FaceResNet paper does.

    Args:
        image: uint8 RGB ``(height, width, 3)``.
        landmarks: ``(5, 2)``, as in :func:`align`.
        side: Side of the crop, in pixels; even, at least 2.

    Returns:
        uint8 RGB ``(side, side, 3)``.

    Raises:
        InputError: As :func:`align`, or the side is not so.
    """
    if side < 2 or side % 2:
        raise InputError(f"the side of a crop must be even and at least 2, but got {side}")
    matrix = similarity_transform(landmarks, np.array(SQUARE.points) + (side - SQUARE.width) // 2)
    return pixels.warp(image, matrix, side, side)


def central(
    crops: NDArray[Scalar], height: int, width: int, *, name: str = "the crop"
) -> NDArray[Scalar]:
    """The middle of aligned crops, where a smaller template lies in them.

    Args:
        crops: ``(..., H, W, C)`` of any type, aligned to the 112x112 template with any margin.
        height: Rows to keep.
        width: Columns to keep.
        name: What error messages call the crops.

    Returns:
        ``(..., height, width, C)``, a view of ``crops``.

    Raises:
        InputError: The crops are smaller than that.
    """
    top, left = (crops.shape[-3] - height) // 2, (crops.shape[-2] - width) // 2
    if top < 0 or left < 0:
        raise InputError(
            f"{name} has {crops.shape[-2]}x{crops.shape[-3]} pixels, but an aligned crop needs "
            f"{width}x{height}"
        )
    return crops[..., top : top + height, left : left + width, :]


def _known(template: str) -> Template:
    if template not in TEMPLATES:
        raise InputError(
            f"unknown alignment template {template!r}: choose one of {', '.join(sorted(TEMPLATES))}"
        )
    return TEMPLATES[template]
