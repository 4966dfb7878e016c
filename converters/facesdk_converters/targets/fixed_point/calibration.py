"""What values the activations of a float graph take on calibration inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import ModelError
from facesdk.models.bundle import ModelBundle
from facesdk.progress import Progress, unwatched
from facesdk.results import FloatArray
from facesdk.runtime.interpreter import Interpreter
from facesdk_converters.tflite.tree import Tree

PARTS = 2048
"""Of the range of an activation, whose values are counted."""


@dataclass(frozen=True, slots=True, eq=False)
class ChannelStatistics:
    """What was seen of one activation, for each of its channels (its last axis).

    Attributes:
        minimum: Smallest value.
        maximum: Largest value.
        mean: Mean over all inputs and places.
    """

    minimum: FloatArray
    maximum: FloatArray
    mean: FloatArray

    def divided_by(self, scales: FloatArray) -> ChannelStatistics:
        """The statistics of the activation after each channel was divided by a scale above 0."""
        return ChannelStatistics(self.minimum / scales, self.maximum / scales, self.mean / scales)

    @property
    def magnitude(self) -> FloatArray:
        """Largest absolute value of each channel."""
        return np.maximum(np.abs(self.minimum), np.abs(self.maximum))


def observe(
    tree: Tree, inputs: Sequence[FloatArray], *, progress: Progress = unwatched
) -> dict[int, ChannelStatistics]:
    """Runs the graph in the installed TFLite runtime with every activation as an output.

    Args:
        tree: A float32 graph.
        inputs: For each input float32 ``(N, ...)``, as the network takes them; N is a multiple of
            its batch.
        progress: Called after each batch.

    Returns:
        Statistics of the inputs and of each computed float32 tensor, by tensor number.

    Raises:
        ModelError: The runtime refuses the graph, or a value is not finite.
    """
    running: dict[int, _Running] = {}
    for tensor, values in _activations(tree, inputs, progress):
        running.setdefault(tensor, _Running()).add(values)
    return {tensor: one.finished(tree.name(tensor)) for tensor, one in running.items()}


def histograms(
    tree: Tree,
    inputs: Sequence[FloatArray],
    ranges: Mapping[int, tuple[float, float]],
    *,
    progress: Progress = unwatched,
) -> dict[int, NDArray[np.int64]]:
    """How often the values of each activation are in each of :data:`PARTS` parts of its range.

    Args:
        tree: A float32 graph.
        inputs: See :func:`observe`, also for the results and errors.
        ranges: Least and largest value of each; what lies beyond counts as the nearest part.
        progress: Called after each batch.
    """
    counts: dict[int, NDArray[np.int64]] = {}
    for tensor, values in _activations(tree, inputs, progress):
        found, _ = np.histogram(np.clip(values, *ranges[tensor]), PARTS, ranges[tensor])
        counts[tensor] = counts.get(tensor, 0) + found
    return counts


def _activations(
    tree: Tree, inputs: Sequence[FloatArray], progress: Progress
) -> Iterator[tuple[int, FloatArray]]:
    """Each float32 tensor that is not constant and its values, batch after batch."""
    copy = tree.copy()
    computed = [
        int(tensor)
        for operator in copy.operators
        for tensor in operator.outputs
        if copy.type_name(int(tensor)) == "float32"
    ]
    copy.outputs = computed
    copy.drop_signatures()
    interpreter = Interpreter(ModelBundle.from_bytes(copy.to_bytes(), "the observed network"))
    batch = interpreter.input_shapes[0][0]
    count = len(inputs[0])
    for start in range(0, count, batch):
        parts = [values[start : start + batch] for values in inputs]
        yield from zip([*copy.inputs, *computed], [*parts, *interpreter.run(*parts)], strict=True)
        progress(start + batch, count, "calibrate")


class _Running:
    def __init__(self) -> None:
        self._minimum = np.float32(np.inf)
        self._maximum = np.float32(-np.inf)
        self._sum = np.float64(0)
        self._count = 0

    def add(self, values: FloatArray) -> None:
        rows = values.reshape(-1, values.shape[-1])
        self._minimum = np.minimum(self._minimum, rows.min(axis=0))
        self._maximum = np.maximum(self._maximum, rows.max(axis=0))
        self._sum = self._sum + rows.sum(axis=0, dtype=np.float64)
        self._count += len(rows)

    def finished(self, name: str) -> ChannelStatistics:
        mean = np.asarray(self._sum / self._count, np.float32)
        if not np.isfinite(mean).all():
            raise ModelError(f"tensor {name} is not finite on the calibration inputs")
        return ChannelStatistics(np.asarray(self._minimum), np.asarray(self._maximum), mean)
