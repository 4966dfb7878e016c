"""What a source computes, whatever it was read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from keyword import iskeyword
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

import numpy as np
import tensorflow as tf

from facesdk.errors import ModelError
from facesdk.models.bundle import ModelBundle
from facesdk.results import FloatArray
from facesdk.runtime.interpreter import Interpreter
from facesdk_training.keras import loading


class Network(Protocol):
    """What a source computes: outputs of inputs, mostly one of one."""

    @property
    def input_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shape of each input, without the batch."""

    @property
    def output_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shape of each output, without the batch."""

    @property
    def input_names(self) -> tuple[str, ...]:
        """What converters call each input in a file's signature; none where they keep the order."""

    @property
    def output_names(self) -> tuple[str, ...]:
        """What converters call each output; none where they keep the order."""

    @property
    def translated(self) -> bool:
        """Whether the layers are a translation, and :meth:`predict` runs what was translated."""

    @property
    def batch(self) -> int | None:
        """Inputs it takes at a time; None for any number."""

    @property
    def layers(self) -> tuple[Any, ...]:
        """The Keras layers that compute something, in order; none where they are not known."""

    @property
    def paths(self) -> Mapping[str, Any]:
        """The same layers by their names, behind those of the models around them and a slash."""

    @property
    def output_layers(self) -> tuple[str, ...]:
        """Path of the layer that gives each output; none where they are not known."""

    def predict(self, *inputs: FloatArray) -> list[FloatArray]:
        """The outputs, in float32.

        Args:
            inputs: For each input float32 ``(N, *shape)``; N is a multiple of :attr:`batch`.

        Returns:
            For each output float32 ``(N, *shape)``.
        """


@dataclass(frozen=True)
class KerasNetwork:
    """A Keras model, in float32, with inputs of fixed shape."""

    model: Any

    translated: ClassVar[bool] = False

    @property
    def input_shapes(self) -> tuple[tuple[int, ...], ...]:
        """See :class:`Network`."""
        return tuple(tuple(one.shape[1:]) for one in self.model.inputs)

    @property
    def output_shapes(self) -> tuple[tuple[int, ...], ...]:
        """See :class:`Network`."""
        return tuple(tuple(one.shape[1:]) for one in self.model.outputs)

    @property
    def input_names(self) -> tuple[str, ...]:
        """See :class:`Network`."""
        return tuple(self.convertible.input_names)

    @property
    def output_names(self) -> tuple[str, ...]:
        """See :class:`Network`."""
        return tuple(self.convertible.output_names)

    @cached_property
    def convertible(self) -> Any:
        """The model for converters: itself, or around it one whose names they keep.

        TensorFlow gives up the signature of a network whose inputs or outputs have names that are
        none of Python's, and nothing tells then which output of several is which.
        """
        model = self.model
        several = len(model.inputs) > 1 or len(model.outputs) > 1
        if not several or all(map(is_argument, (*model.input_names, *model.output_names))):
            return model
        inputs = [
            tf.keras.Input(one.shape[1:], batch_size=one.shape[0], name=f"input_{place}")
            for place, one in enumerate(model.inputs)
        ]
        outputs = tf.nest.flatten(model(tf.nest.pack_sequence_as(model.input, inputs)))
        named = [
            tf.keras.layers.Activation("linear", name=f"output_{place}")(one)
            for place, one in enumerate(outputs)
        ]
        return tf.keras.Model(inputs, named, name="named")

    @property
    def batch(self) -> int | None:
        """See :class:`Network`."""
        size: int | None = self.model.inputs[0].shape[0]
        return size

    @cached_property
    def layers(self) -> tuple[Any, ...]:
        """See :class:`Network`; those of nested models are among them."""
        return tuple(loading.layers_of(self.model))

    @cached_property
    def computing_layers(self) -> tuple[Any, ...]:
        """:attr:`layers`, and those that wrappers among them apply."""
        return tuple(loading.computing_layers_of(self.model))

    @cached_property
    def paths(self) -> Mapping[str, Any]:
        """See :class:`Network`."""
        return dict(loading.paths_of(self.model))

    @cached_property
    def output_layers(self) -> tuple[str, ...]:
        """See :class:`Network`; of a nested model's layers, if that gives it."""
        return tuple(_output_layer(self.model, place) for place in range(len(self.model.outputs)))

    def predict(self, *inputs: FloatArray) -> list[FloatArray]:
        """See :class:`Network`."""
        return loading.predict_all(self.model, inputs)


class FileNetwork:
    """A float32 model file, run in the installed TFLite runtime.

    Args:
        bundle: The file.

    Attributes:
        bundle: The file.
        layers: See :class:`Network`.
        paths: Likewise.
        translated: Likewise.
        input_names: Likewise.
        output_names: Likewise.
        output_layers: Likewise.

    Raises:
        ModelError: The runtime refuses it, or it has inputs of different batches.
    """

    layers: tuple[Any, ...] = ()
    paths: Mapping[str, Any] = MappingProxyType({})
    translated: bool = False
    input_names: tuple[str, ...] = ()
    output_names: tuple[str, ...] = ()
    output_layers: tuple[str, ...] = ()

    def __init__(self, bundle: ModelBundle) -> None:
        self.bundle = bundle
        self._interpreter = Interpreter(bundle)
        shapes = self._interpreter.input_shapes
        if not shapes or len({shape[:1] for shape in shapes}) != 1 or not shapes[0]:
            raise ModelError(
                f"{bundle.path} has inputs of {shapes}, but inputs of one batch are needed"
            )
        for place, shape in enumerate(self._interpreter.output_shapes, 1):
            if not shape:
                raise ModelError(
                    f"{bundle.path} gives a single number for a whole batch as its output {place}: "
                    "each input needs one of its own to be compared by"
                )

    @property
    def input_shapes(self) -> tuple[tuple[int, ...], ...]:
        """See :class:`Network`."""
        return tuple(shape[1:] for shape in self._interpreter.input_shapes)

    @property
    def output_shapes(self) -> tuple[tuple[int, ...], ...]:
        """See :class:`Network`."""
        return tuple(shape[1:] for shape in self._interpreter.output_shapes)

    @property
    def batch(self) -> int | None:
        """See :class:`Network`."""
        return self._interpreter.input_shapes[0][0]

    def predict(self, *inputs: FloatArray) -> list[FloatArray]:
        """See :class:`Network`."""
        size = self._interpreter.input_shapes[0][0]
        runs = [
            self._interpreter.run(*(values[start : start + size] for values in inputs))
            for start in range(0, len(inputs[0]), size)
        ]
        return [np.concatenate(parts) for parts in zip(*runs, strict=True)]


def is_argument(name: str) -> bool:
    """Whether TensorFlow takes a name for that of an argument of a function."""
    return name.isascii() and name.isidentifier() and not iskeyword(name) and name != "self"


def _output_layer(model: Any, place: int) -> str:
    history = getattr(model.outputs[place], "_keras_history", None)
    layer = history.layer if history is not None else model.layers[-1]
    if not getattr(layer, "layers", None):
        return str(layer.name)
    inner = _output_layer(layer, history.tensor_index if history is not None else 0)
    return f"{layer.name}/{inner}"
