"""What Keras 3's configuration says of layers, models and operations, and where weights lie."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

FUNCTIONAL = ("Functional", "Model")
MODELS = (*FUNCTIONAL, "Sequential")
_LAYERS = frozenset(
    {*MODELS, "InputLayer", "SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"}
)
"""Layers whose configuration does not say whether they are trainable."""


def name_of(row: dict[str, Any]) -> str:
    """What the layer, model or operation is called in its model."""
    name: str = row["config"].get("name", row.get("name"))
    return name


def is_layer(row: dict[str, Any]) -> bool:
    """Whether it is a layer or a model, not an operation such as those of ``keras.ops``.

    The class does not tell: ``.h5`` files name no module, and both have an ``Add``.
    """
    return row["class_name"] in _LAYERS or "trainable" in row["config"]


def places(row: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """The layers of a model, each with the group of its weights inside of the model's own.

    ``.keras`` files name groups after classes, numbered in the order of the layers.

    Yields:
        Row and name of the group; models inside are one layer.
    """
    counts: dict[str, int] = {}
    for part in filter(is_layer, row["config"]["layers"]):
        kind = _snake_case(part["class_name"])
        number = counts[kind] = counts.get(kind, -1) + 1
        yield part, f"layers/{kind}_{number}" if number else f"layers/{kind}"


def _snake_case(name: str) -> str:
    """As Keras 3 names groups: ``DepthwiseConv2D`` becomes ``depthwise_conv2d``."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
