"""What is measured: a model that embeds photos, or embeddings that another program saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path

from facesdk.detection.registry import DEFAULT_DETECTOR, load_detector
from facesdk.errors import InputError, require_extra
from facesdk.evaluation.embedded import EmbeddedSet, embed_set
from facesdk.evaluation.sets.verification_set import VerificationSet
from facesdk.models import registry
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import Contract
from facesdk.progress import Progress, unwatched
from facesdk.recognition.embedding import CropEmbedder, Embedder
from facesdk.recognition.saved_embeddings import SavedEmbeddings

EMBEDDER_GROUP = "facesdk.embedders"
"""Entry points of packages that load other models than ``.tflite`` files, by kind."""

ALIGNED = "aligned crops"
"""Stands for the detector where the images are aligned crops."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What was measured.

    Attributes:
        model: Name of the model; empty if unknown.
        model_id: SHA-256 (hex) of its weights; empty if unknown.
        detector: Identifies the detector and its settings, or says that there was none.
        template: Alignment template of the crops; empty if unknown.
        flip: Whether an embedding is that of the crop and of its mirror image, concatenated; None
            if unknown.
    """

    model: str
    model_id: str
    detector: str
    template: str
    flip: bool | None


def load_model(
    name: str,
    *,
    contract: Contract | None = None,
    flip: bool | None = None,
    custom: Sequence[str] = (),
    trust: bool = False,
    threads: int = 1,
) -> CropEmbedder | SavedEmbeddings:
    """Load what can be measured.

    Args:
        name: A packaged model, a ``.tflite`` or ``.tflite.pack`` file, a finished run, a Keras
            model, or saved embeddings (``.npz``).
        contract: How to feed a file that carries no contract.
        flip: Whether to concatenate the embeddings of a crop and of its mirror image; None as the
            contract says.
        custom: Names of a Keras model's own classes and functions, each as ``module:Name``. Their
            modules are imported.
        trust: Whether to run a ``.tflite`` file without a probe (:mod:`facesdk.runtime.probe`), and
            the code that a Keras model has inside.
        threads: Threads the runtime may use, at least 1.

    Raises:
        ModelError: It is not a usable model.
        InputError: It is not a file of saved embeddings, or what is given does not go with it.
        DependencyError: A Keras model needs an extra that is missing.
    """
    path = registry.resolve(name)
    suffix = path.suffix.lower()
    keras = path.is_dir() or suffix in (".keras", ".h5", ".hdf5")
    if custom and not keras:
        raise InputError(f"--custom goes with a Keras model, but {path} is none")
    if suffix == ".npz":
        if contract is not None or flip is not None:
            raise InputError("saved embeddings need neither --contract nor --flip")
        return SavedEmbeddings.load(path)
    if keras:
        require_extra("tensorflow", extra="train")
        (loader,) = entry_points(group=EMBEDDER_GROUP, name="keras")
        embedder: CropEmbedder = loader.load()(path, contract, flip, custom, trust=trust)
        return embedder
    bundle = ModelBundle.load(path, trust=trust)
    agreed = contract or bundle.contract
    if flip is not None:
        agreed = agreed.with_flip(flip)
    return Embedder(bundle, agreed, threads=threads)


def embed(
    pairs: VerificationSet,
    model: CropEmbedder | SavedEmbeddings,
    *,
    detector: str = DEFAULT_DETECTOR,
    threads: int = 1,
    cache: Path | None = None,
    progress: Progress = unwatched,
) -> tuple[Subject, EmbeddedSet]:
    """The vectors of a set's images, by a model and a detector, or as they were saved.

    Args:
        pairs: The set.
        model: From :func:`load_model`.
        detector: Name of the detector, a key of :data:`facesdk.detection.registry.DETECTORS`. It
            looks for all faces, as the rule that chooses one needs them.
        threads: Threads the detector may use, at least 1.
        cache: See :func:`facesdk.evaluation.embedded.embed_set`; ``progress`` likewise.
        progress: See ``cache``.

    Raises:
        InputError: An image cannot be read or has no saved embedding, or the cache fails.
        ModelError: The model fails on a crop.
    """
    if isinstance(model, SavedEmbeddings):
        embedded = EmbeddedSet(model.of(pairs.names), model.faceless_of(pairs.names))
        return Subject(model.model, model.model_id, "saved embeddings", "", None), embedded
    finder = None if pairs.aligned else load_detector(detector, threads=threads)
    subject = Subject(
        model.name,
        model.model_id,
        ALIGNED if finder is None else finder.id,
        model.template,
        model.contract.flip_concatenation,
    )
    return subject, embed_set(pairs, model, finder, cache=cache, progress=progress)
