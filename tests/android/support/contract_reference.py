"""Model files with other contracts: what Java refuses and why, and what it reads."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from facesdk.engine import FaceEngine
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract_writer import replace_contract, with_contract_text
from facesdk.recognition.embedding import Embedder, warn_of_other_pixels

Record = dict[str, Any]


def _set(*path: str, value: object) -> Callable[[Record], None]:
    def change(record: Record) -> None:
        for key in path[:-1]:
            record = record[int(key)] if isinstance(record, list) else record[key]  # type: ignore[index]
        record[path[-1]] = value

    return change


def _without(name: str) -> Callable[[Record], None]:
    return lambda record: record.pop(name)


CHANGES: dict[str, tuple[Callable[[Record], object], str]] = {
    "version": (_set("schema_version", value=2), "schema version, this facesdk reads 1"),
    "version_text": (_set("schema_version", value="1"), "has another schema version"),
    "version_fraction": (_set("schema_version", value=1.0), "has another schema version"),
    "nameless": (_without("name"), "name must be a string"),
    "task": (_set("task", value="detection"), "is a model for detection"),
    "input": (_set("input", value=[]), "input must be a JSON object"),
    "color": (_set("input", "color", value="any"), "input color must be one of RGB, BGR"),
    "mean": (_set("input", "mean", value="0"), "input mean must be a number"),
    "scale": (_set("input", "scale", value=0), "input scale must be a number"),
    "template": (_set("template", value="round"), "template must be one of arcface-112x112"),
    "template_null": (_set("template", value=None), "template must be a string"),
    "dim": (_set("dim", value=0), "dim must be a whole number"),
    "dim_fraction": (_set("dim", value=1.5), "dim must be a whole number"),
    "dim_other": (_set("dim", value=100), "must have one output of shape (1, 100)"),
    "flip": (_set("flip_concatenation", value=1), "flip_concatenation must be true or false"),
    "direction": (_set("removed_direction", value=0), "removed_direction must be null or a list"),
    "direction_text": (_set("removed_direction", value=["1"]), "must be null or a list of 1 to"),
    "direction_large": (_set("removed_direction", value=[1.5]), "must be null or a list of 1 to"),
    "direction_zero": (_set("removed_direction", value=[0, 0.0]), "that are not all 0"),
    "full_norm": (_set("full_norm", value="14"), "full_norm must be null or a number from"),
    "full_norm_zero": (_set("full_norm", value=0), "full_norm must be null or a number from"),
    "direction_short": (_set("removed_direction", value=[1]), "dim = 192 numbers, but has 1"),
    "thresholds": (_set("thresholds", value={}), "thresholds must be a list"),
    "pixels": (_set("thresholds_pixels", value=0), "thresholds_pixels must be a whole number from"),
    "pixels_fraction": (_set("thresholds_pixels", value=1.5), "thresholds_pixels must be a whole"),
    "fmr": (_set("thresholds", "0", "fmr", value=0), "threshold fmr must be a number above 0"),
    "similarity": (_set("thresholds", "0", "similarity", value=2), "similarity must be a number"),
    "original": (_set("original", value=[]), "original must be a JSON object"),
    "original_bytes": (_set("original", "bytes", value=5000), "original must be the file that"),
    "original_long": (_set("original", "bytes", value=1 << 31), "original must be the file that"),
    "original_offset": (_set("original", "offset", value=-1), "original offset must be a whole"),
}  # fmt: skip
TEXTS = {
    "list": ("[]", "must be a JSON object"),
    "empty": ("", "is not valid JSON"),
    "open": ('{"a": [1, 2', "is not valid JSON"),
    "tail": ("{} {}", "is not valid JSON"),
    "deep": ("[" * 100 + "]" * 100, "is not valid JSON"),
    "number": ('{"a": 01}', "is not valid JSON"),
    "escape": ('{"a": "\\x"}', "is not valid JSON"),
    "control": ('{"a": "\n"}', "is not valid JSON"),
}


def write(folder: Path, engine: FaceEngine, crop: np.ndarray, values: dict[str, object]) -> None:
    """Write the files into a new folder, and what is in them into the values."""
    folder.mkdir()
    packaged = ModelBundle.load(registry.resolve(registry.DEFAULT_RECOGNIZER))
    edited = replace_contract(packaged, packaged.contract)  # so that it names its original
    bundle = ModelBundle.from_bytes(edited, packaged.path, trust=True)
    for name, (change, words) in CHANGES.items():
        record = bundle.contract.to_dict()
        record["thresholds"] = {str(i): row for i, row in enumerate(record["thresholds"])}
        change(record)
        if isinstance(record["thresholds"], dict) and record["thresholds"]:
            record["thresholds"] = list(record["thresholds"].values())
        _write(folder, bundle, name, json.dumps(record))
        values[f"contract.{name}"] = words
    for name, (text, words) in TEXTS.items():
        _write(folder, bundle, name, text)
        values[f"contract.{name}"] = words
    values["contracts"] = ",".join([*CHANGES, *TEXTS])
    _good(folder, bundle, crop, values)
    _other_pixels(folder, bundle, values)
    whole = replace_contract(bundle, bundle.contract)
    (folder.parent / "recognizer.tflite").write_bytes(whole)
    values["recognizer_id"] = ModelBundle.from_bytes(whole, "recognizer").model_id
    values["contract_at"] = len(whole) - len(bundle.contract.to_json().encode())


def _good(folder: Path, bundle: ModelBundle, crop: np.ndarray, values: dict[str, object]) -> None:
    named = replace(bundle.contract, name="m\u00f6del \u2713")
    contracts = {
        "named": named,
        "bgr": replace(named, input=replace(named.input, color="BGR")),
        "scaled": replace(named, input=replace(named.input, mean=100.25, scale=77.5)),
        "flipped": named.with_flip(True),
        "shortened": replace(named, full_norm=1e4),
        "clear": replace(named, full_norm=1e-3),
        "both_shortened": replace(
            named.with_flip(True).with_removed_direction(_direction(384, 0.5)), full_norm=1e4
        ),
        "centered": named.with_removed_direction(_direction(192, 1.0)),
        "centered_small": named.with_removed_direction(_direction(192, 1e-290)),
        "both": named.with_flip(True).with_removed_direction(_direction(384, 0.5)),
    }
    for name, contract in contracts.items():
        content = with_contract_text(bundle, replace(contract, original=None).to_json())
        (folder / f"{name}.tflite").write_bytes(content)
        made = Embedder(ModelBundle.from_bytes(content, name, trust=True), contract)
        (folder / f"{name}.vector").write_bytes(made.embed(crop[None])[0].astype("<f4").tobytes())
    values["good_contracts"] = ",".join(contracts)


def _direction(count: int, scale: float) -> list[float]:
    return [float(x) for x in scale * np.random.default_rng(count).uniform(-1, 1, count)]


def _other_pixels(folder: Path, bundle: ModelBundle, values: dict[str, object]) -> None:
    measured = replace(bundle.contract, thresholds_pixels=2, original=None)
    _write(folder, bundle, "measured", measured.to_json())
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        warn_of_other_pixels(measured)
    values["other_pixels"] = str(said[0].message)


def _write(folder: Path, bundle: ModelBundle, name: str, text: str) -> None:
    (folder / f"{name}.tflite").write_bytes(with_contract_text(bundle, text))
