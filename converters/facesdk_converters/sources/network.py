"""What a source computes, whatever it was read from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from facesdk.errors import ModelError
from facesdk.models.bundle import ModelBundle
from facesdk.results import FloatArray
from facesdk.runtime.interpreter import Interpreter
from facesdk_training.keras import loading


class Network(Protocol):
    """What a source computes: one output of one input."""

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input, without the batch."""

    @property
    def output_shape(self) -> tuple[int, ...]:
        """Shape of one output, without the batch."""

    @property
    def batch(self) -> int | None:
        """Inputs it takes at a time; None for any number."""

    @property
    def layers(self) -> tuple[Any, ...]:
        """The Keras layers that compute something, in order; none where they are not known."""

    @property
    def output_layer(self) -> str:
        """Name of the layer that gives the output; empty where it is not known."""

    def predict(self, inputs: FloatArray) -> FloatArray:
        """The outputs, in float32.

        Args:
            inputs: float32 ``(N, *input_shape)``; N is a multiple of :attr:`batch`.

        Returns:
            float32 ``(N, *output_shape)``.
        """


@dataclass(frozen=True)
class KerasNetwork:
    """A Keras model, in float32, of one input of fixed shape and one output."""

    model: Any

    @property
    def input_shape(self) -> tuple[int, ...]:
        """See :class:`Network`."""
        return tuple(self.model.input_shape[1:])

    @property
    def output_shape(self) -> tuple[int, ...]:
        """See :class:`Network`."""
        return tuple(self.model.output_shape[1:])

    @property
    def batch(self) -> int | None:
        """See :class:`Network`."""
        size: int | None = self.model.input_shape[0]
        return size

    @cached_property
    def layers(self) -> tuple[Any, ...]:
        """See :class:`Network`; those of nested models are among them."""
        return tuple(loading.layers_of(self.model))

    @cached_property
    def output_layer(self) -> str:
        """See :class:`Network`; of a nested model's layers, if that gives it."""
        return _output_layer(self.model)

    def predict(self, inputs: FloatArray) -> FloatArray:
        """See :class:`Network`."""
        return loading.predict(self.model, inputs)


class FileNetwork:
    """A float32 model file, run in the installed TFLite runtime.

    Args:
        bundle: The file.

    Attributes:
        bundle: The file.
        layers: See :class:`Network`.
        output_layer: See :class:`Network`.

    Raises:
        ModelError: The runtime refuses it, or it has not one input and one output.
    """

    layers: tuple[Any, ...] = ()
    output_layer = ""

    def __init__(self, bundle: ModelBundle) -> None:
        self.bundle = bundle
        self._interpreter = Interpreter(bundle)
        shapes = (*self._interpreter.input_shapes, *self._interpreter.output_shapes)
        if len(shapes) != 2:
            raise ModelError(f"{bundle.path} has not one input and one output, but {shapes}")
        self._shapes = shapes

    @property
    def input_shape(self) -> tuple[int, ...]:
        """See :class:`Network`."""
        return self._shapes[0][1:]

    @property
    def output_shape(self) -> tuple[int, ...]:
        """See :class:`Network`."""
        return self._shapes[1][1:]

    @property
    def batch(self) -> int | None:
        """See :class:`Network`."""
        return self._shapes[0][0]

    def predict(self, inputs: FloatArray) -> FloatArray:
        """See :class:`Network`."""
        size = self._shapes[0][0]
        batches = (inputs[start : start + size] for start in range(0, len(inputs), size))
        return np.concatenate([self._interpreter.run(batch)[0] for batch in batches])


def _output_layer(model: Any) -> str:
    history = getattr(model.outputs[0], "_keras_history", None)
    layer = history.layer if history is not None else model.layers[-1]
    return _output_layer(layer) if getattr(layer, "layers", None) else str(layer.name)
