"""What a retraining is asked to do, of a run's configuration."""

from __future__ import annotations

from pathlib import Path

from facesdk_training.compression.frame.retraining import Retraining, retraining_config
from facesdk_training.config import toml
from facesdk_training.config.run import LossConfig


def test_nuisances_are_not_taken_out_twice() -> None:
    run = toml.parse(
        {
            "objective": "distillation",
            "network": {"architecture": "CompactFaceNet", "embedding_length": 24},
            "nuisances": [{"distortion": "blur", "directions": 1}],
        },
        "test",
    )
    config = retraining_config(run, Retraining(steps=8), LossConfig(), Path("run"))
    assert config.nuisances == ()
    assert config.network == run.network
