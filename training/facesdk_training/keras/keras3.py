"""Files of Keras 3, read as networks of Keras 2, which Larq needs.

Keras 3 writes other configurations and names its weights otherwise, but most of its layers compute
what those of Keras 2 compute. So the network is built again, layer by layer and call by call, from
layers of Keras 2, and given the weights in the file's order. Where a layer has another default or
another name, or none of that name exists, a table here says so; what is in no table is refused.
Nothing but public layers of Keras 2, the operations below and classes of the user is called: no
module that the file names is imported.

In the end Keras 3 itself runs the file on noise, and both must give the same.
"""

from __future__ import annotations

import inspect
import io
import json
import os
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import tensorflow as tf

from facesdk.errors import ModelError, one_line

_ATTRIBUTE_OF_CONFIG = "model_config"
_EXPORT = (
    "save the network with model.export(FOLDER) in Keras 3, and convert that folder, which has its "
    "functions inside"
)
_MODELS = ("Functional", "Model", "Sequential")
_UNUSED_IN_INFERENCE = ("_initializer", "_regularizer", "_constraint")
_RENAMED = {
    ("InputLayer", "batch_shape"): "batch_input_shape",
    ("LeakyReLU", "negative_slope"): "alpha",
}
_OF_EVERY_LAYER = frozenset(
    {"name", "trainable", "dtype", "autocast", "batch_input_shape", "batch_size"}
)
_CLOSE = 3e-4
"""Largest difference between the two on noise, as a share of the largest output."""


def _hard_sigmoid(x: tf.Tensor) -> tf.Tensor:
    return tf.nn.relu6(x + 3.0) * (1.0 / 6.0)


def _hard_silu(x: tf.Tensor) -> tf.Tensor:
    return x * _hard_sigmoid(x)


def _hard_tanh(x: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(x, -1.0, 1.0)


def _leaky_relu(x: tf.Tensor) -> tf.Tensor:
    return tf.nn.leaky_relu(x, 0.2)


def _log_sigmoid(x: tf.Tensor) -> tf.Tensor:
    return tf.math.log_sigmoid(x)


def _log_softmax(x: tf.Tensor) -> tf.Tensor:
    return tf.nn.log_softmax(x)


def _relu6(x: tf.Tensor) -> tf.Tensor:
    return tf.nn.relu6(x)


def _registered(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, so that a network which has it can be rebuilt from its configuration."""
    return tf.keras.utils.register_keras_serializable("facesdk_keras3")(function)


_ACTIVATIONS: dict[str, Callable[..., Any]] = {
    "hard_sigmoid": _registered(_hard_sigmoid),
    "hard_silu": _registered(_hard_silu),
    "hard_swish": _hard_silu,
    "hard_tanh": _registered(_hard_tanh),
    "leaky_relu": _registered(_leaky_relu),
    "log_sigmoid": _registered(_log_sigmoid),
    "log_softmax": _registered(_log_softmax),
    "relu6": _registered(_relu6),
}
"""Activations that Keras 2 lacks, or computes otherwise (its hard_sigmoid has another slope)."""

_OPERATIONS: dict[str, Callable[..., Any]] = {
    "Abs": tf.abs,
    "Absolute": tf.abs,
    "Add": tf.add,
    "Clip": lambda x, x_min, x_max: tf.clip_by_value(x, x_min, x_max),
    "Concatenate": lambda xs, axis=0: tf.concat(xs, axis),
    "Divide": tf.divide,
    "Elu": lambda x, alpha=1.0: tf.where(x > 0, x, alpha * (tf.exp(x) - 1)),
    "Exp": tf.exp,
    "ExpandDims": tf.expand_dims,
    "GetItem": lambda x, key: x[key],
    "HardSigmoid": _hard_sigmoid,
    "HardSilu": _hard_silu,
    "HardSwish": _hard_silu,
    "LeakyRelu": lambda x, negative_slope=0.2: tf.nn.leaky_relu(x, negative_slope),
    "Log": tf.math.log,
    "Matmul": tf.matmul,
    "Max": lambda x, axis=None, keepdims=False: tf.reduce_max(x, axis, keepdims),
    "Maximum": tf.maximum,
    "Mean": lambda x, axis=None, keepdims=False: tf.reduce_mean(x, axis, keepdims),
    "Min": lambda x, axis=None, keepdims=False: tf.reduce_min(x, axis, keepdims),
    "Minimum": tf.minimum,
    "Multiply": tf.multiply,
    "Negative": tf.negative,
    "Power": tf.pow,
    "Relu": tf.nn.relu,
    "Relu6": tf.nn.relu6,
    "Reshape": lambda x, newshape: tf.reshape(x, [-1 if n is None else n for n in newshape]),
    "Rsqrt": tf.math.rsqrt,
    "Sigmoid": tf.sigmoid,
    "Sign": tf.sign,
    "Silu": tf.nn.silu,
    "Softmax": lambda x, axis=-1: tf.nn.softmax(x, axis),
    "Softplus": tf.nn.softplus,
    "Split": lambda x, indices_or_sections, axis=0: tf.split(x, indices_or_sections, axis),
    "Sqrt": tf.sqrt,
    "Square": tf.square,
    "Squeeze": tf.squeeze,
    "Subtract": tf.subtract,
    "Sum": lambda x, axis=None, keepdims=False: tf.reduce_sum(x, axis, keepdims),
    "Tanh": tf.tanh,
    "Transpose": lambda x, axes=None: tf.transpose(x, axes),
    "TrueDivide": tf.divide,
}
"""What ``keras.ops`` computes, by the names of its classes, in TensorFlow."""


def load(path: Path, objects: Mapping[str, Any]) -> tf.keras.Model:
    """Reads a network that Keras 3 saved.

    Args:
        path: A ``.keras`` file, or a whole-model ``.h5`` file.
        objects: Classes of layers and functions of the user, made for Keras 2, by name.

    Returns:
        A network of Keras 2.

    Raises:
        ModelError: Keras 2 has no such layer, operation or option, or the two do not compute the
            same; the message names it, and what to do instead.
    """
    try:
        config, weights = _contents(path)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path} cannot be read ({one_line(error, 200)})") from None
    builder = _Builder(path, objects)
    model = builder.model(config)
    with h5py.File(io.BytesIO(weights), "r") as file:
        if "model_weights" in file:
            _take_by_name(model, file["model_weights"], path)
        else:
            _take_by_place(model, file, path)
    if not builder.uses_objects:
        _require_same(model, path)
    return model


def _contents(path: Path) -> tuple[dict[str, Any], bytes]:
    """The configuration, and an HDF5 file with the weights."""
    if path.suffix.lower() == ".keras":
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
            return config, archive.read("model.weights.h5")
    content = path.read_bytes()
    with h5py.File(io.BytesIO(content), "r") as file:
        return json.loads(file.attrs[_ATTRIBUTE_OF_CONFIG]), content


class _Builder:
    """Makes layers and calls of Keras 2 from configurations of Keras 3."""

    def __init__(self, path: Path, objects: Mapping[str, Any]) -> None:
        self._path = path
        self._objects = objects
        self.uses_objects = False

    def model(self, row: dict[str, Any]) -> tf.keras.Model:
        kind, config = row["class_name"], row["config"]
        if kind == "Sequential":
            layers = [self._layer(each) for each in config["layers"]]
            return tf.keras.Sequential(layers, name=config["name"])
        if kind in ("Functional", "Model") and "layers" in config:
            return self._functional(config)
        raise ModelError(
            f"{self._path} is a network of the class {kind} of Keras 3, whose layers are not in "
            f"the file: {_EXPORT}"
        )

    def _functional(self, config: dict[str, Any]) -> tf.keras.Model:
        made: dict[str, Any] = {}
        tensors: dict[tuple[str, int, int], Any] = {}
        waiting: list[tuple[str, int, dict[str, Any]]] = []
        for row in config["layers"]:
            name = row["config"].get("name", row.get("name"))
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
        inputs = _picked(config["input_layers"], tensors)
        outputs = _picked(config["output_layers"], tensors)
        return tf.keras.Model(inputs, outputs, name=config["name"])

    def _called(self, made: Any, name: str, arguments: list[Any], options: dict[str, Any]) -> Any:
        try:
            return made(*arguments, **options)
        except ModelError:
            raise
        except Exception as error:  # whatever Keras raises where it cannot be called so
            raise ModelError(
                f"{self._path}: layer {name} cannot be called as in Keras 3 "
                f"({one_line(error, 200)}): {_EXPORT}"
            ) from None

    def _made(self, row: dict[str, Any]) -> Any:
        """A layer, a model, or the function of an operation."""
        if row["class_name"] in _MODELS:
            return self.model(row)
        if row["class_name"] != "InputLayer" and "trainable" not in row["config"]:
            return self._operation(row)  # .h5 files name no module, and both have an Add
        return self._layer(row)

    def _operation(self, row: dict[str, Any]) -> Callable[..., Any]:
        kind, options = row["class_name"], dict(row["config"])
        name = options.pop("name", kind)
        if kind not in _OPERATIONS:
            raise ModelError(
                f"{self._path} calls keras.ops ({kind}, {name}), which is not in the list of those "
                f"that facesdk writes for Keras 2: {_EXPORT}"
            )
        function = _OPERATIONS[kind]
        options.pop("dtype", None)
        return lambda *arguments, **given: function(*arguments, **{**options, **given})

    def _layer(self, row: dict[str, Any]) -> tf.keras.layers.Layer:
        kind = row["class_name"]
        if kind in _MODELS:
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
        matter = [key for key, value in unknown.items() if value not in (None, False)]
        if matter:
            raise ModelError(
                f"{self._path}: layer {config.get('name')} ({kind}) has {matter[0]}="
                f"{unknown[matter[0]]!r} in Keras 3, an option that Keras 2 does not have: "
                f"{_EXPORT}"
            )
        try:
            return made(**{key: value for key, value in config.items() if key not in unknown})
        except Exception as error:  # whatever the class of the user or Keras raises
            raise ModelError(
                f"{self._path}: layer {config.get('name')} ({kind}) of Keras 3 cannot be made in "
                f"Keras 2 ({one_line(error, 200)}): {_EXPORT}"
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
                        "built again in Keras 2: derive it from tf_keras.layers.Layer, or "
                        + _EXPORT
                    )
                self.uses_objects = True
                return found
        if kind == "Lambda":
            raise ModelError(
                f"{self._path} has a Lambda layer of Keras 3, whose function is Python code for "
                f"that version: {_EXPORT}"
            )
        found = getattr(tf.keras.layers, kind, None)
        if not str(row.get("module", "keras")).startswith("keras"):
            found = None
        if not (isinstance(found, type) and issubclass(found, tf.keras.layers.Layer)):
            raise ModelError(
                f"{self._path} has a layer {row['config'].get('name')} of the class {kind}, which "
                f"Keras 2 does not have: give a class of Keras 2 with --custom MODULE:{kind}, or "
                f"{_EXPORT}"
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
        if name in _ACTIVATIONS:
            return _ACTIVATIONS[name]
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


def _picked(entry: Any, tensors: Mapping[tuple[str, int, int], Any]) -> Any:
    """Inputs or outputs of a model: (layer, call, output), alone or in lists."""
    if isinstance(entry, dict):
        return {key: _picked(value, tensors) for key, value in entry.items()}
    if len(entry) == 3 and isinstance(entry[0], str):
        return tensors[entry[0], entry[1], entry[2]]
    found = [_picked(each, tensors) for each in entry]
    return found[0] if len(found) == 1 else found


def _take_by_name(model: tf.keras.Model, group: h5py.Group, path: Path) -> None:
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


def _take_by_place(model: tf.keras.Model, group: h5py.Group, path: Path) -> None:
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
                    _take_by_place(layer, own, path)
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
            f"({[value.shape for value in values]} for {shapes}): {_EXPORT}"
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


def _require_same(model: tf.keras.Model, path: Path) -> None:
    """Raises unless Keras 3, which TensorFlow brings, computes of noise what the model does."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    import keras  # seconds, which other files do not take

    try:
        theirs = keras.models.load_model(path, compile=False)
    except Exception as error:  # whatever Keras raises
        raise ModelError(
            f"{path}: Keras {keras.__version__} cannot load it itself ({one_line(error, 150)}), so "
            "that what it computes is not known: save the network as .keras"
        ) from None
    rng = np.random.default_rng(3)
    inputs = [rng.normal(0, 1, (1, *map(_size, x.shape[1:]))) for x in model.inputs]
    arrays = [tf.constant(values, x.dtype) for values, x in zip(inputs, model.inputs, strict=True)]
    given = arrays[0] if len(arrays) == 1 else arrays
    ours = tf.nest.flatten(model(given, training=False))
    expected = tf.nest.flatten(theirs(given, training=False))
    for one, other in zip(ours, expected, strict=True):
        first, second = np.asarray(one, np.float64), np.asarray(other, np.float64)
        gap = float(np.abs(first - second).max())
        if not gap <= _CLOSE * max(float(np.abs(second).max()), 1e-6):
            raise ModelError(
                f"{path}: built again in Keras 2 the network computes something else (a difference "
                f"of {gap:.2g}): {_EXPORT}"
            )


def _size(size: int | None) -> int:
    return 32 if size is None else size
