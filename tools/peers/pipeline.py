"""facesdk's own pipeline, with any recogniser: ``load(model, contract file or "", min_face)``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2

from facesdk import FaceEngine, __version__
from facesdk.models import registry
from facesdk.models.contract import Contract
from facesdk.runtime.backend import load_backend


class Pipeline:
    """Detects the largest face, aligns and embeds it."""

    def __init__(self, model: str, contract: str) -> None:
        cv2.setNumThreads(1)
        given = Contract.from_json(Path(contract).read_bytes()) if contract else None
        self._engine = FaceEngine.load(model, contract=given)
        detector = [registry.resolve(name) for name in ("finder", "mtcnn-onet")]
        self.files = [registry.resolve(model), *detector]
        backend = load_backend()
        self.versions = {"facesdk": __version__, backend.name: backend.version}

    def detect(self, photo: Any) -> Any:
        """The largest face."""
        return self._engine.detect(photo, max_faces=1).faces[0]

    def embed(self, photo: Any, _: Any, found: Any) -> Any:
        """Align and embed it."""
        return self._engine.embed(photo, found).vector


def load(model: str, contract: str = "") -> Pipeline:
    return Pipeline(model, contract)
