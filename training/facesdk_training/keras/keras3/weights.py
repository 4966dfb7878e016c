"""The weights of files of Keras 3, given to a network of Keras 2 that was built from them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tensorflow as tf

from facesdk.errors import ModelError
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


def take_by_place(model: tf.keras.Model, group: h5py.Group, path: Path) -> None:
    """Weights of a ``.keras`` file: a group per layer, named after its class and numbered."""
    counts: dict[str, int] = {}
    for layer in model.layers:
        if isinstance(layer, tf.keras.layers.Layer) and not _is_call(layer):
            name = _snake_case(type(layer).__name__)
            number = counts[name] = counts.get(name, -1) + 1
            if layer.weights:
                place = f"layers/{name}_{number}" if number else f"layers/{name}"
                own = _group(group, (place, f"layers/{layer.name}"))
                if own is None:
                    raise ModelError(f"{path} has no weights of layer {layer.name}")
                if getattr(layer, "layers", None):
                    take_by_place(layer, own, path)
                else:
                    _assign(layer.name, layer.weights, list(_values(own)), path)
                    _finish(layer)


def _is_call(layer: Any) -> bool:
    """Whether Keras 2 made the layer of an operation, which is none in Keras 3."""
    return type(layer).__name__ in ("TFOpLambda", "SlicingOpLambda")


def _group(group: h5py.Group, names: Iterable[str]) -> h5py.Group | None:
    return next((group[name] for name in names if name in group), None)


def _values(group: h5py.Group) -> Iterator[np.ndarray[Any, Any]]:
    """The variables of a layer, or of the one that it wraps."""
    for name in ("layer", "cell"):
        if name in group:
            yield from _values(group[name])
    own = group.get("vars", {})
    for key in sorted(own, key=int):
        yield np.asarray(own[key])


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


def _snake_case(name: str) -> str:
    """As Keras 3 names groups: ``DepthwiseConv2D`` becomes ``depthwise_conv2d``."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
