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

from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from facesdk.errors import InputError
from facesdk.models.templates import SQUARE, TEMPLATES, Template

Scalar = TypeVar("Scalar", bound=np.generic)
_OPENCV_LONGEST_SIDE = 32_766


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
    z = (start - start.mean(axis=0)) @ [1, 1j]
    w = (end - end.mean(axis=0)) @ [1, 1j]
    spread = np.vdot(z, z).real
    magnitude = np.abs(start).max() + 1e-300
    if spread <= len(z) * (1e-9 * magnitude) ** 2:
        raise InputError(f"landmarks must not coincide, but all are at {start[0].tolist()}")
    a = np.vdot(z, w) / spread
    if abs(a) ** 2 * spread <= 1e-12 * np.vdot(w, w).real:
        raise InputError(
            "landmarks have no similarity to the template: they look mirrored; "
            "give eyes, nose and mouth corners from left to right as seen in the image"
        )
    linear = np.array([[a.real, -a.imag], [a.imag, a.real]])
    shift = end.mean(axis=0) - linear @ start.mean(axis=0)
    return np.column_stack([linear, shift])


def align(
    image: NDArray[np.uint8], landmarks: ArrayLike, template: str = "arcface-112x112"
) -> NDArray[np.uint8]:
    """Cut a face out of a photo so that its landmarks meet the template.

    Pixels are interpolated bilinearly; what lies outside the photo is black.

    Args:
        image: uint8 RGB ``(height, width, 3)``.
        landmarks: ``(5, 2)`` of x, y in pixels of ``image``: see
            :attr:`facesdk.results.Face.landmarks`.
        template: A key of :data:`facesdk.models.templates.TEMPLATES`.

    Returns:
        uint8 RGB crop, ``(112, 112, 3)`` or ``(112, 96, 3)`` as the template says.

    Raises:
        InputError: The image is not uint8 RGB or is too long for OpenCV, the template is unknown,
            or the landmarks are not five distinct finite points.
    """
    square = align_square(image, landmarks, SQUARE.width)
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
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise InputError(
            f"image must be uint8 with shape (height, width, 3), "
            f"but got {image.dtype} with shape {image.shape}"
        )
    if max(image.shape) > _OPENCV_LONGEST_SIDE:
        raise InputError(
            f"image must be at most {_OPENCV_LONGEST_SIDE} pixels long, but got shape "
            f"{image.shape}: scale it down first"
        )
    matrix = similarity_transform(landmarks, np.array(SQUARE.points) + (side - SQUARE.width) // 2)
    return np.asarray(cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_LINEAR), np.uint8)


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
