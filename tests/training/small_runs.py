"""A run small enough to train in seconds, for the tests of the trainer."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import tensorflow as tf

from facesdk.models.contract import Threshold
from facesdk_training import engines
from facesdk_training.architectures.compact_face_net import CompactFaceNetConfig
from facesdk_training.config import toml
from facesdk_training.config.run import RunConfig
from facesdk_training.data.material import gather
from facesdk_training.keras.engine import KerasEngine, start
from facesdk_training.keras.networks.compact_face_net import build_compact_face_net
from facesdk_training.keras.trainer import Trainer
from facesdk_training.runs import folder as run_folder
from facesdk_training.runs.record import record_of
from training.faces import write_data, write_teacher

DIM = 24

FLOAT_NETWORK = {
    "architecture": "CompactFaceNet",
    "stem_channels": [4, 32],
    "stages": [[32, 1]],
    "variant": "float",
    "embedding_length": DIM,
}
VARIANTS: dict[str, dict[str, Any]] = {
    "binary": {},
    "float": {"network": FLOAT_NETWORK},
    "alike": {
        "network": FLOAT_NETWORK,
        "loss": {"pair_weight": 0.5},
        "alike": {"share": 0.4, "weight": 3.0, "above": 0.1, "rows": [{"name": "darkness"}]},
    },
}
"""What tests of several processes train, by name."""

NUISANCES = [
    {"distortion": "none", "weight": 1.0},
    {"distortion": "blur", "least": 5.0, "most": 6.0, "directions": 2},
    {"distortion": "noise", "directions": 1, "sets": ["a"]},
]
HIDDEN = {**FLOAT_NETWORK, "head_units": 8}
FEW_STEPS = {"steps": 2, "batch_size": 8}


def write_material(folder: Path) -> Path:
    """Data and a teacher in a folder; returns the folder."""
    write_data(folder / "data", {"a": 60})
    write_teacher(folder / "teacher.tflite", DIM)
    return folder


def small_config(folder: Path, **changes: Any) -> RunConfig:
    """16 steps on :func:`write_material`."""
    record: dict[str, Any] = {
        "objective": "distillation",
        "network": {
            "architecture": "CompactFaceNet",
            "stem_channels": [8, 32],
            "stages": [[32, 1], [64, 1]],
            "embedding_length": DIM,
        },
        "epochs": 2,
        "batch_size": 16,
        "data": {"folder": str(folder / "data")},
        "teacher": {"model": str(folder / "teacher.tflite")},
        "schedule": {"warmup_steps": 3},
        "validation": {"sets": ["a"], "share": 0.5, "every": 3},
    }
    return toml.parse({**record, **changes}, "test")


THRESHOLD = Threshold(0.01, 0.31, 0.05, positive_pairs=60, negative_pairs=5000)


def write_finished(
    run: Path, model: tf.keras.Model | None = None, **network: Any
) -> tuple[Path, tf.keras.Model]:
    """A finished run of a CompactFaceNet, the default one, with these weights, or random ones."""
    model = model or build_compact_face_net(CompactFaceNetConfig())
    run.mkdir()
    record = {
        "teacher": {"name": "projection"},
        "teacher_sha256": "1" * 64,
        "training_data": "synthetic patterns",
        "license": "Apache-2.0",
        "config": {
            "objective": "distillation",
            "network": {"architecture": "CompactFaceNet", **network},
        },
    }
    run_folder.write_record(run / run_folder.CONFIG, record)
    model.save_weights(run / run_folder.WEIGHTS)
    calibration = {"crops": 120, "identities": 30, "thresholds": [asdict(THRESHOLD)]}
    run_folder.write_record(run / run_folder.CALIBRATION, calibration)
    return run, model


def trainer_of(run: Path, run_config: RunConfig, strategy: Any = None) -> Trainer:
    """The trainer in a run folder, which is made."""
    material = gather(run_config, None)
    run.mkdir(parents=True, exist_ok=True)
    trainer = KerasEngine(strategy).trainer(run, run_config, material)
    if trainer.is_chief:
        record = record_of(run_config, engines.DEFAULT, material, "test", "none")
        run_folder.write_record(run / run_folder.CONFIG, record)
    return trainer


def losses_of(trainer: Any, stop_at: int | None = None) -> list[float]:
    """Trains to the end, or to a step after which it is told to stop; returns the losses.

    The trainer is one of either engine.
    """
    losses: list[float] = []

    def on_step(step: int, loss: float, speed: float) -> None:
        losses.append(loss)
        if step == stop_at:
            trainer.stop()

    assert trainer.train(on_step) == (stop_at is None)
    return losses


def main() -> None:
    """Trains in a process of its own; VARIANT in the environment is a key of :data:`VARIANTS`.

    Arguments: folder of the material, run folder, validation interval, step after which the chief
    is told to stop.
    """
    folder, run, every = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    stop_at = int(sys.argv[4]) if len(sys.argv) > 4 else None
    validation = {"sets": ["a"], "share": 0.5, "every": every}
    variant = VARIANTS[os.environ.get("VARIANT", "binary")]
    run_config = small_config(folder, validation=validation, **variant)
    trainer = trainer_of(run, run_config, start().strategy)

    def on_step(step: int, loss: float, speed: float) -> None:
        print(step, f"{loss:.9g}", flush=True)
        if step == stop_at and trainer.is_chief:
            trainer.stop()

    trainer.train(on_step)


if __name__ == "__main__":
    main()
