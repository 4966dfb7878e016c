"""Photos of 640x480 with one face, from the packaged samples.

``facesdk bench pipeline`` makes pictures of the same samples in its own way. Both stay as they are:
figures of before can only be compared while the pictures are the same.
"""

from __future__ import annotations

import cv2
import numpy as np

from facesdk import samples
from facesdk.detection.mtcnn.detector import MTCNN
from facesdk.images import decode
from facesdk.images.decode import RgbImage

WIDTH, HEIGHT = 640, 480
_BLUR = 24


def around_face(sample: str) -> RgbImage:
    """A sample's full width around its face, scaled to 640x480: a photo with nothing added.

    Args:
        sample: Name of a photo in :mod:`facesdk.samples`.

    Returns:
        uint8 RGB ``(480, 640, 3)``.
    """
    photo = decode.load(getattr(samples, sample))
    (face,) = MTCNN.load(max_faces=1).detect(photo)
    rows = photo.shape[1] * HEIGHT // WIDTH
    middle = int(face.box[1] + face.box[3]) // 2
    top = min(max(middle - rows // 2, 0), photo.shape[0] - rows)
    part = photo[top : top + rows]
    return np.asarray(cv2.resize(part, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA))


def one_face(face_height: int, *, sample: str = "OBAMA") -> RgbImage:
    """A photo with one face in its middle.

    The sample is scaled; what it leaves free is filled with itself, enlarged and out of focus.

    Args:
        face_height: Height of its box as the detector finds it, in pixels: 20 to 400.
        sample: Name of a photo in :mod:`facesdk.samples`.

    Returns:
        uint8 RGB ``(480, 640, 3)``.
    """
    photo = decode.load(getattr(samples, sample))
    (face,) = MTCNN.load(max_faces=1).detect(photo)
    scale = face_height / face.height
    photo = np.asarray(cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    x, y = ((face.box[:2] + face.box[2:]) / 2 * scale).astype(int)
    top, left = max(y - HEIGHT // 2, 0), max(x - WIDTH // 2, 0)
    part = photo[top : top + HEIGHT, left : left + WIDTH]
    canvas = cv2.GaussianBlur(cv2.resize(photo, (WIDTH, HEIGHT)), (0, 0), _BLUR)
    row, column = (HEIGHT - part.shape[0]) // 2, (WIDTH - part.shape[1]) // 2
    canvas[row : row + part.shape[0], column : column + part.shape[1]] = part
    return np.asarray(canvas)
