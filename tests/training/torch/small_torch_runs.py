"""Runs of the training engine torch, small enough to train in seconds; also in processes."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

if "FACESDK_TORCH" in os.environ:
    sys.path.append(os.environ["FACESDK_TORCH"])

import torch

from facesdk_training.config.run import RunConfig
from facesdk_training.data.material import gather
from facesdk_training.runs import folder as run_folder
from facesdk_training.runs.record import record_of
from facesdk_training.torch.engine import start
from facesdk_training.torch.trainer import Trainer
from training.small_runs import small_config


def trainer_of(run: Path, config: RunConfig) -> Trainer:
    """The trainer in a run folder, which is made."""
    material = gather(config, None)
    run.mkdir(parents=True, exist_ok=True)
    trainer = start(1).trainer(run, config, material)
    if trainer.is_chief:
        record = record_of(config, "torch", material, "test", "none")
        run_folder.write_record(run / run_folder.CONFIG, record)
    return trainer


def main() -> None:
    """One of several processes; arguments: folder of the material, run folder."""
    folder, run = Path(sys.argv[1]), Path(sys.argv[2])
    config = small_config(folder, epochs=0.5)
    trainer = trainer_of(run, config)
    trainer.train()
    weights: dict[str, Any] = trainer._learner.network.state_dict()
    torch.save(weights, run / f"weights-{os.environ['RANK']}.pt")


if __name__ == "__main__":
    main()
