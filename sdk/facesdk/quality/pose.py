"""Where a face looks, and how large it is, from its five landmarks.

A face far from the camera is seen in scaled orthographic projection: image = scale * R * model,
without the third row. With five points that are not in a plane the six numbers of the first two
rows follow by linear least squares (the first step of D. DeMenthon and L. Davis, "Model-based
object pose in 25 lines of code", IJCV 15, 1995); the closest pair of orthogonal rows of one length
gives the rotation and the scale. The angles are those of a head that first looks up, then to the
side, and is then turned in the image. One model stands for all faces, so that the angles are
estimates: people with a long nose seem to look up or down by some degrees.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import atan2, degrees, hypot, inf

import numpy as np
from numpy.typing import ArrayLike, NDArray

from facesdk.errors import InputError
from facesdk.recognition.alignment import template_points

NOSE, MOUTH = 0.5, 0.12
"""How far the tip of the nose and the corners of the mouth lie before the eyes, in eye distances:
some 32 and 8 mm where the eyes are 63 mm apart."""


@dataclass(frozen=True, slots=True)
class Pose:
    """Direction and size of a face.

    Attributes:
        yaw: Degrees; positive where it looks to the right of the image.
        pitch: Degrees; positive where it looks up.
        roll: Degrees, -180 to 180; positive where the head is turned clockwise.
        eye_distance: Pixels between the eyes, if they were seen from the front.
    """

    yaw: float
    pitch: float
    roll: float
    eye_distance: float


def _model() -> NDArray[np.float64]:
    """Eyes, nose tip and mouth corners from the front, x to the right, y down, z to the camera."""
    flat = template_points("arcface-112x112")
    flat = flat / (flat[1, 0] - flat[0, 0])
    points = np.column_stack([flat, (0, 0, NOSE, MOUTH, MOUTH)])
    centred: NDArray[np.float64] = points - points.mean(axis=0)
    return centred


MODEL = _model()
"""``(5, 3)``, in eye distances, with its mean at 0."""

_SOLVER = np.linalg.pinv(MODEL)


def pose(landmarks: ArrayLike) -> Pose:
    """The pose of a face.

    Args:
        landmarks: ``(5, 2)``, as :attr:`facesdk.results.Face.landmarks`.

    Raises:
        InputError: They are not finite, or all in one place or on one line.
    """
    points = np.asarray(landmarks, dtype=np.float64)
    if points.shape != (5, 2) or not np.isfinite(points).all():
        raise InputError(f"landmarks must be five finite x, y, but got {points.tolist()}")
    return _pose_of(points.tobytes())


@lru_cache(maxsize=64)
def _pose_of(content: bytes) -> Pose:
    """The pose of five points, float64; a face's is asked for where it is chosen and measured."""
    points = np.frombuffer(content).reshape(5, 2)
    rows = (_SOLVER @ (points - points.mean(axis=0))).T
    left, lengths, right = np.linalg.svd(rows, full_matrices=False)
    if lengths[1] <= 0.01 * lengths[0] or lengths[0] == 0:
        raise InputError("landmarks must not lie on one line")
    (x, y, z), (u, v, w) = (left @ right).tolist()  # of the face's x and y axis in the image
    return Pose(
        yaw=degrees(atan2(z * v - y * w, hypot(x, u))),
        pitch=degrees(atan2(z * u - x * w, x * v - y * u)),
        roll=degrees(atan2(u, x)),
        eye_distance=float(lengths.mean()),
    )


def misfit(landmarks: ArrayLike) -> float:
    """How far five landmarks are from those of any head, however it is turned.

    Args:
        landmarks: As of :func:`pose`.

    Returns:
        Root of the mean square distance to the model's projection, in eye distances. An affine
        projection, so that heads of other proportions fit, too. Infinite for mirrored landmarks,
        which fit a head that looks away.

    Raises:
        InputError: As :func:`pose`.
    """
    found = pose(landmarks)
    if abs(found.pitch) > 90:
        return inf
    points = np.asarray(landmarks, dtype=np.float64)
    points = points - points.mean(axis=0)
    rest = points - MODEL @ (_SOLVER @ points)
    return float(np.sqrt((rest**2).sum(axis=1).mean())) / found.eye_distance
