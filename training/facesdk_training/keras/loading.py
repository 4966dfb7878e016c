"""The one way from a path to a Keras model, for every verb that takes one.

Keras files come from anybody. What is wrong with one is said in a line that names the way out, the
same to whoever converts it and to whoever evaluates it. Nothing in one runs as Python code unless
it is trusted (:mod:`facesdk_training.keras.foreign_code`).
"""

from __future__ import annotations

import importlib
import io
import json
import logging
import os
import re
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import larq  # noqa: F401  (registers its layers and quantizers)
import numpy as np
import tensorflow as tf

import facesdk_training.keras.networks.layers
import facesdk_training.keras.networks.quantizers  # noqa: F401  (registers ours)
from facesdk.errors import InputError, ModelError, one_line
from facesdk.files import require_regular, sha256_of
from facesdk.models.contract import Contract
from facesdk.results import FloatArray
from facesdk_training.keras import foreign_code
from facesdk_training.keras.keras3 import reading as keras3
from facesdk_training.keras.networks.build import build_embedder
from facesdk_training.keras.precision import in_float32
from facesdk_training.runs import contract as run_contract
from facesdk_training.runs import folder as run_folder
from facesdk_training.runs import record as run_record

SUFFIXES = (".h5", ".hdf5", ".keras")
"""What the files end in that Keras writes a whole model to."""

_BATCH = 32
_HDF5 = b"\x89HDF"
_ZIP = b"PK\x03\x04"
_VERSION = "keras_version"
"""Attribute of a Keras .h5 file."""


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A Keras model with inputs of fixed shape, all of its weights finite.

    Attributes:
        model: The model, in float32; one of mixed precision is rebuilt so, with the same weights.
        sha256: SHA-256 (hex) of its weights: of a run's ``weights.h5``, of the file, or of all
            files of a SavedModel (:func:`facesdk.files.sha256_of`).
        contract: What a finished run says about itself; None for models of any other origin.
    """

    model: tf.keras.Model
    sha256: str
    contract: Contract | None


def load(
    path: Path, custom: Iterable[str] = (), *, trust: bool = False, several: bool = False
) -> LoadedModel:
    """Reads a finished run of ``facesdk train``, or a saved Keras model.

    Args:
        path: The run folder, a ``.keras`` or whole-model ``.h5`` file, or a SavedModel folder that
            Keras wrote.
        custom: Custom objects of the model, each as ``module:Name``. Modules are imported, also
            from the working directory: their code runs.
        trust: Whether to run the code in the file as Keras does: Python functions of Lambda
            layers, modules that it names, any function of TensorFlow.
        several: Whether it may have more than one input or output.

    Raises:
        InputError: There is no such file, the run is not finished, or a custom object cannot be
            imported.
        ModelError: It is no Keras model, it has code inside and is not trusted, it needs a custom
            object that was not given, has weights that are not finite, an input of variable size,
            or more than one input or output where that may not be.
    """
    objects = dict(_import(name) for name in custom)
    if (path / run_folder.CONFIG).is_file():
        return _finished(path)
    model = _read(path, objects, trust)
    _check_signature(model, path)
    if not several:
        _check_single(model, path)
    model = in_float32(model, objects)
    _check_weights(model, path)
    return LoadedModel(model, _digest(path), None)


def predict(model: tf.keras.Model, inputs: FloatArray) -> FloatArray:
    """What a model computes in inference, batch by batch.

    Args:
        model: A model of one input and one output.
        inputs: float32 ``(N, *input_shape)``, N from 0.

    Returns:
        float32 ``(N, *output_shape)``.
    """
    return predict_all(model, [inputs])[0]


def predict_all(model: tf.keras.Model, inputs: Sequence[FloatArray]) -> list[FloatArray]:
    """What a model of any number of inputs and outputs computes in inference, batch by batch.

    Args:
        model: The model.
        inputs: For each of its inputs float32 ``(N, *shape)``, N from 0.

    Returns:
        For each of its outputs float32 ``(N, *shape)``.
    """
    fixed = model.inputs[0].shape[0]
    size = fixed or _BATCH
    parts = [[np.empty((0, *output.shape[1:]), np.float32)] for output in model.outputs]
    for start in range(0, len(inputs[0]), size):
        batches = [values[start : start + size] for values in inputs]
        count = len(batches[0])
        missing = size - count if fixed else 0
        padded = [
            np.concatenate([batch, np.zeros((missing, *batch.shape[1:]), batch.dtype)])
            for batch in batches
        ]
        outputs = tf.nest.flatten(model(_as_called(model, padded), training=False))
        for part, output in zip(parts, outputs, strict=True):
            part.append(np.asarray(output, np.float32)[:count])
    return [np.concatenate(part) for part in parts]


def _as_called(model: tf.keras.Model, inputs: Sequence[FloatArray]) -> Any:
    """Inputs in the form that the model was built with: alone, in a list, or by name."""
    return tf.nest.pack_sequence_as(model.input, list(inputs))


def layers_of(model: tf.keras.Model) -> Iterator[tf.keras.layers.Layer]:
    """The layers of a model that compute something, those of nested models included, in order."""
    return (layer for _, layer in paths_of(model))


def computing_layers_of(model: tf.keras.Model) -> Iterator[tf.keras.layers.Layer]:
    """The same layers, and those that wrappers (``TimeDistributed``, ``Bidirectional``) apply."""
    for layer in layers_of(model):
        yield layer
        for name in ("layer", "forward_layer", "backward_layer"):
            applied = getattr(layer, name, None)
            if getattr(applied, "layers", None):
                yield from computing_layers_of(applied)
            elif applied is not None:
                yield applied


def paths_of(
    model: tf.keras.Model, before: str = ""
) -> Iterator[tuple[str, tf.keras.layers.Layer]]:
    """The same layers with the names of the models around them: ``("block1/conv", layer)``."""
    for layer in model.layers:
        path = f"{before}{layer.name}"
        if getattr(layer, "layers", None):
            yield from paths_of(layer, f"{path}/")
        else:
            yield path, layer


def _finished(run: Path) -> LoadedModel:
    contract = run_contract.contract_of(run)
    if (run / run_folder.NETWORK).exists():
        model = _read(run / run_folder.NETWORK, {}, trust=False)
    else:
        model = build_embedder(run_record.config_of(run).final_network)
    try:
        model.load_weights(run / run_folder.WEIGHTS)
    except (OSError, ValueError) as error:
        raise InputError(f"{run / run_folder.WEIGHTS} does not fit its config: {error}") from None
    _check_weights(model, run)
    return LoadedModel(model, contract.source_sha256, contract)


def _read(path: Path, objects: dict[str, Any], trust: bool) -> Any:
    _check_kind(path)
    tf.get_logger().setLevel("ERROR")
    logging.getLogger("larq").setLevel("ERROR")  # advice for training
    known = {**_by_bare_name(), **objects}
    try:
        if _version(path).startswith("3."):
            return keras3.load(path, {**known, **tf.keras.utils.get_custom_objects()})
        if not trust:
            foreign_code.check(path, {*known, *tf.keras.utils.get_custom_objects()})
        with _readable(path) as readable, tf.keras.utils.custom_object_scope(known):
            model = tf.keras.models.load_model(readable, compile=False, safe_mode=not trust)
    except ModelError:
        raise
    except Exception as error:  # a file of others: Keras raises whatever it meets
        raise ModelError(_why_not_loaded(path, error, objects)) from None
    if not isinstance(model, tf.keras.Model):
        raise ModelError(
            f"{path} is a SavedModel that Keras did not write: save the network with model.save()"
        )
    return model


def _by_bare_name() -> dict[str, Any]:
    """Larq's and our registered classes by their names without a package.

    Larq looks its quantizers up by these in HDF5 files, where Keras itself writes "package>name".
    """
    registered = tf.keras.utils.get_custom_objects()
    return {name.rpartition(">")[2]: kind for name, kind in registered.items()}


def _import(name: str) -> tuple[str, Any]:
    module, separator, attribute = name.partition(":")
    if not (module and separator and attribute):
        raise InputError(f"--custom must be module:Name, but got {name!r}")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        found = getattr(importlib.import_module(module), attribute)
    except Exception as error:
        reason = one_line(f"{type(error).__name__}: {error}")
        raise InputError(f"--custom {name} cannot be imported: {reason}") from None
    if not callable(found):
        raise InputError(
            f"--custom {name} is of type {type(found).__name__}, but must be a class or a function"
        )
    return attribute, found


@contextmanager
def _readable(path: Path) -> Iterator[Any]:
    """What Keras is to load for a path.

    tf_keras does not read what it writes into .h5 files for a function of the user's, as activation
    for example: an object of a class "function". It reads the function's name alone, so such a file
    is given to it with names in their place. Nor does it know ``.KERAS``.
    """
    if path.is_dir() or path.suffix == ".keras":
        yield path
        return
    if path.suffix.lower() == ".keras":
        with tempfile.TemporaryDirectory() as folder:
            yield shutil.copyfile(path, Path(folder) / f"{path.stem}.keras")
        return
    with h5py.File(io.BytesIO(path.read_bytes()), "r+") as file:
        if foreign_code.H5_CONFIG in file.attrs:
            config = _with_names(json.loads(file.attrs[foreign_code.H5_CONFIG]))
            file.attrs[foreign_code.H5_CONFIG] = json.dumps(config).encode()
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
        require_regular(path)
        with path.open("rb") as file:
            start = file.read(4)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise InputError(
            f"{path} must be a run folder, a SavedModel folder, or a Keras model that ends in .h5, "
            ".hdf5 or .keras"
        )
    if start not in (_HDF5, _ZIP):
        raise ModelError(f"{path} is not a Keras model: its content is neither HDF5 nor zip")
    if start != (_ZIP if suffix == ".keras" else _HDF5):
        kind = ".h5" if start == _HDF5 else ".keras"
        raise ModelError(f"{path} has the content of a {kind} file: rename it to end in {kind}")


_UNKNOWN = (
    re.compile(r"Unknown (?:layer|object|activation function|\w+): '?([\w>]+)'?"),
    re.compile(r"Could not (?:locate|find) (?:class|function|object) '?([\w>]+)'?"),
    re.compile(r"Cannot deserialize object of type `(\w+)`"),
    re.compile(r"'class_name': 'function', 'config': '(\w+)'"),
)
"""How Keras says that an object is unknown, the surest first: it also quotes configurations."""

_CAUSE = "Exception encountered: "
"""What Keras writes between a whole configuration and what went wrong with it."""

_OTHER_WEIGHTS = re.compile(
    r"(?:Layer|Weight) count mismatch|objects could not be loaded|expected \d+ (variables|weights)"
)
"""How Keras says that a file's weights are not those of its layers."""

_OTHER_PARAMETERS = re.compile(r"(\w+)\.(?:__init__|from_config)\(\) ([^.]+)")
"""How Python says that a class cannot be made from its configuration."""


def _why_not_loaded(path: Path, error: Exception, objects: Iterable[str]) -> str:
    text = one_line(error)
    for pattern in _UNKNOWN:
        if match := pattern.search(text):
            return foreign_code.needs_custom(path, match[1].rpartition(">")[2])
    if "No model config found" in text or "No model found" in text:
        return f"{path} holds weights only: save the network with model.save(), not save_weights()"
    if _OTHER_WEIGHTS.search(text):
        return (
            f"{path} does not hold the weights of its layers ({text[:300]}): save the network "
            "again with model.save()"
        )
    if match := _OTHER_PARAMETERS.search(text):
        return (
            f"{path} describes a {match[1]} that the class does not take ({match[2][:200]}): give "
            "the class that the network was saved with, whose get_config() has what its __init__() "
            "takes"
        )
    given = f" with --custom {', '.join(objects)}" if objects else ""
    text = text.rpartition(_CAUSE)[2]
    reason = f"{type(error).__name__} {text}" if isinstance(error, KeyError) else text
    return f"{path} cannot be loaded by Keras{given} ({reason[:300] or type(error).__name__})"


def _version(path: Path) -> str:
    """The Keras that wrote a file, for example "3.8.0"; empty where the file does not say."""
    try:
        if path.is_dir():
            return ""
        if path.suffix.lower() != ".keras":
            with h5py.File(path, "r") as file:
                return str(file.attrs.get(_VERSION, ""))
        with zipfile.ZipFile(path) as archive:
            return str(json.loads(archive.read("metadata.json"))[_VERSION])
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile):
        return ""


def _check_signature(model: Any, path: Path) -> None:
    if not (getattr(model, "inputs", None) and getattr(model, "outputs", None)):
        raise ModelError(
            f"{path} is a subclassed model, whose inputs are not known: save "
            "tf.keras.Model(x, model(x)) for an x = tf.keras.Input(...) instead"
        )
    for given in model.inputs:
        if given.dtype != "float32":
            raise ModelError(
                f"{path} takes inputs of type {given.dtype.name}: build it on an input of "
                "float32, and give --mean and --scale for what pixels need"
            )
        shape = tuple(given.shape)
        if None in shape[1:]:
            fixed = ", ".join("112" if size is None else str(size) for size in shape[1:])
            raise ModelError(
                f"{path} takes inputs of variable size {_dimensions(shape)}: build it on "
                f"an input of fixed shape, for example keras.Input(({fixed}))"
            )
    for name, made in zip(model.output_names, model.outputs, strict=True):
        if made.shape.rank == 0:
            raise ModelError(
                f"{path} gives a single number for a whole batch as its output {name}: reduce over "
                "all axes but the first, so that each input has a number of its own"
            )
    batches = {given.shape[0] for given in model.inputs}
    if len(batches) > 1:
        sizes = ", ".join("any" if size is None else str(size) for size in sorted(batches, key=str))
        raise ModelError(
            f"{path} has inputs of different batches ({sizes}): build all on the same batch_size"
        )


def _check_single(model: Any, path: Path) -> None:
    for kind, tensors in (("input", model.inputs), ("output", model.outputs)):
        if len(tensors) != 1:
            raise ModelError(
                f"{path} has {len(tensors)} {kind}s, but a network of one {kind} is needed: save "
                f"tf.keras.Model(model.inputs[0], model.outputs[0]) or a network for each"
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
    try:
        return sha256_of(path)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
