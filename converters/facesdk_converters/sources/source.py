"""What can be converted: finished runs of ``facesdk train``, and Keras models of any origin."""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import logging
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import h5py
import numpy as np
from numpy.typing import NDArray

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from facesdk.errors import InputError, ModelError
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import ANY_COLOR, TEMPLATES, Contract, InputSpec, Threshold
from facesdk.runtime.interpreter import Interpreter
from facesdk_training.architectures.compact_face_net import CompactFaceNetConfig
from facesdk_training.architectures.registry import Config
from facesdk_training.config.run import RunConfig
from facesdk_training.config.stages import network_config
from facesdk_training.data.crops import PIXEL_MEAN, PIXEL_SCALE
from facesdk_training.keras import finished
from facesdk_training.runs import folder as run_folder

FloatArray = NDArray[np.float32]

_BATCH = 32
_HDF5 = b"\x89HDF"
_ZIP = b"PK\x03\x04"
_CONFIG = "model_config"
"""Attribute of a Keras .h5 file."""


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

    def predict(self, inputs: FloatArray) -> FloatArray:
        """The outputs, in float32.

        Args:
            inputs: float32 ``(N, *input_shape)``; N is a multiple of :attr:`batch`.

        Returns:
            float32 ``(N, *output_shape)``.
        """


@dataclass(frozen=True, slots=True)
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

    def predict(self, inputs: FloatArray) -> FloatArray:
        """See :class:`Network`."""
        size = self.batch or _BATCH
        return np.concatenate(
            [
                np.asarray(self.model(inputs[start : start + size], training=False), np.float32)
                for start in range(0, len(inputs), size)
            ]
        )


class FileNetwork:
    """A float32 model file, run in the installed TFLite runtime.

    Args:
        bundle: The file.

    Raises:
        ModelError: The runtime refuses it, or it has not one input and one output.
    """

    def __init__(self, bundle: ModelBundle) -> None:
        self.content = bundle.content
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


@dataclass(frozen=True, slots=True)
class Source:
    """A network to convert.

    Attributes:
        path: Where it was read from.
        network: What it computes.
        sha256: SHA-256 (hex) of its weights: of the file, or of all files of the folder.
        contract: What it says about itself; with the task "other" where that is little.
        documented: Whether it says itself how to feed it and what for: a finished run, or a model
            file with a contract.
    """

    path: Path
    network: Network
    sha256: str
    contract: Contract
    documented: bool

    @property
    def model(self) -> Any:
        """The Keras model.

        Raises:
            ModelError: It is a model file.
        """
        if not isinstance(self.network, KerasNetwork):
            raise ModelError(
                f"{self.path} is a model file already: this target needs a run or a Keras model"
            )
        return self.network.model


def load(path: Path, custom: Iterable[str] = ()) -> Source:
    """Reads a network.

    Args:
        path: The folder of a finished run of ``facesdk train``, a Keras model as ``.h5`` or
            ``.keras``, the folder of a SavedModel that Keras wrote, or a float32 ``.tflite`` file.
        custom: Custom objects of the model, each as ``module:Name``. Modules are imported, also
            from the working directory.

    Raises:
        InputError: There is no such file, the run is not finished, or a custom object cannot be
            imported.
        ModelError: It is no Keras model, it needs a custom object that was not given, has weights
            that are not finite, an input of variable size, or more than one input or output.
    """
    objects = dict(_import(name) for name in custom)
    if (path / run_folder.CONFIG).is_file():
        return _run(path)
    if path.suffix == ".tflite":
        return _file(path)
    model = _keras(path, objects)
    _check_signature(model, path)
    _check_weights(model, path)
    digest = _digest(path)
    network = KerasNetwork(model)
    contract = _described(network, str(model.name), path, digest)
    return Source(path, network, digest, contract, documented=False)


def layers_of(model: Any) -> Iterator[Any]:
    """The layers of a model that compute something, those of nested models included, in order."""
    for layer in model.layers:
        if getattr(layer, "layers", None):
            yield from layers_of(layer)
        else:
            yield layer


def _run(path: Path) -> Source:
    record = run_folder.read_record(path / run_folder.CONFIG)
    calibration = run_folder.read_record(path / run_folder.CALIBRATION)
    digest = run_folder.weights_sha256(path)
    model, config = finished.load(path)
    _check_weights(model, path)
    try:
        contract = _contract_of_run(record, calibration, config, digest)
    except (KeyError, TypeError) as error:
        raise InputError(f"{path} was not written by this version of facesdk: {error!r}") from None
    return Source(path, KerasNetwork(model), digest, contract, documented=True)


def _file(path: Path) -> Source:
    bundle = ModelBundle.load(path)
    network = FileNetwork(bundle)
    known = bundle.embedded_contract
    if known is None:
        contract = _described(network, path.stem, path, bundle.sha256)
    else:
        contract = replace(known, source_sha256=bundle.sha256)
    return Source(path, network, bundle.sha256, contract, documented=known is not None)


def _contract_of_run(
    record: dict[str, Any], calibration: dict[str, Any], config: RunConfig, digest: str
) -> Contract:
    network = network_config(config)
    architecture, variant = _names(config, network)
    size = (network.input_height, network.input_width)
    return Contract(
        name=f"{architecture}-{variant}".lower(),
        task="recognition",
        architecture=architecture,
        variant=variant,
        input=InputSpec(*size, color="RGB", mean=PIXEL_MEAN, scale=PIXEL_SCALE),
        license=record["license"],
        source=_origin(record, config),
        source_sha256=digest,
        template=template_of(size),
        dim=network.embedding_length,
        thresholds=tuple(Threshold(**row) for row in calibration["thresholds"]),
        thresholds_source=f"all pairs of {calibration['crops']} crops of "
        f"{calibration['identities']} identities kept out of training",
        training_data=record["training_data"],
    )


def template_of(size: tuple[int | None, ...]) -> str | None:
    """The alignment template whose crops have a (height, width); None if there is none."""
    return next((name for name, value in TEMPLATES.items() if value == size), None)


def _names(config: RunConfig, network: Config) -> tuple[str, str]:
    """Architecture and variant; the paper's letters are variants of FaceResNet."""
    if isinstance(network, CompactFaceNetConfig):
        return "CompactFaceNet", network.variant
    return "FaceResNet", str(config.network["architecture"]).upper()


def _origin(record: dict[str, Any], config: RunConfig) -> str:
    if config.objective != "distillation":
        return f"facesdk train run, {config.objective} over labelled identities"
    teacher = record["teacher"]["name"]
    return f"facesdk train distill, from {teacher} (sha256 {record['teacher_sha256']})"


def _described(network: Network, architecture: str, path: Path, digest: str) -> Contract:
    shape = network.input_shape
    height, width = shape[:2] if len(shape) == 3 else (None, None)
    return Contract(
        name=path.stem if path.stem and path.stem.isprintable() else "network",
        task="other",
        architecture=architecture,
        variant="unstated",
        input=InputSpec(height, width, color=ANY_COLOR, mean=0.0, scale=1.0),
        license="unstated",
        source=path.name,
        source_sha256=digest,
    )


def _import(name: str) -> tuple[str, Any]:
    module, separator, attribute = name.partition(":")
    if not (module and separator and attribute):
        raise InputError(f"--custom must be module:Name, but got {name!r}")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        return attribute, getattr(importlib.import_module(module), attribute)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"--custom {name} cannot be imported: {reason}") from None


def _keras(path: Path, objects: dict[str, Any]) -> Any:
    import tensorflow as tf

    from facesdk_training.keras import registered

    _check_kind(path)
    tf.get_logger().setLevel("ERROR")
    logging.getLogger("larq").setLevel("ERROR")  # advice for training
    try:
        known = {**registered.by_bare_name(), **objects}
        with _readable(path) as readable, tf.keras.utils.custom_object_scope(known):
            model = tf.keras.models.load_model(readable, compile=False)
    except Exception as error:  # a file of others: Keras raises whatever it meets
        raise ModelError(_why_not_loaded(path, error)) from None
    if not isinstance(model, tf.keras.Model):
        raise ModelError(
            f"{path} is a SavedModel that Keras did not write: save the network with model.save()"
        )
    return model


@contextmanager
def _readable(path: Path) -> Iterator[Any]:
    """What Keras is to load for a path.

    tf_keras does not read what it writes into .h5 files for a function of the user's, as activation
    for example: an object of a class "function". It reads the function's name alone, so such a file
    is given to it with names in their place.
    """
    if path.is_dir() or path.suffix.lower() == ".keras":
        yield path
        return
    with h5py.File(io.BytesIO(path.read_bytes()), "r+") as file:
        if _CONFIG in file.attrs:
            config = _with_names(json.loads(file.attrs[_CONFIG]))
            file.attrs[_CONFIG] = json.dumps(config).encode()
        yield file


def _with_names(config: Any) -> Any:
    if isinstance(config, list):
        return [_with_names(part) for part in config]
    if not isinstance(config, dict):
        return config
    if config.get("class_name") == "function" and isinstance(config.get("config"), str):
        return config["config"]
    return {key: _with_names(part) for key, part in config.items()}


def _check_kind(path: Path) -> None:
    """Raises unless it looks like something that Keras writes."""
    if path.is_dir():
        if not (path / "saved_model.pb").is_file():
            raise InputError(
                f"{path} is neither a finished run (no {run_folder.CONFIG}) nor a SavedModel (no "
                "saved_model.pb)"
            )
        return
    try:
        with path.open("rb") as file:
            start = file.read(4)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    expected = {".h5": _HDF5, ".hdf5": _HDF5, ".keras": _ZIP}.get(path.suffix.lower())
    if expected is None:
        raise InputError(
            f"{path} must be a run folder, a SavedModel folder, or a network that ends in .h5, "
            ".keras or .tflite"
        )
    if start not in (_HDF5, _ZIP):
        raise ModelError(f"{path} is not a Keras model: its content is neither HDF5 nor zip")
    if start != expected:
        kind = ".h5" if start == _HDF5 else ".keras"
        raise ModelError(f"{path} has the content of a {kind} file: rename it to end in {kind}")


_UNKNOWN = (
    re.compile(r"Unknown (?:layer|object|activation function|\w+): '?([\w>]+)'?"),
    re.compile(r"Could not (?:locate|find) (?:class|function|object) '?([\w>]+)'?"),
    re.compile(r"'class_name': 'function', 'config': '(\w+)'"),
)
"""How Keras says that an object is unknown, the surest first: it also quotes configurations."""


def _why_not_loaded(path: Path, error: Exception) -> str:
    text = " ".join(str(error).split())
    for pattern in _UNKNOWN:
        if match := pattern.search(text):
            name = match[1].rpartition(">")[2]
            return (
                f"{path} needs the custom object {name}: say where it is defined with "
                f"--custom MODULE:{name}"
            )
    if "No model config found" in text or "No model found" in text:
        return f"{path} holds weights only: save the network with model.save(), not save_weights()"
    if "Lambda" in text and "safe_mode" in text:
        return (
            f"{path} has a Lambda layer, whose code Keras does not load from .keras files: make it "
            "a layer class and give it with --custom, or save the network as .h5"
        )
    return f"{path} cannot be loaded by Keras ({type(error).__name__}: {text[:300]})"


def _check_signature(model: Any, path: Path) -> None:
    if not (getattr(model, "inputs", None) and getattr(model, "outputs", None)):
        raise ModelError(
            f"{path} is a subclassed model, whose inputs are not known: save "
            "tf.keras.Model(x, model(x)) for an x = tf.keras.Input(...) instead"
        )
    if model.inputs[0].dtype != "float32":
        raise ModelError(
            f"{path} takes inputs of type {model.inputs[0].dtype.name}: build it on an input of "
            "float32, and give --mean and --scale for what pixels need"
        )
    for kind, shapes in (("input", model.input_shape), ("output", model.output_shape)):
        if not isinstance(shapes, tuple):
            raise ModelError(
                f"{path} has {len(shapes)} {kind}s, but a network of one {kind} is needed: convert "
                f"tf.keras.Model(model.inputs[0], model.outputs[0]) or a network for each"
            )
    if None in model.input_shape[1:]:
        fixed = ", ".join("112" if size is None else str(size) for size in model.input_shape[1:])
        raise ModelError(
            f"{path} takes inputs of variable size {_dimensions(model.input_shape)}: build it on "
            f"an input of fixed shape, for example keras.Input(({fixed}))"
        )


def _dimensions(shape: tuple[int | None, ...]) -> str:
    return "x".join("?" if size is None else str(size) for size in shape[1:])


def _check_weights(model: Any, path: Path) -> None:
    for layer in layers_of(model):
        for variable in layer.weights:
            values = variable.numpy()
            if not np.issubdtype(values.dtype, np.floating):
                continue
            broken = int(np.count_nonzero(~np.isfinite(values)))
            if broken:
                raise ModelError(
                    f"{path}: layer {layer.name} has {broken:,} of {values.size:,} values in "
                    f"{variable.name} that are NaN or infinite: train it again from a checkpoint "
                    "before they appeared"
                )


def _digest(path: Path) -> str:
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    digest = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        if file.is_file():
            content = file.read_bytes()
            digest.update(f"{file.relative_to(path).as_posix()}\0{len(content)}\0".encode())
            digest.update(content)
    return digest.hexdigest()
