"""A recognition network alone: ``load("stock" or "lce", model file)``."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

import numpy as np

from facesdk.models import registry
from facesdk.runtime.backend import load_backend
from tools.bench.ops.candidates import LarqModel, Model

MEAN, SCALE = 127.5, 127.5


class Network:
    """Embeds crops that are aligned already, 96 columns of them; the input is normalised first."""

    detect = None

    def __init__(self, runtime: str, model: str) -> None:
        file = registry.resolve(model)
        self.files = [file]
        if runtime == "lce":
            self._run = LarqModel(file.read_bytes(), xnnpack=True).run
            version = importlib.metadata.version("larq-compute-engine")
            self.versions = {"larq-compute-engine": version}
        else:
            self._run = Model(Path(file)).run
            backend = load_backend()
            self.versions = {backend.name: backend.version}

    def embed(self, _: Any, crop: Any, found: Any) -> Any:
        """The network's output."""
        centre = crop[:, 8:104].astype(np.float32)
        return self._run((centre[None] - MEAN) / SCALE)


def load(runtime: str, model: str) -> Network:
    return Network(runtime, model)
