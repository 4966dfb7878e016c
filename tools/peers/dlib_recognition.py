"""PyPI's face_recognition: dlib's HOG detector, 5 landmarks, and a ResNet of 29 convolutions."""

from __future__ import annotations

import importlib.metadata
from typing import Any

import face_recognition
import face_recognition_models as models


class Recognition:
    """As its documentation shows it: every option at its default."""

    def __init__(self) -> None:
        self.files = [
            models.face_recognition_model_location(),
            models.pose_predictor_five_point_model_location(),
        ]
        self.versions = {
            name: importlib.metadata.version(name) for name in ("face-recognition", "dlib-bin")
        }

    def detect(self, photo: Any) -> Any:
        """The first face."""
        return face_recognition.face_locations(photo)[0]

    def embed(self, photo: Any, _: Any, found: Any) -> Any:
        """Its vector."""
        return face_recognition.face_encodings(photo, [found])[0]


def load() -> Recognition:
    return Recognition()
