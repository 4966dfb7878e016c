"""MediaPipe's short-range face detector (BlazeFace), which finds faces near the camera."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

import mediapipe


class Detector:
    """The detector of ``mediapipe.solutions``, each photo on its own."""

    embed = None

    def __init__(self) -> None:
        self._detector = mediapipe.solutions.face_detection.FaceDetection(model_selection=0)
        folder = Path(mediapipe.__file__).parent / "modules" / "face_detection"
        self.files = [folder / "face_detection_short_range.tflite"]
        self.versions = {"mediapipe": importlib.metadata.version("mediapipe")}

    def detect(self, photo: Any) -> Any:
        """The first face."""
        return self._detector.process(photo).detections[0]


def load() -> Detector:
    return Detector()
