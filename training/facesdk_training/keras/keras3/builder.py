"""Layers and calls of Keras 2 from configurations of Keras 3."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from facesdk.errors import ModelError, one_line
from facesdk_training.keras.keras3.configuration import FUNCTIONAL, MODELS, is_layer, name_of
from facesdk_training.keras.keras3.functions import ACTIVATIONS, OPERATIONS
from facesdk_training.keras.keras3.way_out import EXPORT

_UNUSED_IN_INFERENCE = ("_initializer", "_regularizer", "_constraint")
_RENAMED = {
    ("InputLayer", "batch_shape"): "batch_input_shape",
    ("LeakyReLU", "negative_slope"): "alpha",
}
_DEFAULTS = {"data_format": "channels_last", "fill_mode": "constant"}
"""Of options that Keras 3 always writes: what Keras 2 does where its layer does not have them."""
_OF_EVERY_LAYER = frozenset(
    {"name", "trainable", "dtype", "autocast", "batch_input_shape", "batch_size"}
)


class Builder:
    """Makes layers and calls of Keras 2 from configurations of Keras 3.

    Args:
        path: The file, for messages.
        objects: Classes of layers and functions of the user, made for Keras 2, by name.

    Attributes:
        uses_objects: Whether a network had one of the user's, which Keras 3 does not know.
    """

    def __init__(self, path: Path, objects: Mapping[str, Any]) -> None:
        self._path = path
        self._objects = objects
        self.uses_objects = False

    def model(self, row: dict[str, Any]) -> tf.keras.Model:
        """A network without its weights.

        Args:
            row: Its class and its configuration, as Keras 3 writes them.

        Raises:
            ModelError: Keras 2 has no such layer, operation or option.
        """
        kind, config = row["class_name"], row["config"]
        if kind == "Sequential":
            layers = [self._layer(each) for each in config["layers"]]
            return tf.keras.Sequential(layers, name=config["name"])
        if kind in FUNCTIONAL and "layers" in config:
            return self._functional(config)
        raise ModelError(
            f"{self._path} is a network of the class {kind} of Keras 3, whose layers are not in "
            f"the file: {EXPORT}"
        )

    def _functional(self, config: dict[str, Any]) -> tf.keras.Model:
        made: dict[str, Any] = {}
        tensors: dict[tuple[str, int, int], Any] = {}
        waiting: list[tuple[str, int, dict[str, Any]]] = []
        for row in config["layers"]:
            name = name_of(row)
            made[name] = self._made(row)
            if row["class_name"] == "InputLayer":
                tensors[name, 0, 0] = made[name].output
            waiting += [(name, number, node) for number, node in enumerate(row["inbound_nodes"])]
        while waiting:
            ready = [call for call in waiting if _needs(call[2]) <= tensors.keys()]
            if not ready:
                raise ModelError(f"{self._path}: its layers read each other in a circle")
            for name, number, node in ready:
                arguments = _with_tensors(node["args"], tensors)
                options = _with_tensors(node["kwargs"], tensors)
                options.pop("training", None)
                outputs = self._called(made[name], name, arguments, options)
                for place, output in enumerate(tf.nest.flatten(outputs)):
                    tensors[name, number, place] = output
            done = {call[:2] for call in ready}
            waiting = [call for call in waiting if call[:2] not in done]
        inside = {name_of(row) for row in config["layers"] if row["class_name"] in FUNCTIONAL}
        inputs = _picked(config["input_layers"], tensors, inside)
        if isinstance(inputs, dict) and len(inputs) == 1:  # Keras 2 takes none around another
            inputs = tf.nest.flatten(inputs)
        outputs = _picked(config["output_layers"], tensors, inside)
        return tf.keras.Model(inputs, outputs, name=config["name"])

    def _called(self, made: Any, name: str, arguments: list[Any], options: dict[str, Any]) -> Any:
        try:
            return made(*arguments, **options)
        except ModelError:
            raise
        except Exception as error:  # whatever Keras raises where it cannot be called so
            raise ModelError(
                f"{self._path}: layer {name} cannot be called as in Keras 3 "
                f"({one_line(error, 200)}): {EXPORT}"
            ) from None

    def _made(self, row: dict[str, Any]) -> Any:
        """A layer, a model, or the function of an operation."""
        return self._layer(row) if is_layer(row) else self._operation(row)

    def _operation(self, row: dict[str, Any]) -> Callable[..., Any]:
        kind, options = row["class_name"], dict(row["config"])
        name = options.pop("name", kind)
        if kind not in OPERATIONS:
            raise ModelError(
                f"{self._path} calls keras.ops ({kind}, {name}), which is not in the list of those "
                f"that facesdk writes for Keras 2: {EXPORT}"
            )
        function = OPERATIONS[kind]
        options.pop("dtype", None)
        return lambda *arguments, **given: function(*arguments, **{**options, **given})

    def _layer(self, row: dict[str, Any]) -> tf.keras.layers.Layer:
        kind = row["class_name"]
        if kind in MODELS:
            return self.model(row)
        if kind.startswith("Random"):  # distortions of training: nothing in inference
            return tf.keras.layers.Activation("linear", name=row["config"]["name"])
        made = self._class(row)
        config = {
            _RENAMED.get((kind, key), key): self._value(key, value)
            for key, value in row["config"].items()
            if not key.endswith(_UNUSED_IN_INFERENCE)
        }
        unknown = {key: value for key, value in config.items() if not _takes(made, key)}
        matter = [
            key for key, value in unknown.items() if value not in (None, False, _DEFAULTS.get(key))
        ]
        if matter:
            raise ModelError(
                f"{self._path}: layer {config.get('name')} ({kind}) has {matter[0]}="
                f"{unknown[matter[0]]!r} in Keras 3, an option that Keras 2 does not have: "
                f"{EXPORT}"
            )
        try:
            return made(**{key: value for key, value in config.items() if key not in unknown})
        except Exception as error:  # whatever the class of the user or Keras raises
            raise ModelError(
                f"{self._path}: layer {config.get('name')} ({kind}) of Keras 3 cannot be made in "
                f"Keras 2 ({one_line(error, 200)}): {EXPORT}"
            ) from None

    def _class(self, row: dict[str, Any]) -> type[Any]:
        kind = row["class_name"]
        registered = str(row.get("registered_name") or kind).rpartition(">")[2]
        for name in (registered, kind):
            if name in self._objects:
                found = self._objects[name]
                if not (isinstance(found, type) and issubclass(found, tf.keras.layers.Layer)):
                    raise ModelError(
                        f"{self._path}: --custom {name} is a class of Keras 3, and the network is "
                        "built again in Keras 2: derive it from tf_keras.layers.Layer, or " + EXPORT
                    )
                self.uses_objects = True
                return found
        if kind == "Lambda":
            raise ModelError(
                f"{self._path} has a Lambda layer of Keras 3, whose function is Python code for "
                f"that version: {EXPORT}"
            )
        found = getattr(tf.keras.layers, kind, None)
        if not str(row.get("module", "keras")).startswith("keras"):
            found = None
        if not (isinstance(found, type) and issubclass(found, tf.keras.layers.Layer)):
            raise ModelError(
                f"{self._path} has a layer {row['config'].get('name')} of the class {kind}, which "
                f"Keras 2 does not have: give a class of Keras 2 with --custom MODULE:{kind}, or "
                f"{EXPORT}"
            )
        return found

    def _value(self, key: str, value: Any) -> Any:
        """A value of a layer's configuration: activations are functions, policies are names."""
        if key == "dtype" and isinstance(value, dict):
            policy = value["config"].get("name", "")
            if value["class_name"] != "DTypePolicy":
                raise ModelError(
                    f"{self._path} was quantized by Keras 3 ({policy}): convert the float network, "
                    "for example by `facesdk convert fixed-point`"
                )
            return policy
        if "activation" in key and value is not None:
            return self._activation(value)
        if isinstance(value, dict) and "class_name" in value:
            return self._layer(value)
        return value

    def _activation(self, value: Any) -> Any:
        function = isinstance(value, dict) and value.get("class_name") == "function"
        if isinstance(value, dict) and not function:
            return self._layer(value)
        name = str(value["config"] if function else value).rpartition(">")[2]
        if name in self._objects:
            self.uses_objects = True
            return self._objects[name]
        if name in ACTIVATIONS:
            return ACTIVATIONS[name]
        try:
            return tf.keras.activations.get(name)
        except ValueError:
            raise ModelError(
                f"{self._path} has the activation {name}, which is unknown: give it with "
                f"--custom MODULE:{name}"
            ) from None


def _takes(kind: type[Any], key: str) -> bool:
    """Whether the constructor of a layer class takes an option."""
    if key in _OF_EVERY_LAYER:
        return True
    parameters: set[str] = set()
    for base in kind.__mro__:
        if base is tf.keras.layers.Layer:
            break
        if "__init__" in vars(base):
            signature = inspect.signature(vars(base)["__init__"])
            parameters |= set(signature.parameters)
    return key in parameters


def _needs(node: Any) -> set[tuple[str, int, int]]:
    """The tensors that a call takes, as (layer, call, output)."""
    return set(_histories(node))


def _histories(part: Any) -> Iterator[tuple[str, int, int]]:
    if isinstance(part, dict):
        if part.get("class_name") == "__keras_tensor__":
            name, node, tensor = part["config"]["keras_history"]
            yield name, node, tensor
        else:
            for value in part.values():
                yield from _histories(value)
    elif isinstance(part, list):
        for value in part:
            yield from _histories(value)


def _with_tensors(part: Any, tensors: Mapping[tuple[str, int, int], Any]) -> Any:
    """Arguments of a call, with the tensors in place of what the file says of them."""
    if isinstance(part, list):
        return [_with_tensors(value, tensors) for value in part]
    if not isinstance(part, dict):
        return part
    kind, config = part.get("class_name"), part.get("config")
    if kind == "__keras_tensor__":
        name, node, tensor = config["keras_history"]
        return tensors[name, node, tensor]
    if kind == "__tuple__":
        return tuple(_with_tensors(part["items"], tensors))
    if kind == "__slice__":
        return slice(*(config[key] for key in ("start", "stop", "step")))
    if kind in ("__tensor__", "__numpy__"):
        return np.asarray(config["value"], config["dtype"])
    return {key: _with_tensors(value, tensors) for key, value in part.items()}


def _picked(
    entry: Any, tensors: Mapping[tuple[str, int, int], Any], inside: Collection[str]
) -> Any:
    """Inputs or outputs of a model: (layer, call, output), alone or in lists.

    Calls of the models ``inside`` of it are counted from 1 here, and from 0 where layers name what
    they read (``Functional.get_config`` of Keras 3: their own graph is the call before the first).
    """
    if isinstance(entry, dict):
        return {key: _picked(value, tensors, inside) for key, value in entry.items()}
    if len(entry) == 3 and isinstance(entry[0], str):
        name, call, output = entry
        return tensors[name, call - (name in inside), output]
    found = [_picked(each, tensors, inside) for each in entry]
    return found[0] if len(found) == 1 else found
