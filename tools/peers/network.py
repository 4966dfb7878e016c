"""A recognition network alone: ``load("stock" or "lce", model file)``."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.recognition.alignment import central
from facesdk.runtime.backend import load_backend
from tools.bench.ops.candidates import LarqModel, Model


class Network:
    """Embeds crops that are aligned already, with the input of the packaged recogniser."""

    detect = None

    def __init__(self, runtime: str, model: str) -> None:
        packaged = ModelBundle.load(registry.resolve(registry.DEFAULT_RECOGNIZER))
        assert packaged.contract is not None
        self._input = packaged.contract.input
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
        centre = central(crop[None], self._input.height, self._input.width)
        return self._run(self._input.normalise(centre))


def load(runtime: str, model: str) -> Network:
    return Network(runtime, model)
