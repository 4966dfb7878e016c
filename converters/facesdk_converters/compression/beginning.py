"""What a chain begins with: a finished run, or a Keras model of any origin."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from facesdk.errors import InputError
from facesdk_training.architectures.other_network import OtherNetworkConfig
from facesdk_training.config.run import RunConfig, ValidationConfig
from facesdk_training.data.crops import MANIFEST, read_manifest
from facesdk_training.keras import loading
from facesdk_training.keras.embedder import KerasEmbedder, load_keras
from facesdk_training.runs import folder as run_folder
from facesdk_training.runs import record as run_record

HELD_OUT = 0.3
"""Share of the people who are held out where a Keras file says nothing of it; shards say it."""


@dataclass(frozen=True, slots=True, eq=False)
class Beginning:
    """A network before the first step.

    Attributes:
        config: Its configuration, with the data that it is retrained on.
        model: The network.
        embedder: The same as what embeddings are learned from.
        record: What the run of the result says of data, licence and origin; ``source`` names the
            network.
    """

    config: RunConfig
    model: tf.keras.Model
    embedder: KerasEmbedder
    record: dict[str, Any]


def beginning(source: Path, data: Path) -> Beginning:
    """Reads the network that is compressed.

    Args:
        source: A finished run, or a Keras model that takes crops as our networks do.
        data: Faces, prepared as for training.

    Raises:
        InputError: There is no such file, it is a model file, or the run is not finished.
        ModelError: It is no usable Keras model, or no alignment template has its input's size.
    """
    refuse_model_file(source)
    embedder, model = load_keras(source, None, None), loading.load(source).model
    if (source / run_folder.CONFIG).is_file():
        config = run_record.config_of(source)
        record = run_folder.read_record(source / run_folder.CONFIG)
        record.setdefault("source", f"{source.name} (facesdk train)")
    else:
        config = _config_of(model, data)
        record = _record_of(source, embedder)
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, folder=str(data)))
    return Beginning(config, model, embedder, record)


def refuse_model_file(source: Path) -> None:
    """Raises InputError for a ``.tflite`` or ``.tflite.pack`` file."""
    if source.suffix.lower() in (".tflite", ".pack"):
        raise InputError(
            f"{source} is a model file, whose weights cannot be trained: compress the run or the "
            "Keras model that it was converted from"
        )


def _config_of(model: tf.keras.Model, data: Path) -> RunConfig:
    """A configuration of nothing but the network, and people of every set held out."""
    height, width = model.input_shape[1:3]
    network = OtherNetworkConfig(
        title=str(model.name),
        input_height=int(height),
        input_width=int(width),
        embedding_length=int(model.output_shape[-1]),
    )
    manifest = data / MANIFEST
    sets = {row.set for row in read_manifest(manifest)} if manifest.exists() else set()
    validation = ValidationConfig(sets=tuple(sorted(sets)), share=HELD_OUT)
    return RunConfig(objective="distillation", network=network, validation=validation)


def _record_of(source: Path, embedder: KerasEmbedder) -> dict[str, Any]:
    return {
        "source": f"{source.name} (sha256 {embedder.model_id})",
        "training_data": "unstated; retrained on the faces that it was compressed with",
        "license": "unstated",
        "data_sha256": "",
    }
