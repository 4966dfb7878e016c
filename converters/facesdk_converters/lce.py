"""A trained binarized network to a flatbuffer for Larq Compute Engine's operators.

`larq_compute_engine` turns each pair of sign and binary convolution into ``LceQuantize`` and
``LceBconv2d`` with bit-packed weights, and folds batch normalisation into the latter. facesdk's
operator library runs both in any stock TFLite runtime. What is added here is the proof that the
result computes what Keras computed, and the contract.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import larq_compute_engine as lce
import numpy as np
from larq_compute_engine.tflite.python.interpreter import Interpreter
from numpy.typing import NDArray

import facesdk_training  # noqa: F401  (chooses Keras 2 before TensorFlow is imported)
from facesdk.contract import TEMPLATES, Contract, InputSpec, Threshold
from facesdk.errors import InputError, ModelError
from facesdk.files import write_atomic
from facesdk_converters.metadata import write_contract
from facesdk_training import finished, runs
from facesdk_training.architectures.compact_face_net import CompactFaceNetConfig
from facesdk_training.architectures.registry import Config
from facesdk_training.config import RunConfig
from facesdk_training.data import PIXEL_MEAN, PIXEL_SCALE
from facesdk_training.stages import network_config

MIN_COSINE, MEDIAN_COSINE = 0.98, 0.9999
"""Smallest accepted cosine between Keras' and the converted network's embedding of an input, and
smallest accepted median of these cosines."""

_PARITY_INPUTS = 32


@dataclass(frozen=True, slots=True)
class EmbeddingParity:
    """How far the embeddings of a converted network are from those of its source.

    Most inputs agree within rounding. In a few, a value lies within rounding of a sign's threshold:
    the two take different signs there, and what follows differs a little more.

    Attributes:
        inputs: Number of inputs compared.
        max_difference: Largest absolute difference of the unit embeddings.
        min_cosine: Smallest cosine between the two embeddings of one input.
        median_cosine: Median of these cosines.
    """

    inputs: int
    max_difference: float
    min_cosine: float
    median_cosine: float

    def to_dict(self) -> dict[str, Any]:
        """The figures, the difference with three significant digits."""
        return {
            "inputs": self.inputs,
            "max_difference": float(f"{self.max_difference:.3g}"),
            "min_cosine": round(self.min_cosine, 6),
            "median_cosine": round(self.median_cosine, 6),
        }


@dataclass(frozen=True, slots=True)
class ConvertedRun:
    """A run that has become a model file.

    Attributes:
        path: The model file.
        bytes: Its size.
        contract: The contract in it.
        parity: Keras against LCE's own interpreter.
    """

    path: Path
    bytes: int
    contract: Contract
    parity: EmbeddingParity

    def to_dict(self) -> dict[str, Any]:
        """Path, size, name and parity."""
        return {
            "path": str(self.path),
            "bytes": self.bytes,
            "name": self.contract.name,
            "parity": self.parity.to_dict(),
        }


def convert_keras(model: Any) -> bytes:
    """Converts a Larq model.

    Args:
        model: A Keras 2 model whose binary convolutions are `larq.layers.QuantConv2D`.

    Returns:
        Content of a ``.tflite`` file that needs LCE's operators.
    """
    return bytes(lce.convert_keras_model(model))


def embedding_parity(model: Any, content: bytes, inputs: NDArray[np.float32]) -> EmbeddingParity:
    """Compares Keras with LCE's interpreter.

    Args:
        model: The Keras model.
        content: The converted model.
        inputs: float32 [N, height, width, 3], normalised.
    """
    interpreter = Interpreter(content, use_indirect_bgemm=True)
    expected = _unit(np.asarray(model(inputs)))
    got = _unit(np.concatenate([interpreter.predict(crop[np.newaxis]) for crop in inputs]))
    cosines = np.sum(expected * got, axis=1)
    return EmbeddingParity(
        inputs=len(inputs),
        max_difference=float(np.abs(expected - got).max()),
        min_cosine=float(cosines.min()),
        median_cosine=float(np.median(cosines)),
    )


def convert_run(run: Path, output: Path, *, name: str | None = None) -> ConvertedRun:
    """Converts a finished run of ``facesdk train``.

    Args:
        run: The run folder, see :mod:`facesdk_training.runs`.
        output: The ``.tflite`` file to write.
        name: Name for the contract; by default its architecture and variant.

    Raises:
        InputError: The folder is not a finished run, or the output cannot be written.
        ModelError: The converted network does not compute what Keras computes.
    """
    record = runs.read_record(run / runs.CONFIG)
    calibration = runs.read_record(run / runs.CALIBRATION)
    source_sha256 = runs.weights_sha256(run)
    model, config = finished.load(run)
    network = network_config(config)
    try:
        contract = _contract(record, calibration, config, source_sha256, name)
    except (KeyError, TypeError) as error:
        raise InputError(f"{run} was not written by this version of facesdk: {error!r}") from None
    content = convert_keras(model)
    parity = embedding_parity(
        model, content, _smooth_noise(network.input_height, network.input_width)
    )
    if not (parity.min_cosine >= MIN_COSINE and parity.median_cosine >= MEDIAN_COSINE):
        raise ModelError(
            f"the converted network differs from {run}: cosines of embeddings are "
            f"{parity.min_cosine:.4f} at least (needed: {MIN_COSINE}) and "
            f"{parity.median_cosine:.6f} in the median (needed: {MEDIAN_COSINE}); report it with "
            "the versions of tensorflow and larq-compute-engine"
        )
    content = write_contract(content, contract)
    write_atomic(output, content)
    return ConvertedRun(output, len(content), contract, parity)


def _contract(
    record: dict[str, Any],
    calibration: dict[str, Any],
    config: RunConfig,
    source_sha256: str,
    name: str | None,
) -> Contract:
    network = network_config(config)
    architecture, variant = _names(config, network)
    size = (network.input_height, network.input_width)
    template = next((key for key, value in TEMPLATES.items() if value == size), None)
    return Contract(
        name=name or f"{architecture}-{variant}".lower(),
        task="recognition",
        architecture=architecture,
        variant=variant,
        input=InputSpec(*size, color="RGB", mean=PIXEL_MEAN, scale=PIXEL_SCALE),
        license=record["license"],
        source=_source(record, config),
        source_sha256=source_sha256,
        template=template,
        dim=network.embedding_length,
        thresholds=tuple(Threshold(**row) for row in calibration["thresholds"]),
        thresholds_source=f"all pairs of {calibration['crops']} crops of "
        f"{calibration['identities']} identities kept out of training",
        training_data=record["training_data"],
    )


def _names(config: RunConfig, network: Config) -> tuple[str, str]:
    """Architecture and variant; the paper's letters are variants of FaceResNet."""
    if isinstance(network, CompactFaceNetConfig):
        return "CompactFaceNet", network.variant
    return "FaceResNet", str(config.network["architecture"]).upper()


def _source(record: dict[str, Any], config: RunConfig) -> str:
    if config.objective != "distillation":
        return f"facesdk train run, {config.objective} over labelled identities"
    teacher = record["teacher"]["name"]
    return f"facesdk train distill, from {teacher} (sha256 {record['teacher_sha256']})"


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def _smooth_noise(height: int, width: int) -> NDArray[np.float32]:
    """Inputs as varied as photos at every scale from 4 pixels up, float32 in [-1, 1]."""
    rng = np.random.default_rng(2020)
    noise = rng.uniform(-1.0, 1.0, (_PARITY_INPUTS, -(-height // 4), -(-width // 4), 3))
    enlarged = noise.repeat(4, axis=1).repeat(4, axis=2)
    return enlarged[:, :height, :width].astype(np.float32)
