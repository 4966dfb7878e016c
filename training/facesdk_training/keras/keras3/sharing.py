"""Layers that models of a ``.keras`` file share, written out as layers of their own.

Keras 3 gives a shared layer a number where it describes it again, and writes its weights once, in
the first group that it has with the layers in order. But where it was described inside of another
model, the number is lost there: then Keras cannot load its own file. Class, name and options still
tell which layer it was. So each copy is given its weights, and the numbers go: Keras 2 and Keras 3
then read the same network from it, which computes what the shared one does.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py

from facesdk.errors import ModelError
from facesdk_training.keras.keras3.configuration import MODELS, is_layer, name_of, places
from facesdk_training.keras.keras3.way_out import EXPORT

_NUMBER = "shared_object_id"


def shares(path: Path) -> bool:
    """Whether a ``.keras`` file has a layer that is shared."""
    with zipfile.ZipFile(path) as archive:
        config = json.loads(archive.read("config.json"))
    return any(_NUMBER in row for row, _ in _layers(config, ""))


def write_out(path: Path, copy: Path) -> None:
    """Writes the file again, without shared layers.

    Args:
        path: A ``.keras`` file.
        copy: Where to write.

    Raises:
        ModelError: It does not tell which of several layers is shared.
    """
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(copy, "w") as written:
        config = json.loads(archive.read("config.json"))
        weights = io.BytesIO(archive.read("model.weights.h5"))
        with h5py.File(weights, "r+") as file:
            _Weights(file, path).write_out(config)
        written.writestr("metadata.json", archive.read("metadata.json"))
        written.writestr("config.json", json.dumps(_without_numbers(config)))
        written.writestr("model.weights.h5", weights.getvalue())


class _Weights:
    """The weights of a file, and which group is whose."""

    def __init__(self, file: h5py.File, path: Path) -> None:
        self._file = file
        self._path = path
        self._numbered: dict[int, str] = {}
        self._alike: dict[str, list[str]] = {}

    def write_out(self, config: dict[str, Any]) -> None:
        for row, group in _layers(config, ""):
            if not self._has_variables(group):
                self._copy_shared(row, group)
            if self._has_variables(group):
                if _NUMBER in row:
                    self._numbered.setdefault(row[_NUMBER], group)
                else:
                    self._alike.setdefault(_look(row), []).append(group)

    def _has_variables(self, group: str) -> bool:
        return bool(self._file.get(f"{group}/vars"))

    def _copy_shared(self, row: dict[str, Any], group: str) -> None:
        if _NUMBER not in row:
            return
        known = self._numbered.get(row[_NUMBER])
        found = [known] if known else self._alike.get(_look(row), [])
        if len(found) > 1:
            raise ModelError(
                f"{self._path} has {len(found)} layers {name_of(row)}, and Keras 3 does not say "
                f"which of them is shared: give each a name of its own, or {EXPORT}"
            )
        for source in found:
            self._file.pop(f"{group}/vars", None)
            self._file.copy(f"{source}/vars", f"{group}/vars")


def _layers(row: dict[str, Any], group: str) -> Iterator[tuple[dict[str, Any], str]]:
    """The layers, of models inside and of layers too, in the order in which Keras 3 writes them."""
    if row["class_name"] in MODELS and "layers" in row["config"]:
        for part, place in places(row):
            yield from _layers(part, f"{group}/{place}")
        return
    yield row, group
    for key, value in sorted(row["config"].items()):
        inside = isinstance(value, dict) and isinstance(value.get("config"), dict)
        if inside and is_layer(value):
            yield from _layers(value, f"{group}/{key}")


def _look(row: dict[str, Any]) -> str:
    """What is the same each time that Keras 3 describes a layer."""
    return json.dumps([row["class_name"], _without_numbers(row["config"])], sort_keys=True)


def _without_numbers(part: Any) -> Any:
    if isinstance(part, dict):
        return {key: _without_numbers(value) for key, value in part.items() if key != _NUMBER}
    if isinstance(part, list):
        return [_without_numbers(value) for value in part]
    return part
