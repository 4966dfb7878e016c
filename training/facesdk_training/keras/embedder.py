"""Keras models where a ``.tflite`` file is expected: to evaluate before converting."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from facesdk.errors import ModelError
from facesdk.models.contract import TEMPLATES, Contract, InputSpec
from facesdk.recognition.embedding import CropEmbedder
from facesdk.results import FloatArray
from facesdk_training.data.crops import PIXEL_MEAN, PIXEL_SCALE
from facesdk_training.keras import finished, registered
from facesdk_training.runs import folder as run_folder

_BATCH = 32


class KerasEmbedder(CropEmbedder):
    """A Keras model that takes normalised crops and returns an embedding each.

    Args:
        model: The model.
        contract: How to feed it.
        model_id: SHA-256 (hex) of its weights.
        source: What error messages call it.

    Raises:
        ContractError: The contract is not for recognition.
        ModelError: The model's input or output differs from the contract.
    """

    def __init__(self, model: Any, contract: Contract, model_id: str, source: str) -> None:
        super().__init__(contract, model_id, source)
        got = (tuple(model.input_shape[1:]), tuple(model.output_shape[1:]))
        if got != (self._crop_shape, (self.network_dim,)):
            raise ModelError(
                f"{source} must map {self._crop_shape} to {(self.network_dim,)} as its contract "
                f"says, but maps {got[0]} to {got[1]}"
            )
        self._model = model

    def forward(self, pixels: FloatArray) -> FloatArray:
        """See :meth:`facesdk.recognition.embedding.CropEmbedder.forward`."""
        batches = [
            np.asarray(self._model(pixels[start : start + _BATCH], training=False), np.float32)
            for start in range(0, len(pixels), _BATCH)
        ]
        return np.concatenate(batches) if batches else np.empty((0, self.network_dim), np.float32)


def load_keras(path: Path, contract: Contract | None, flip: bool | None) -> KerasEmbedder:
    """Load a finished run of ``facesdk train``, or a saved Keras model.

    Args:
        path: The run folder, a ``.keras`` or whole-model ``.h5`` file, or a SavedModel folder.
        contract: How to feed it; None for what facesdk trains: RGB, normalised by
            :func:`facesdk_training.data.normalise`, in the template of the model's input size.
        flip: Whether to concatenate the embedding of the mirror image; None as the contract says.

    Raises:
        InputError: A run is not finished.
        ModelError: It is not a usable model, or has an input of another size than the templates.
    """
    tf.get_logger().setLevel("ERROR")
    model, model_id = _load(path)
    agreed = contract or _default_contract(model, path, model_id)
    if flip is not None:
        agreed = agreed.with_flip(flip)
    return KerasEmbedder(model, agreed, model_id, str(path))


def _load(path: Path) -> tuple[Any, str]:
    try:
        if (path / run_folder.CONFIG).is_file():
            model_id = run_folder.weights_sha256(path)
            return finished.load(path)[0], model_id
        with keras.utils.custom_object_scope(registered.by_bare_name()):
            return keras.models.load_model(path, compile=False), _digest(path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ModelError(f"{path} is not a usable Keras model or finished run: {reason}") from None


def _default_contract(model: Any, path: Path, model_id: str) -> Contract:
    size = tuple(model.input_shape[1:3])
    template = next((name for name, value in TEMPLATES.items() if value == size), None)
    if template is None or len(model.output_shape) != 2:
        raise ModelError(
            f"{path} maps {model.input_shape} to {model.output_shape}: a recognition model maps "
            f"crops of {' or '.join(map(str, TEMPLATES.values()))} to vectors"
        )
    return Contract(
        name=path.stem if path.stem.isprintable() and path.stem else "keras",
        task="recognition",
        architecture=str(model.name),
        variant="Keras",
        input=InputSpec(*size, color="RGB", mean=PIXEL_MEAN, scale=PIXEL_SCALE),
        license="unstated",
        source=str(path),
        source_sha256=model_id,
        template=template,
        dim=int(model.output_shape[1]),
    )


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    for file in files:
        if file.is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()
