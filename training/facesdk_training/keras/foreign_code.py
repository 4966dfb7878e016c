"""What a Keras file would run: the code inside it, and the classes and functions that it names.

Keras imports whatever module a ``.keras`` file names, and unpickles the functions of Lambda layers;
a layer made of a TensorFlow function may write files. To load such a file is to run a program of
its author. So its configuration is read first, and what is not arithmetic must be named by
``--custom`` or allowed by ``--trust``.
"""

from __future__ import annotations

import builtins
import importlib
import json
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import h5py
import larq
import tensorflow as tf
from tensorflow.core.framework.function_pb2 import FunctionDef
from tensorflow.core.framework.node_def_pb2 import NodeDef
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from tensorflow.python.framework import op_def_registry
from tf_keras.protobuf.saved_metadata_pb2 import SavedMetadata

from facesdk.errors import ModelError

H5_CONFIG = "model_config"
"""Attribute of a Keras ``.h5`` file: the network's configuration as JSON."""

_KERAS_METADATA, _SAVED_MODEL = "keras_metadata.pb", "saved_model.pb"
_ACTIVATIONS = ("keras.activations", "tf_keras.activations")
_FUNCTION_LAYERS = ("TFOpLambda", "SlicingOpLambda")

_ARITHMETIC_MODULES = (
    "__operators__", "bitwise", "image", "linalg", "math", "nn", "quantization", "random", "signal",
)  # fmt: skip
_ARITHMETIC = frozenset({
    "abs", "add", "argmax", "argmin", "broadcast_to", "cast", "clip_by_norm", "clip_by_value",
    "complex", "concat", "constant", "convert_to_tensor", "cos", "cumsum", "depth_to_space",
    "divide", "einsum", "equal", "exp", "expand_dims", "eye", "fill", "floor", "gather",
    "gather_nd", "greater", "greater_equal", "identity", "less", "less_equal", "linspace",
    "logical_and", "logical_not", "logical_or", "matmul", "maximum", "meshgrid", "minimum",
    "multiply", "negative", "norm", "not_equal", "one_hot", "ones", "ones_like", "pad", "pow",
    "range", "rank", "realdiv", "reduce_all", "reduce_any", "reduce_logsumexp", "reduce_max",
    "reduce_mean", "reduce_min", "reduce_prod", "reduce_sum", "repeat", "reshape", "reverse",
    "roll", "round", "saturate_cast", "scalar_mul", "scatter_nd", "shape", "sigmoid", "sign",
    "sin", "size", "slice", "sort", "space_to_batch", "space_to_depth", "split", "sqrt", "square",
    "squeeze", "stack", "stop_gradient", "strided_slice", "subtract", "tan", "tanh", "tensordot",
    "tile", "transpose", "truediv", "truncatediv", "truncatemod", "unstack", "where", "zeros",
    "zeros_like",
})  # fmt: skip
"""TensorFlow's functions, by exported name, that reach nothing outside the network."""


def check(path: Path, known: Collection[str]) -> None:
    """Raises unless Keras can load a file without running code that nobody allowed.

    Args:
        path: A ``.keras`` or whole-model ``.h5`` file, or a SavedModel folder. Of a SavedModel,
            layers of unknown classes are no fault: it has their functions as TensorFlow graphs.
        known: Names of the classes and functions that are registered or were given.

    Raises:
        ModelError: It has a Lambda layer with code inside, calls a function of TensorFlow that is
            not known to be arithmetic, names a class or function that is neither Keras's nor known,
            or is a SavedModel whose functions have text in them, as names of files are.
        OSError: It cannot be read.
        ValueError: Its configuration is no JSON; zipfile.BadZipFile and KeyError likewise.
    """
    if (path / _SAVED_MODEL).is_file():
        check_graphs(path)
    for config in _configurations(path):
        for part in _parts(config):
            _check_code(path, part)
            _check_tensorflow_function(path, part)
            missing = ""
            if not path.is_dir():
                missing = _unknown_object(part, known) or _unknown_quantizer(part, known)
            if missing := missing or _unknown_function_of_layer(part, known):
                raise ModelError(needs_custom(path, missing))


def needs_custom(path: Path, name: str) -> str:
    """What to do about a class or function that is not known."""
    return (
        f"{path} needs the custom object {name}: say where it is defined with "
        f"--custom MODULE:{name}"
    )


def _configurations(path: Path) -> list[Any]:
    if path.is_dir():
        return [json.loads(text) for text in _layers_of_saved_model(path)]
    if path.suffix.lower() == ".keras":
        with zipfile.ZipFile(path) as archive:
            return [json.loads(archive.read("config.json"))]
    with h5py.File(path, "r") as file:
        return [json.loads(file.attrs[H5_CONFIG])] if H5_CONFIG in file.attrs else []


def _layers_of_saved_model(folder: Path) -> list[str]:
    """What Keras wrote about each layer, as JSON; before TensorFlow 2.5 into the graph's file."""
    if (folder / _KERAS_METADATA).is_file():
        metadata = SavedMetadata.FromString((folder / _KERAS_METADATA).read_bytes())
        return [node.metadata for node in metadata.nodes]
    saved = SavedModel.FromString((folder / _SAVED_MODEL).read_bytes())
    return [
        node.user_object.metadata
        for graph in saved.meta_graphs
        for node in graph.object_graph_def.nodes
        if node.user_object.metadata
    ]


def written_by_keras(folder: Path) -> bool:
    """Whether Keras 2 wrote a SavedModel, so that it may find its layers in it.

    Raises:
        OSError: It cannot be read.
        google.protobuf.message.DecodeError: It is damaged.
    """
    return bool(_layers_of_saved_model(folder))


def check_graphs(path: Path) -> None:
    """Refuses text in what a SavedModel computes: every operator that reaches a file takes some.

    What only saves and restores its weights is left out: it is not called.

    Args:
        path: The folder.

    Raises:
        ModelError: A function has text in it.
        OSError: It cannot be read.
        google.protobuf.message.DecodeError: It is damaged.
    """
    saved = SavedModel.FromString((path / _SAVED_MODEL).read_bytes())
    for graph in saved.meta_graphs:
        functions = {each.signature.name: each for each in graph.graph_def.library.function}
        waiting, seen = list(graph.object_graph_def.concrete_functions), set()
        while waiting:
            name = waiting.pop()
            if name in seen or name not in functions:
                continue
            seen.add(name)
            for node in functions[name].node_def:
                if tf.string.as_datatype_enum in _types(node):
                    raise ModelError(
                        f"{path} is a SavedModel with TensorFlow's operator {node.op} on text, "
                        "which may reach outside the network: --trust it if you know where it "
                        "comes from"
                    )
            waiting += _called(functions[name])


def _types(node: NodeDef) -> set[int]:
    known = op_def_registry.get(node.op)
    fixed = [] if known is None else [*known.input_arg, *known.output_arg]
    values = node.attr.values()
    listed = {kind for value in values for kind in value.list.type}
    return {arg.type for arg in fixed} | {value.type for value in values} | listed


def _called(function: FunctionDef) -> list[str]:
    values = [value for node in function.node_def for value in node.attr.values()]
    return [part.name for value in values for part in (value.func, *value.list.func) if part.name]


def _parts(config: Any) -> Iterator[dict[str, Any]]:
    """Every object inside a configuration, itself included."""
    waiting = [config]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part


def _check_code(path: Path, part: dict[str, Any]) -> None:
    pickled = any(key.endswith("_type") and value == "lambda" for key, value in part.items())
    if pickled or part.get("class_name") == "__lambda__":
        name = part.get("name")
        layer = f"Lambda layer {name}" if isinstance(name, str) else "Lambda layer"
        raise ModelError(
            f"{path} has a {layer} with Python code inside, which loading it would run: make it a "
            "layer class and give it with --custom, or --trust the file if you know where it "
            "comes from"
        )


def _check_tensorflow_function(path: Path, part: dict[str, Any]) -> None:
    kind, config = part.get("class_name"), part.get("config")
    if kind == "TensorFlowOpLayer":
        function = "of a stored graph"
    elif kind in _FUNCTION_LAYERS and isinstance(config, dict):
        function = str(config.get("function", "__operators__.getitem"))
        module, _, name = function.removeprefix("compat.v1.").rpartition(".")
        if (name in _ARITHMETIC) if not module else (module in _ARITHMETIC_MODULES):
            return
    else:
        return
    raise ModelError(
        f"{path} calls TensorFlow's function {function}, which may reach outside the network: "
        "--trust the file if you know where it comes from"
    )


def _unknown_function_of_layer(part: dict[str, Any], known: Collection[str]) -> str:
    """The function of a Lambda layer, stored by name, that is not known; "" if there is none."""
    for key, value in part.items():
        if key.endswith("_type") and value == "function":
            name = part.get(key.removesuffix("_type"))
            if isinstance(name, str) and name not in known:
                return name
    return ""


def _unknown_quantizer(part: dict[str, Any], known: Collection[str]) -> str:
    """A quantizer that is a function, stored by name, that is not known; "" if there is none.

    Larq looks for these when it makes the layer, and its error names a type or all of the layer.
    """
    for key, value in part.items():
        if not key.endswith("_quantizer"):
            continue
        function = isinstance(value, dict) and value.get("class_name") == "function"
        name = value.get("config") if function else value
        if isinstance(name, str) and name not in known and not _is_quantizer_of_larq(name):
            return name
    return ""


def _is_quantizer_of_larq(name: str) -> bool:
    try:
        larq.quantizers.get(name)
    except Exception:  # whatever Keras's lookup raises
        return False
    return True


def _unknown_object(part: dict[str, Any], known: Collection[str]) -> str:
    """The class or function that an object of a configuration names, if it is not known, else "".

    Objects without a module are looked up by Keras among its own and the known ones alone.
    """
    if "module" not in part or "config" not in part:
        return ""
    module, kind = part["module"] or "", str(part.get("class_name"))
    if kind == "function":
        name = str(part["config"])
        own = module in _ACTIVATIONS or (module == "builtins" and not hasattr(builtins, name))
        return "" if own or name in known else name
    if kind in ("__tensor__", "__numpy__", "__bytes__"):
        return ""
    registered = part.get("registered_name") or kind
    if registered in known or _is_class_of_keras(module, kind):
        return ""
    return str(registered).rpartition(">")[2]


def _is_class_of_keras(module: str, name: str) -> bool:
    package = module.partition(".")[0]
    if package not in ("keras", "tf_keras"):
        return False
    public = tf.keras
    for part in module.split(".")[1:]:
        public = getattr(public, part, None)
    found = getattr(public, name, None)
    if found is None:
        try:
            found = getattr(importlib.import_module(f"tf_{module.removeprefix('tf_')}"), name, None)
        except ImportError:
            return False
    return isinstance(found, type)
