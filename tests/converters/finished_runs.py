"""Run folders as training leaves them, of networks that nobody trained."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from facesdk_training.architectures.compact_face_net import CompactFaceNetConfig
from facesdk_training.keras.networks.compact_face_net import build_compact_face_net
from facesdk_training.runs import folder as run_folder

THRESHOLD = {
    "fmr": 0.01,
    "similarity": 0.31,
    "fnmr": 0.05,
    "positive_pairs": 60,
    "negative_pairs": 5000,
}


def finished_run(run: Path, network: CompactFaceNetConfig) -> Path:
    """A run folder whose weights are random, batch statistics included."""
    run.mkdir()
    model = build_compact_face_net(network)
    rng = np.random.default_rng(4)
    for variable in model.weights:
        if any(part in variable.name for part in ("gamma", "variance")):
            variable.assign(rng.uniform(0.5, 2, variable.shape))
        elif any(part in variable.name for part in ("beta", "mean", "shift", "head_correction")):
            variable.assign(rng.normal(0, 0.5, variable.shape))
    model.save_weights(run / run_folder.WEIGHTS)
    run_folder.write_record(
        run / run_folder.CONFIG,
        {
            "teacher": {"name": "projection"},
            "teacher_sha256": "1" * 64,
            "training_data": "synthetic patterns",
            "license": "Apache-2.0",
            "config": {
                "objective": "distillation",
                "network": {"architecture": "CompactFaceNet", **asdict(network)},
            },
        },
    )
    run_folder.write_record(
        run / run_folder.CALIBRATION, {"crops": 120, "identities": 30, "thresholds": [THRESHOLD]}
    )
    return run
