"""What advice needs to know of a network: its weights, multiply-adds and memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from facesdk.errors import ModelError
from facesdk.models.bundle import ModelBundle
from facesdk.tflite import macs

FLOAT = "32x32"
"""Multiply-adds in float32."""


@dataclass(frozen=True, slots=True)
class Facts:
    """A network in numbers.

    Attributes:
        name: Its path.
        weights: Number of its weights.
        bytes: Bytes of its file; of a network without one, 4 per weight.
        dense_share: Share of the weights that are in dense layers, or in convolutions over all that
            is left of the picture.
        multiply_adds: Per face, by the bits of weights and activations (``"32x32"``).
        activations: Bytes of the largest input and output of a layer together, which is what the
            memory of feature maps is at least.
        trainable: Whether it can be trained further: a run or a Keras file.
    """

    name: str
    weights: int
    bytes: int
    dense_share: float
    multiply_adds: Mapping[str, int]
    activations: int
    trainable: bool

    @property
    def total(self) -> int:
        """Multiply-adds of all widths together."""
        return sum(self.multiply_adds.values())

    @property
    def is_float(self) -> bool:
        """Whether most multiply-adds are float32."""
        return self.multiply_adds.get(FLOAT, 0) > self.total / 2


def facts_of(path: Path) -> Facts:
    """Counts a model file, a finished run or a Keras file.

    Raises:
        InputError: There is no such file, or the run is not finished.
        ModelError: It is no usable model, or has no layer with weights.
    """
    suffixes = (".tflite", ".pack")
    facts = _of_file(path) if path.suffix.lower() in suffixes else _of_network(path)
    if not facts.weights:
        raise ModelError(f"{path} has no layer with weights, so there is nothing to compress")
    return facts


def _of_file(path: Path) -> Facts:
    bundle = ModelBundle.load(path)
    rows = [row for row in bundle.graph.working if row.weights is not None]
    slots = max(1, bundle.graph.inputs[0].shape[0])
    weights = sum(row.weight_count for row in rows)
    dense = sum(row.weight_count for row in rows if macs.stored(row).count <= row.weight_count)
    largest = max(
        (
            sum(t.size for t in (row.data, *row.outputs) if t is not None) // slots
            for row in bundle.graph.working
            if row.data is not None
        ),
        default=0,
    )
    counts = {width: count // slots for width, count in macs.totals(rows, macs.multiplied).items()}
    return Facts(
        str(path),
        weights,
        path.stat().st_size,
        dense / weights if weights else 0.0,
        counts,
        largest,
        trainable=False,
    )


def _of_network(path: Path) -> Facts:
    from facesdk.errors import require_extra

    require_extra("tensorflow", extra="train")
    from facesdk_training.complexity.layers import measure
    from facesdk_training.keras import loading

    found = measure(loading.load(path).model)
    layers = [layer for layer in found.layers if layer.weights]
    weights = found.parameters
    dense = sum(
        layer.weights for layer in layers if layer.multiply_adds == layer.calls * layer.weights
    )
    moved = max((layer.activation_bytes for layer in found.layers), default=0)
    return Facts(
        str(path),
        weights,
        found.bits // 8 + 4 * found.other_parameters,
        dense / weights if weights else 0.0,
        dict(found.multiply_adds),
        moved,
        trainable=True,
    )
