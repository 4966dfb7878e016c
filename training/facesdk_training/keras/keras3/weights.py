"""The weights of files of Keras 3, given to a network of Keras 2 that was built from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tensorflow as tf

from facesdk.errors import ModelError
from facesdk_training.keras.keras3.configuration import name_of, places
from facesdk_training.keras.keras3.way_out import EXPORT


def take_by_name(model: tf.keras.Model, group: h5py.Group, path: Path) -> None:
    """Weights of an ``.h5`` file: a list per layer of the outermost model."""
    for layer in model.layers:
        if not layer.weights:
            continue
        if layer.name not in group:
            raise ModelError(f"{path} has no weights of layer {layer.name}")
        names = group[layer.name].attrs["weight_names"]
        values = [np.asarray(group[layer.name][name]) for name in names]
        variables = layer.trainable_weights + layer.non_trainable_weights
        _assign(layer.name, variables, values, path)
        _finish(layer)


def take_by_place(
    model: tf.keras.Model, row: dict[str, Any], group: h5py.Group, path: Path
) -> None:
    """Weights of a ``.keras`` file: a group per layer, named after its class and numbered.

    Args:
        model: The network, with the names of the file's layers.
        row: Its class and its configuration, as Keras 3 writes them.
        group: Where the file keeps the weights.
        path: The file, for messages.
    """
    layers = {layer.name: layer for layer in model.layers}
    for part, place in places(row):
        layer = layers.get(name_of(part))
        if layer is None or not layer.weights:
            continue
        own = _group(group, (place, f"layers/{layer.name}"))
        if own is None:
            raise ModelError(f"{path} has no weights of layer {layer.name}")
        if getattr(layer, "layers", None):
            take_by_place(layer, part, own, path)
        else:
            _assign(layer.name, layer.weights, list(_values(own)), path)
            _finish(layer)


def _group(group: h5py.Group, names: Iterable[str]) -> h5py.Group | None:
    return next((group[name] for name in names if name in group), None)


def _values(group: h5py.Group) -> Iterator[np.ndarray[Any, Any]]:
    """The variables of a layer and of those in it: which it wraps, or calls for its activation."""
    for name in ("layer", "forward_layer", "backward_layer", "cell"):
        if name in group:
            yield from _values(group[name])
    own = group.get("vars", {})
    for key in sorted(own, key=int):
        yield np.asarray(own[key])
    if "activation" in group:
        yield from _values(group["activation"])


def _assign(name: str, variables: list[Any], values: list[Any], path: Path) -> None:
    shapes = [tuple(variable.shape) for variable in variables]
    if shapes != [value.shape for value in values]:
        raise ModelError(
            f"{path}: layer {name} keeps its weights otherwise than in Keras 2 "
            f"({[value.shape for value in values]} for {shapes}): {EXPORT}"
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _finish(layer: tf.keras.layers.Layer) -> None:
    """What Keras 2 derives from weights when it loads them."""
    if isinstance(layer, tf.keras.layers.Normalization):
        layer.finalize_state()
