"""Finished runs: their network with the weights that were kept."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from facesdk.errors import InputError
from facesdk_training.architectures.registry import build_embedder
from facesdk_training.config import run as configuration
from facesdk_training.config.run import RunConfig
from facesdk_training.config.stages import network_config
from facesdk_training.runs import folder as run_folder


def load(run: Path) -> tuple[tf.keras.Model, RunConfig]:
    """The embedder of a finished run of ``facesdk train``, in float32, and its configuration.

    Raises:
        InputError: The folder is not a finished run of this version.
    """
    record = run_folder.read_record(run / run_folder.CONFIG)
    run_folder.weights_sha256(run)
    if not isinstance(record.get("config"), dict):
        raise InputError(f"{run} was not written by this version of facesdk")
    config = configuration.parse(record["config"], str(run / run_folder.CONFIG))
    model = build_embedder(network_config(config))
    try:
        model.load_weights(run / run_folder.WEIGHTS)
    except (OSError, ValueError) as error:
        raise InputError(f"{run / run_folder.WEIGHTS} does not fit its config: {error}") from None
    return model, config
