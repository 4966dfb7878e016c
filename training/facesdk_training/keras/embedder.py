"""Keras models where a ``.tflite`` file is expected: to evaluate before converting."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from facesdk.errors import ModelError
from facesdk.models.contract import Contract
from facesdk.models.templates import TEMPLATES, template_of
from facesdk.recognition.embedding import CropEmbedder
from facesdk.results import FloatArray
from facesdk_training.data.crops import INPUT
from facesdk_training.keras import loading
from facesdk_training.keras.loading import LoadedModel


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
        return loading.predict(self._model, pixels)


def load_keras(
    path: Path,
    contract: Contract | None,
    flip: bool | None,
    custom: Iterable[str] = (),
    *,
    trust: bool = False,
) -> KerasEmbedder:
    """Load a finished run of ``facesdk train``, or a saved Keras model, to embed with.

    Args:
        path: See :func:`facesdk_training.keras.loading.load`.
        contract: How to feed it. None for what a run says about itself; for other models, for what
            facesdk trains: RGB, normalised by :data:`facesdk_training.data.crops.INPUT`, in the
            template of the model's input size.
        flip: Whether to concatenate the embedding of the mirror image; None as the contract says.
        custom: See ``path``.
        trust: See ``path``.

    Raises:
        InputError: A run is not finished, or a custom object cannot be imported.
        ModelError: It is not a usable model, or has an input of another size than the templates.
    """
    loaded = loading.load(path, custom, trust=trust)
    agreed = contract or loaded.contract or _default_contract(loaded, path)
    if flip is not None:
        agreed = agreed.with_flip(flip)
    return KerasEmbedder(loaded.model, agreed, loaded.sha256, str(path))


def _default_contract(loaded: LoadedModel, path: Path) -> Contract:
    model = loaded.model
    size = tuple(model.input_shape[1:3])
    template = template_of(size)
    if template is None or len(model.output_shape) != 2:
        raise ModelError(
            f"{path} maps {model.input_shape} to {model.output_shape}: a recognition model maps "
            f"crops of {' or '.join(str(row.size) for row in TEMPLATES.values())} to vectors"
        )
    return Contract(
        name=path.stem if path.stem.isprintable() and path.stem else "keras",
        task="recognition",
        architecture=str(model.name),
        variant="Keras",
        input=replace(INPUT, height=size[0], width=size[1]),
        license="unstated",
        source=str(path),
        source_sha256=loaded.sha256,
        template=template,
        dim=int(model.output_shape[1]),
    )
