"""What can be converted: finished runs of ``facesdk train``, and networks of any origin."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from facesdk.errors import InputError, ModelError, one_line, require_extra
from facesdk.files import sha256_of
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import Contract, InputSpec
from facesdk.models.contract_fields import ANY_COLOR
from facesdk.tflite.weights import values
from facesdk_converters.sources import function
from facesdk_converters.sources.finite import require_numbers
from facesdk_converters.sources.network import FileNetwork, KerasNetwork, Network
from facesdk_training.keras import foreign_code, loading
from facesdk_training.runs import folder as run_folder

_FLOATS = ("float16", "bfloat16", "float32", "float64")


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
        note: What the user should know of how it was read; empty if nothing.
    """

    path: Path
    network: Network
    sha256: str
    contract: Contract
    documented: bool
    note: str = ""

    @property
    def keras(self) -> KerasNetwork:
        """The Keras network.

        Raises:
            ModelError: It is a model file.
        """
        if not isinstance(self.network, KerasNetwork):
            raise ModelError(
                f"{self.path} is a model file already: this target needs a run, a Keras model "
                "(.h5, .keras), an .onnx file or a SavedModel"
            )
        return self.network


def load(path: Path, custom: Iterable[str] = (), *, trust: bool = False) -> Source:
    """Reads a network.

    Args:
        path: The folder of a finished run of ``facesdk train``, a Keras model as ``.h5`` or
            ``.keras``, the folder of a SavedModel, an ``.onnx`` file, or a float32 ``.tflite``
            file.
        custom: Custom objects of the model, each as ``module:Name``. Modules are imported, also
            from the working directory: their code runs.
        trust: Whether to run a Keras model with the code inside it, and a ``.tflite`` file without
            a probe (:mod:`facesdk.runtime.probe`).

    Raises:
        InputError: There is no such file, the run is not finished, or a custom object cannot be
            imported.
        ModelError: It is no Keras model, it has code inside and is not trusted, it needs a custom
            object that was not given, has weights that are not finite, or an input of variable
            size.
    """
    suffix = path.suffix.lower()
    if suffix == ".tflite":
        return _file(path, trust)
    if suffix == ".onnx":
        return _onnx(path)
    if path.is_file() and suffix not in loading.SUFFIXES:
        raise InputError(
            f"{path} must be a run folder, a SavedModel folder, or a network that ends in .h5, "
            ".hdf5, .keras, .onnx or .tflite"
        )
    if (path / "saved_model.pb").is_file() and not (path / run_folder.CONFIG).is_file():
        return _saved_model(path, custom, trust)
    return _keras(path, custom, trust)


def _keras(path: Path, custom: Iterable[str], trust: bool) -> Source:
    loaded = loading.load(path, custom, trust=trust, several=True)
    network = KerasNetwork(loaded.model)
    contract = loaded.contract or _described(network, str(loaded.model.name), path, loaded.sha256)
    return Source(path, network, loaded.sha256, contract, documented=loaded.contract is not None)


def _saved_model(path: Path, custom: Iterable[str], trust: bool) -> Source:
    """By its layers where Keras can rebuild it, else by its function alone."""
    try:
        by_keras = foreign_code.written_by_keras(path)
    except Exception as error:  # a damaged protocol buffer, or no right to read
        raise ModelError(f"{path} cannot be read ({one_line(error, 200)})") from None
    note = f"{path} was not written by Keras 2"
    if by_keras:
        try:
            return _keras(path, custom, trust)
        except ModelError as error:
            note = str(error)
    network = function.load(path, trust=trust)
    digest = sha256_of(path)
    contract = _described(network, path.stem, path, digest)
    words = f"read by its TensorFlow function, so that its layers are not known ({note})"
    return Source(path, network, digest, contract, documented=False, note=words)


def _onnx(path: Path) -> Source:
    require_extra("onnx", extra="convert")
    from facesdk_converters.sources.onnx import network as onnx_network

    network = onnx_network.load(path)
    digest = sha256_of(path)
    return Source(path, network, digest, _described(network, path.stem, path, digest), False)


def _file(path: Path, trust: bool) -> Source:
    bundle = ModelBundle.load(path, trust=trust)
    _require_finite(bundle, path)
    network = FileNetwork(bundle)
    known = bundle.embedded_contract
    if known is None:
        contract = _described(network, path.stem, path, bundle.sha256)
    else:
        contract = replace(known, source_sha256=bundle.sha256)
    return Source(path, network, bundle.sha256, contract, documented=known is not None)


def _require_finite(bundle: ModelBundle, path: Path) -> None:
    graph = bundle.graph
    weighted = [row for row in graph.operators if row.weights is not None]
    weights = {row.index for each in weighted for row in each.stored if row is not None}
    for row in graph.tensors:
        if row.constant and row.dtype in _FLOATS:
            is_weights = row.index in weights
            require_numbers(path, f"tensor {row.name}", values(row), weights=is_weights)


def _described(network: Network, architecture: str, path: Path, digest: str) -> Contract:
    pictures = [shape[:2] for shape in network.input_shapes if len(shape) == 3]
    height, width = pictures[0] if pictures else (None, None)
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
