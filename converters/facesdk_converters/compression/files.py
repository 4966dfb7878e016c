"""The model file that a network on its way becomes: its bytes, packed bytes, and time.

The file is what ``facesdk convert`` writes by the target that the network's layers ask for:
``lce`` where layers read signs, ``binary-weights`` where kernels are signs alone, else ``float32``.
Codes of ``.tflite.pack`` take what few values, zeros and codebooks save; the plain file does not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from facesdk.measure.timing import Policy, measure
from facesdk.models import packed
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import Contract
from facesdk.runtime.interpreter import Interpreter
from facesdk_converters.sources.network import KerasNetwork
from facesdk_converters.sources.source import Source
from facesdk_converters.targets import registry
from facesdk_converters.tflite.tree import write_contract
from facesdk_training.keras import loading
from facesdk_training.runs.contract import contract_of

RUNS = Policy(runs=30, warm_up=5, warm_up_seconds=0.2, lead=1)
"""How often two files run in turn; one thread."""


@dataclass(frozen=True, slots=True)
class FileFigures:
    """What a network's model file takes.

    Attributes:
        target: The verb of ``facesdk convert`` that writes it.
        bytes: Of the ``.tflite``.
        packed_bytes: Of the ``.tflite.pack``.
        latency_ratio: Median time per face as a share of the source's file, run in turn on one
            thread; below 1 is faster. What else the computer did then is in it.
    """

    target: str
    bytes: int
    packed_bytes: int
    latency_ratio: float

    def to_dict(self) -> dict[str, Any]:
        """All of it, by the names of ``report.json``."""
        return {f"file_{name}": value for name, value in asdict(self).items()}


def target_of(model: tf.keras.Model) -> tuple[str, dict[str, Any]]:
    """The target that a network's quantizers ask for, and its options."""
    reads, stores = (
        any(_bits(layer, kind) == 1 for layer in model.layers) for kind in ("input", "kernel")
    )
    if reads and stores:
        return "lce", {}
    return ("binary-weights", {"activations": 32}) if stores else ("float32", {})


def _bits(layer: tf.keras.layers.Layer, kind: str) -> int:
    return int(getattr(getattr(layer, f"{kind}_quantizer", None), "precision", 32) or 32)


def file_of(model: tf.keras.Model, contract: Contract) -> tuple[str, ModelBundle]:
    """A network's model file, in memory, and the name of its target.

    Args:
        model: From normalised crops to embeddings.
        contract: Of the run that it began as; the length of the embedding may differ.

    Raises:
        ModelError: The target refuses the network.
    """
    said = replace(contract, dim=int(model.output_shape[-1]))
    name, options = target_of(model)
    path = Path(f"{model.name}.tflite")
    source = Source(path, KerasNetwork(model), said.source_sha256, said, documented=True)
    bundle = registry.load(name, **options).convert(source)
    return name, ModelBundle.from_bytes(write_contract(bundle, said), path, trust=True)


def file_of_run(run: Path) -> tuple[str, bytes]:
    """A finished run's model file, and the name of its target.

    Args:
        run: Its folder.

    Raises:
        InputError: It is not finished.
        ModelError: As of :func:`file_of`.
    """
    name, bundle = file_of(loading.load(run).model, contract_of(run))
    return name, bundle.content


def figures_of(target: str, bundle: ModelBundle, base: ModelBundle) -> FileFigures:
    """What a network's file takes, beside that of another.

    Args:
        target: The name of its target.
        bundle: The file, of :func:`file_of`.
        base: The file that it is timed with.
    """
    content = bundle.content
    ratio = round(latency_ratio(bundle, base), 3)
    return FileFigures(target, len(content), len(packed.pack(content)), ratio)


def latency_ratio(bundle: ModelBundle, base: ModelBundle, policy: Policy = RUNS) -> float:
    """Median time of a file as a share of another's, in turn on one thread of the stock runtime."""
    runs = {"own": _runner(bundle), "base": _runner(base)}
    times = measure(runs, policy)
    return float(np.median(times["own"]) / np.median(times["base"]))


def _runner(bundle: ModelBundle) -> Callable[[], object]:
    interpreter = Interpreter(bundle, threads=1)
    shape = interpreter.input_shapes[0]
    interpreter.fill(np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32))
    return interpreter.invoke
