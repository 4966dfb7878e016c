"""What a compression method is: a name, settings, and a function from one network to another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from facesdk.progress import Progress
from facesdk_training import engines
from facesdk_training.config.run import RunConfig
from facesdk_training.data.material import Material

NOTES = "notes.json"
"""What a method leaves in its folder of work for ``report.json``, where there is more to say."""


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """A network on its way.

    Attributes:
        config: The configuration of the run that it began as.
        model: The network, crops to embeddings; a method may change it in place.
        material: What it is retrained and validated on; targets are the original's embeddings.
        original: The run that the chain began with, which retraining learns from.
        work: Folder for what retraining saves, so that an interrupted method goes on.
        cache: Folder for the embeddings of teachers; None keeps none.
        engine: What retrains, a key of :data:`facesdk_training.engines.ENGINES`.
    """

    config: RunConfig
    model: tf.keras.Model
    material: Material
    original: Path
    work: Path
    cache: Path | None = None
    engine: str = engines.DEFAULT


@dataclass(frozen=True, slots=True)
class Method:
    """A row of :mod:`facesdk_training.compression.methods`.

    Attributes:
        name: What the command line calls it.
        source: The document and the formula.
        summary: A line.
        settings: A frozen dataclass of numbers and names, all with defaults.
        apply: Takes a subject, settings of that class and who is told of the progress; returns the
            compressed network.
    """

    name: str
    source: str
    summary: str
    settings: type
    apply: Callable[[Subject, Any, Progress], tf.keras.Model]
