"""From a network, by one method or several, to a finished run.

The result is what ``facesdk convert``, ``evaluate`` and ``calibrate`` take: configuration, weights,
thresholds on held-out people, and ``report.json``, which says what each step cost and what it left.
"""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from facesdk.errors import FaceSDKError, InputError
from facesdk.evaluation.calibration import PairSimilarities
from facesdk.files import make_folder, write_atomic
from facesdk.progress import Progress, unwatched
from facesdk.recognition.embedding import CropEmbedder
from facesdk_converters.compression.beginning import Beginning, beginning
from facesdk_converters.compression.files import FileFigures, figures_of, file_of
from facesdk_training import engines
from facesdk_training.architectures.other_network import OtherNetworkConfig
from facesdk_training.compression.counts import counts
from facesdk_training.compression.frame.method import NOTES, Subject
from facesdk_training.compression.frame.retraining import (
    Retraining,
    outcomes,
    retraining_config,
)
from facesdk_training.compression.steps import Step
from facesdk_training.config.run import LossConfig, RunConfig
from facesdk_training.data.material import Material, gather
from facesdk_training.data.validation import Validation, calibration_of, figures
from facesdk_training.keras import loading
from facesdk_training.keras.networks.build import build_embedder
from facesdk_training.runs import folder as run_folder

REPORT = "report.json"
WORK = "compress"
"""Folder of what unfinished retraining has saved; removed at the end."""
Weigh = Callable[[tf.keras.Model], FileFigures]
"""The figures of a network's model file."""
Measure = Callable[[tf.keras.Model], dict[str, Any]]
"""What the report says of a network."""


def compress(
    source: Path,
    steps: Sequence[Step],
    data: Path,
    out: Path,
    cache: Path | None = None,
    progress: Progress = unwatched,
    *,
    files: bool = True,
    engine: str = engines.DEFAULT,
) -> dict[str, Any]:
    """Compresses a network.

    Args:
        source: A finished run, or a Keras model (``.keras``, ``.h5``, a SavedModel of Keras) that
            takes crops as our networks do: RGB, (x - 127.5) / 128, aligned.
        steps: What is done, in order.
        data: Faces, prepared as for training.
        out: Folder of the new run. If it holds an unfinished one of the same steps, that goes on.
        cache: Folder for embeddings of the source; None keeps none.
        progress: Told of the work.
        files: Whether each network is also made a model file, whose bytes and time are reported.
        engine: The training engine that retrains: ``keras`` or ``torch``.

    Returns:
        The content of ``report.json``.

    Raises:
        InputError: The source is no finished run or Keras file, ``out`` is another run's, a step
            does not fit the network or the data, or the engine has not what a step trains.
        DependencyError: The engine's extra is not installed.
        ModelError: The source is no usable network, or no file can be made of one.
    """
    if (out / run_folder.CONFIG).exists():
        raise InputError(f"{out} already holds a run: choose another --output")
    engines.require(engine)
    begun = beginning(source, data)
    material = _material(begun.config, begun.embedder, source, cache, progress)
    plan = {
        "source": str(source),
        "steps": [each.to_dict() for each in steps],
        "engine": engine,
    }
    with _unfinished(out, plan):
        own, weigh = _weighing(begun) if files else (None, None)

        def measures(model: tf.keras.Model) -> dict[str, Any]:
            return _measures(model, material, weigh(model) if weigh else None)

        before = _measures(begun.model, material, own)
        subject = Subject(begun.config, begun.model, material, source, out / WORK, cache, engine)
        subject, done = _taken(subject, steps, measures, progress)
        report = {"source": str(source), "engine": engine, "before": before, "steps": done}
        _finish(out, begun, subject, [each.method.name for each in steps], report)
    return report


def _taken(
    subject: Subject, steps: Sequence[Step], measures: Measure, progress: Progress
) -> tuple[Subject, list[dict[str, Any]]]:
    """The network after all steps, and what the report says of each."""
    folder, done = subject.work, []
    for number, each in enumerate(steps):
        started = time.monotonic()
        work = folder / f"{number}-{each.method.name}"
        subject = dataclasses.replace(subject, work=work)
        model = each.method.apply(subject, each.settings, progress)
        subject = dataclasses.replace(subject, config=config_of(subject.config, model), model=model)
        said: dict[str, Any] = {**each.to_dict(), "seconds": round(time.monotonic() - started, 1)}
        said["after"] = measures(model)
        if (work / NOTES).exists():
            said["notes"] = run_folder.read_record(work / NOTES)
        if found := outcomes(work):
            said["retrained"] = found
        done.append(said)
    return subject, done


def _material(
    config: RunConfig,
    teacher: CropEmbedder,
    source: Path,
    cache: Path | None,
    progress: Progress,
) -> Material:
    """The data, with the embeddings of the source as targets, and labels where there are any."""
    asked = retraining_config(config, Retraining(), LossConfig(), source)
    material = gather(asked, cache, progress, teacher=teacher, lookalikes=False)
    names = np.array([f"{row.set}/{row.identity}" for row in material.crops.records])
    known = np.array([bool(row.identity) for row in material.crops.records])
    _, numbers = np.unique(names, return_inverse=True)
    return dataclasses.replace(material, labels=np.where(known, numbers, -1).astype(np.int64))


def config_of(config: RunConfig, model: tf.keras.Model) -> RunConfig:
    """The configuration of a network that may have another length of embedding."""
    network = dataclasses.replace(
        config.final_network, embedding_length=int(model.output_shape[-1])
    )
    return dataclasses.replace(config, network=network, stages=())


@contextmanager
def _unfinished(out: Path, plan: dict[str, Any]) -> Iterator[None]:
    """Makes the folder, or sees that what lies there is of the same steps.

    What is refused before any step has left something to go on with leaves nothing behind.
    """
    work, made = out / WORK, not out.exists()
    make_folder(work)
    path = work / "plan.json"
    if path.exists() and run_folder.read_record(path) != _plain(plan):
        raise InputError(f"{out} holds an unfinished chain of other steps: choose another --output")
    run_folder.write_record(path, plan)
    try:
        yield
    except FaceSDKError:
        if [file for file in work.rglob("*") if file.is_file()] == [path]:
            shutil.rmtree(out if made else work)
        raise


def _plain(value: Any) -> Any:
    """What JSON makes of it."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, (list, tuple)) else value


def _weighing(begun: Beginning) -> tuple[FileFigures, Weigh]:
    """The figures of the file of the network before any step, and what tells others' beside it."""
    contract = begun.embedder.contract
    target, base = file_of(begun.model, contract)
    own = figures_of(target, base, base)
    return own, lambda model: figures_of(*file_of(model, contract), base)


def _measures(
    model: tf.keras.Model, material: Material, file: FileFigures | None
) -> dict[str, Any]:
    """What a network and its model file hold, and how well it does on held-out people."""
    return {
        **counts(model),
        **(file.to_dict() if file else {}),
        **{name: round(value, 5) for name, value in figures(_pairs(model, material)).items()},
    }


def _pairs(model: tf.keras.Model, material: Material) -> PairSimilarities:
    height, width = model.input_shape[1:3]
    return Validation(material.crops, material.split, height, width).pairs(
        lambda images: loading.predict(model, images)
    )


def _finish(
    out: Path, begun: Beginning, subject: Subject, names: list[str], report: dict[str, Any]
) -> None:
    model, material = subject.model, subject.material
    pairs, split = _pairs(model, material), material.split
    calibration = {
        "crops": len(split.validation),
        "identities": len(np.unique(split.validation_identities)),
        **figures(pairs),
        **calibration_of(pairs),
    }
    if not _is_of(subject.config, model):
        model.save(out / WORK / run_folder.NETWORK)
        content = (out / WORK / run_folder.NETWORK).read_bytes()
        write_atomic(out / run_folder.NETWORK, content)
    scratch = out / WORK / run_folder.WEIGHTS
    model.save_weights(scratch)
    record = dict(begun.record)
    record["source"] = f"facesdk compress {', '.join(names)}, of {record['source']}"
    record["config"] = subject.config.to_dict()
    run_folder.write_record(out / run_folder.CALIBRATION, calibration)
    run_folder.write_record(out / REPORT, report)
    write_atomic(out / run_folder.WEIGHTS, scratch.read_bytes())
    run_folder.write_record(out / run_folder.CONFIG, record)
    shutil.rmtree(out / WORK)


def _is_of(config: RunConfig, model: tf.keras.Model) -> bool:
    """Whether a configuration's network has the layers and shapes of a model."""
    if isinstance(config.final_network, OtherNetworkConfig):
        return False
    built = build_embedder(config.final_network)
    return [(a.name, [w.shape for w in a.get_weights()]) for a in built.layers] == [
        (a.name, [w.shape for w in a.get_weights()]) for a in model.layers
    ]
