"""Run folders as training leaves them, of networks that nobody trained."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from facesdk_training.architectures.compact_face_net import CompactFaceNetConfig
from facesdk_training.keras.networks.compact_face_net import build_compact_face_net
from training.small_runs import write_finished


def finished_run(run: Path, network: CompactFaceNetConfig) -> Path:
    """A run folder whose weights are random, batch statistics included."""
    model = build_compact_face_net(network)
    rng = np.random.default_rng(4)
    for variable in model.weights:
        if any(part in variable.name for part in ("gamma", "variance")):
            variable.assign(rng.uniform(0.5, 2, variable.shape))
        elif any(part in variable.name for part in ("beta", "mean", "shift", "head_correction")):
            variable.assign(rng.normal(0, 0.5, variable.shape))
    return write_finished(run, model, **asdict(network))[0]
