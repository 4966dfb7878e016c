"""Aligned crop -> embedding: the recognition network behind its contract."""

from __future__ import annotations

import os
import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import ContractError, FaceSDKWarning, InputError, ModelError
from facesdk.images.pixels import VERSION as PIXELS_VERSION
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import Contract
from facesdk.models.templates import TEMPLATES
from facesdk.recognition.identity import embeddings_id
from facesdk.results import Embedding, FloatArray
from facesdk.runtime.interpreter import check_float_input
from facesdk.runtime.interpreter_pool import InterpreterPool


class CropEmbedder(ABC):
    """A recognition network, of whatever kind, behind its contract.

    Args:
        contract: How to feed it.
        model_id: SHA-256 (hex) of the model file as it was converted
            (:attr:`facesdk.models.bundle.ModelBundle.model_id`), or of the weights of a run. Its
            embeddings go by :func:`facesdk.recognition.identity.embeddings_id` of it.
        source: What error messages call it.

    Raises:
        ContractError: The contract is not for recognition.
    """

    def __init__(self, contract: Contract, model_id: str, source: str) -> None:
        if contract.task != "recognition" or contract.template is None or contract.dim is None:
            raise ContractError(
                f"{source} is a model for {contract.task}, but one for recognition is needed"
            )
        self.contract = contract
        self.model_id = embeddings_id(model_id)
        self.template: str = contract.template
        self.dim: int = contract.dim
        self._crop_shape = (*TEMPLATES[contract.template].size, 3)
        removed = contract.removed_direction
        self._removed = None if removed is None else unit_direction(removed)

    @abstractmethod
    def forward(self, pixels: FloatArray) -> FloatArray:
        """Run the network.

        Args:
            pixels: float32 ``(N, height, width, 3)``, normalised and ordered as the contract says.

        Returns:
            float32 ``(N, network_dim)``.
        """

    @property
    def network_dim(self) -> int:
        """Length of the network's output; half of the embedding's with flip-concatenation."""
        return self.dim // 2 if self.contract.flip_concatenation else self.dim

    @property
    def name(self) -> str:
        """The model's name."""
        return self.contract.name

    def embed(self, crops: NDArray[np.uint8]) -> FloatArray:
        """Embed aligned crops.

        Where the contract says ``flip_concatenation``, the output of each crop is followed by that
        of its mirror image before the whole is normalised (paper, section 4: test protocol). Where
        it names a ``removed_direction``, that is taken out of the unit vector, and the rest brought
        to length 1 again. Where it names a ``full_norm`` and the network's output is shorter, the
        embedding is as much shorter than 1: networks that learn from directions alone give long
        outputs to clear faces (Q. Meng et al., MagFace, CVPR 2021, learns that on purpose), and
        embeddings of unclear ones, which are alike whoever they are of, do not reach a threshold.

        Args:
            crops: uint8 RGB ``(N, height, width, 3)`` in the contract's template size.

        Returns:
            float32 ``(N, dim)``, each row of Euclidean norm 1, or less of an unclear face.

        Raises:
            InputError: The crops have another dtype or shape.
            ModelError: The network returned a vector that has no direction.
        """
        crops = np.asarray(crops)
        if crops.dtype != np.uint8 or crops.ndim != 4 or crops.shape[1:] != self._crop_shape:
            raise InputError(
                f"crops must be a uint8 array with shape (N, {self._crop_shape[0]}, "
                f"{self._crop_shape[1]}, 3), but got {crops.dtype} with shape {crops.shape}"
            )
        vectors = self._forward(crops)
        if self.contract.flip_concatenation:
            vectors = np.concatenate([vectors, self._forward(crops[:, :, ::-1])], axis=1)
        norms = self._norms(vectors, 1e-12)
        unit: FloatArray = vectors / norms
        if self._removed is not None:
            rest = without_direction(unit, self._removed)
            unit = rest / self._norms(rest, 1e-6)
        if self.contract.full_norm is None:
            return unit
        shortened: FloatArray = unit * np.minimum(norms / np.float32(self.contract.full_norm), 1)
        return shortened

    def embed_one(self, crop: NDArray[np.uint8]) -> Embedding:
        """Embed one aligned crop, uint8 RGB ``(height, width, 3)``; errors as in :meth:`embed`."""
        return Embedding(self.embed(np.asarray(crop)[None])[0], self.name, self.model_id)

    def _norms(self, vectors: FloatArray, least: float) -> FloatArray:
        norms: FloatArray = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(norms).all() or (norms < least).any():
            raise ModelError(f"model {self.name} returned an embedding without a direction")
        return norms

    def _forward(self, crops: NDArray[np.uint8]) -> FloatArray:
        return self.forward(self.contract.input.normalise(crops))


class Embedder(CropEmbedder):
    """A recognition network in a ``.tflite`` file that turns aligned crops into embeddings.

    Threads may share one, and it pickles.

    Args:
        bundle: The model file.
        contract: How to feed it.
        threads: Threads the runtime may use, at least 1.
        workers: Threads that may run the network at a time, at least 1; others wait.

    Raises:
        ContractError: The contract is not for recognition.
        ModelError: The network's input or output differs from the contract, or is quantized in a
            way that the file does not state.
    """

    def __init__(
        self, bundle: ModelBundle, contract: Contract, *, threads: int = 1, workers: int = 1
    ) -> None:
        super().__init__(contract, bundle.model_id, str(bundle.path))
        self._interpreters = InterpreterPool(bundle, threads=threads, workers=workers)
        check_float_input(
            self._interpreters.input_shapes, (None, *self._crop_shape), str(bundle.path)
        )
        self._slots = self._interpreters.input_shapes[0][0]
        if [_without_ones(shape) for shape in self._interpreters.output_shapes] != [
            (self._slots, self.network_dim)
        ]:
            raise ModelError(
                f"{bundle.path} must have one output of shape {(self._slots, self.network_dim)} as "
                f"its contract says, but has {self._interpreters.output_shapes}"
            )
        self._given = bundle.quantization("inputs")
        self._returned = bundle.quantization("outputs")

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        contract: Contract | None = None,
        *,
        threads: int = 1,
        workers: int = 1,
        trust: bool = False,
    ) -> Embedder:
        """Load a model file.

        Args:
            path: The ``.tflite`` file.
            contract: Used instead of the one in the file; needed for a file that carries none.
            threads: Threads the runtime may use, at least 1.
            workers: Threads that may run the network at a time, at least 1; others wait.
            trust: Whether to run the file without a probe (:mod:`facesdk.runtime.probe`).

        Raises:
            ModelError: The file is not usable, or is not what the contract says.
            ContractError: There is no contract, or it is not for recognition.
            TypeError: ``contract`` is none; :meth:`Contract.read` reads a file.

        Warns:
            FaceSDKWarning: The thresholds were calibrated with another version of the pixel
                functions.
        """
        if contract is not None and not isinstance(contract, Contract):
            raise TypeError(f"contract must be a Contract, but got {type(contract).__name__}")
        bundle = ModelBundle.load(path, trust=trust)
        contract = contract or bundle.contract
        warn_of_other_pixels(contract)
        return cls(bundle, contract, threads=threads, workers=workers)

    def forward(self, pixels: FloatArray) -> FloatArray:
        """See :meth:`CropEmbedder.forward`; as many crops at a time as the network takes."""
        vectors = np.empty((len(pixels), self.network_dim), np.float32)
        batch = np.zeros((self._slots, *self._crop_shape), np.float32)
        for start in range(0, len(pixels), self._slots):
            count = min(self._slots, len(pixels) - start)
            batch[:count] = pixels[start : start + count]
            given = batch if self._given is None else self._given.quantize(batch)
            (found,) = self._interpreters.run(given)
            if self._returned is not None:
                found = self._returned.dequantize(found)
            vectors[start : start + count] = found.reshape(self._slots, -1)[:count]
        return vectors


def unit_direction(vector: Sequence[float]) -> FloatArray:
    """A vector brought to length 1, float32 ``(D,)``, however small its numbers; not all are 0."""
    scaled = np.asarray(vector, np.float64) / np.abs(vector).max()
    return np.asarray(scaled / np.linalg.norm(scaled), np.float32)


def without_direction(vectors: FloatArray, direction: FloatArray) -> FloatArray:
    """What is left of vectors ``(N, D)`` at right angles to a direction ``(D,)`` of length 1."""
    rest: FloatArray = vectors - np.outer(vectors @ direction, direction)
    return rest


def warn_of_other_pixels(contract: Contract) -> None:
    """Warn if thresholds were measured on crops that this facesdk would cut otherwise."""
    measured = contract.thresholds_pixels
    if measured is not None and measured != PIXELS_VERSION:
        warnings.warn(
            f"the thresholds of {contract.name} were calibrated with version {measured} of the "
            f"pixel functions, and this facesdk has version {PIXELS_VERSION}: what they promise "
            "may not hold; run `facesdk calibrate` again",
            FaceSDKWarning,
            stacklevel=3,
        )


def warn_of_other_detector(contract: Contract, detector: str) -> None:
    """Warn if thresholds were measured on faces that another detector found.

    Args:
        contract: Of the recognition model.
        detector: Identifies what finds the faces now
            (:attr:`facesdk.detection.detector.Detector.id`). The size and number of faces that are
            looked for and turned photos make no other detector of it.
    """
    measured = contract.thresholds_detector
    if measured is not None and _method(measured) != _method(detector):
        warnings.warn(
            f"the thresholds of {contract.name} were calibrated on faces that "
            f"{_method(measured)} found, and the detector is {_method(detector)}: what they "
            "promise may not hold; run `facesdk calibrate` again",
            FaceSDKWarning,
            stacklevel=3,
        )


def _method(detector: str) -> str:
    """What identifies a detector, without its settings: names, digests and revisions."""
    settings = ("min_face=", "max_faces=", "turns=")
    return " ".join(word for word in detector.split() if not word.startswith(settings))


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A batch of vectors as ``(N, dim)``; a last convolution gives ``(N, 1, 1, dim)``."""
    return (*shape[:1], max(shape[1:])) if prod(shape[1:]) == max(shape[1:], default=0) else shape
