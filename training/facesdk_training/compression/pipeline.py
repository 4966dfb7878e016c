"""From a finished run, by one method or several, to a finished run.

The result is what ``facesdk convert``, ``evaluate`` and ``calibrate`` take: configuration, weights,
thresholds on held-out people, and ``report.json``, which says what each step cost and what it left.
"""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from pydantic import TypeAdapter, ValidationError

from facesdk.errors import InputError
from facesdk.files import make_folder, write_atomic
from facesdk.progress import Progress, unwatched
from facesdk_training.complexity.layers import measure
from facesdk_training.compression.frame.method import NOTES, Method, Subject
from facesdk_training.compression.frame.retraining import Retraining, retraining_config
from facesdk_training.compression.methods import method
from facesdk_training.config.run import LossConfig, RunConfig
from facesdk_training.data.material import Material, gather
from facesdk_training.data.validation import Validation, calibration_of, figures
from facesdk_training.keras import loading
from facesdk_training.keras.embedder import load_keras
from facesdk_training.keras.networks.build import build_embedder
from facesdk_training.runs import folder as run_folder
from facesdk_training.runs import record as run_record

REPORT = "report.json"
WORK = "compress"
"""Folder of what unfinished retraining has saved; removed at the end."""
_MOST_VALUES = 256
"""Most values of a filter that count as a list of their own; shorter filters count as float32."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step of a chain.

    Attributes:
        method: What is done.
        settings: An object of the method's class of settings.
    """

    method: Method
    settings: Any


def step(name: str, settings: Mapping[str, Any]) -> Step:
    """A step by the name of its method and settings as in a TOML table.

    Raises:
        InputError: There is no such method or setting, or a value does not fit.
    """
    found = method(name)
    try:
        checked = TypeAdapter(found.settings).validate_python(dict(settings))
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, row['loc']))}: {row['msg']}" for row in error.errors()
        )
        raise InputError(f"{name}: {problems}") from None
    return Step(found, checked)


def compress(
    source: Path,
    steps: Sequence[Step],
    data: Path,
    out: Path,
    cache: Path | None = None,
    progress: Progress = unwatched,
) -> dict[str, Any]:
    """Compresses a finished run.

    Args:
        source: The run.
        steps: What is done, in order.
        data: Faces, prepared as for training.
        out: Folder of the new run. If it holds an unfinished one of the same steps, that goes on.
        cache: Folder for embeddings of the source; None keeps none.
        progress: Told of the work.

    Returns:
        The content of ``report.json``.

    Raises:
        InputError: The source is no finished run, ``out`` is another run's, or a step does not fit
            the network or the data.
    """
    if not (source / run_folder.CONFIG).is_file():
        raise InputError(f"{source} is no run: give a finished run of `facesdk train`")
    if (out / run_folder.CONFIG).exists():
        raise InputError(f"{out} already holds a run: choose another --out")
    config = run_record.config_of(source)
    config = dataclasses.replace(config, data=dataclasses.replace(config.data, folder=str(data)))
    model = loading.load(source).model
    material = _material(config, source, cache, progress)
    plan = [{"method": each.method.name, "settings": asdict(each.settings)} for each in steps]
    _begin(out, {"source": str(source), "steps": plan})
    before = _measures(model, material)
    subject = Subject(config, model, material, source, out / WORK)
    done = []
    for number, each in enumerate(steps):
        started = time.monotonic()
        work = out / WORK / f"{number}-{each.method.name}"
        subject = dataclasses.replace(subject, work=work)
        model = each.method.apply(subject, each.settings, progress)
        subject = dataclasses.replace(subject, config=_config_of(config, model), model=model)
        seconds = round(time.monotonic() - started, 1)
        notes = {"notes": run_folder.read_record(work / NOTES)} if (work / NOTES).exists() else {}
        after = _measures(model, material)
        done.append({**plan[number], "seconds": seconds, "after": after, **notes})
    report = {"source": str(source), "before": before, "steps": done}
    _finish(out, source, subject, [each.method.name for each in steps], report)
    return report


def _material(config: RunConfig, source: Path, cache: Path | None, progress: Progress) -> Material:
    """The data, with the embeddings of the source as targets, and labels where there are any."""
    asked = retraining_config(config, Retraining(), LossConfig(), source)
    teacher = load_keras(source, None, None)
    material = gather(asked, cache, progress, teacher=teacher, lookalikes=False)
    names = np.array([f"{row.set}/{row.identity}" for row in material.crops.records])
    known = np.array([bool(row.identity) for row in material.crops.records])
    _, numbers = np.unique(names, return_inverse=True)
    return dataclasses.replace(material, labels=np.where(known, numbers, -1).astype(np.int64))


def _config_of(config: RunConfig, model: tf.keras.Model) -> RunConfig:
    """The configuration of a network that may have another length of embedding."""
    network = dataclasses.replace(
        config.final_network, embedding_length=int(model.output_shape[-1])
    )
    return dataclasses.replace(config, network=network, stages=())


def _begin(out: Path, plan: dict[str, Any]) -> None:
    """Makes the folder, or sees that what lies there is of the same steps."""
    make_folder(out / WORK)
    path = out / WORK / "plan.json"
    if path.exists() and run_folder.read_record(path) != _plain(plan):
        raise InputError(f"{out} holds an unfinished chain of other steps: choose another --out")
    run_folder.write_record(path, plan)


def _plain(value: Any) -> Any:
    """What JSON makes of it."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, (list, tuple)) else value


def _measures(model: tf.keras.Model, material: Material) -> dict[str, Any]:
    """What a network holds and how well it does on held-out people."""
    counted = measure(model)
    height, width = model.input_shape[1:3]
    pairs = Validation(material.crops, material.split, height, width).pairs(
        lambda images: loading.predict(model, images)
    )
    return {
        "weights": counted.parameters,
        "nonzero_weights": _nonzero(model),
        "weight_bytes": weight_bytes(model),
        "weight_bits": {name: bits for name, bits in bits_of(model).items() if bits},
        "multiply_adds": sum(counted.multiply_adds.values()),
        **{name: round(value, 5) for name, value in figures(pairs).items()},
    }


def weight_bytes(model: tf.keras.Model) -> int:
    """Bytes of all kernels if each filter's values are numbers into a list of its own.

    A filter with n values takes the bits of n - 1 per weight, and 4 bytes per value; more than 256
    values count as float32. The layer's bits are those of its richest filter.
    """
    total = 0
    for kernel in _kernels(model).values():
        plain, values = 4 * kernel.size, _values(kernel)
        listed = -(-kernel.size * _bits(values) // 8) + 4 * values * kernel.shape[-1]
        total += min(plain, listed) if values <= _MOST_VALUES else plain
    return total


def bits_of(model: tf.keras.Model) -> dict[str, int]:
    """Bits of a weight by the layer's name, as :func:`weight_bytes` counts; 0 is float32."""
    values = {name: _values(kernel) for name, kernel in _kernels(model).items()}
    return {name: _bits(n) if n <= _MOST_VALUES else 0 for name, n in values.items()}


def _values(kernel: np.ndarray) -> int:
    """Most values of a filter."""
    rows = kernel.reshape(-1, kernel.shape[-1]).T
    return max(len(np.unique(row)) for row in rows) if len(rows[0]) > _MOST_VALUES else 1 << 30


def _bits(values: int) -> int:
    return max(1, (values - 1).bit_length())


def _nonzero(model: tf.keras.Model) -> int:
    return sum(int(np.count_nonzero(kernel)) for kernel in _kernels(model).values())


def _kernels(model: tf.keras.Model) -> dict[str, np.ndarray]:
    """The first weights of convolutions and dense layers, by the layer's name."""
    return {
        layer.name: layer.get_weights()[0]
        for layer in model.layers
        if isinstance(layer, (tf.keras.layers.Conv2D, tf.keras.layers.Dense))
    }


def _finish(
    out: Path, source: Path, subject: Subject, names: list[str], report: dict[str, Any]
) -> None:
    model, material = subject.model, subject.material
    height, width = model.input_shape[1:3]
    pairs = Validation(material.crops, material.split, height, width).pairs(
        lambda images: loading.predict(model, images)
    )
    split = material.split
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
    record = run_folder.read_record(source / run_folder.CONFIG)
    record["source"] = f"facesdk compress {', '.join(names)}, of {_origin(record, source)}"
    record["config"] = subject.config.to_dict()
    run_folder.write_record(out / run_folder.CALIBRATION, calibration)
    run_folder.write_record(out / REPORT, report)
    write_atomic(out / run_folder.WEIGHTS, scratch.read_bytes())
    run_folder.write_record(out / run_folder.CONFIG, record)
    shutil.rmtree(out / WORK)


def _origin(record: dict[str, Any], source: Path) -> str:
    return str(record.get("source") or f"{source.name} (facesdk train)")


def _is_of(config: RunConfig, model: tf.keras.Model) -> bool:
    """Whether a configuration's network has the layers and shapes of a model."""
    built = build_embedder(config.final_network)
    return [(a.name, [w.shape for w in a.get_weights()]) for a in built.layers] == [
        (a.name, [w.shape for w in a.get_weights()]) for a in model.layers
    ]
