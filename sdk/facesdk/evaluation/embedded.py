"""From the images of a verification set to their vectors."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from facesdk.detection.detector import Detector
from facesdk.errors import InputError
from facesdk.evaluation.crops import locate, located_crop, method
from facesdk.evaluation.sets.verification_set import VerificationSet
from facesdk.evaluation.vector_cache import RowCache
from facesdk.images import decode, pixels
from facesdk.models.templates import TEMPLATES
from facesdk.progress import Progress, unwatched
from facesdk.recognition import alignment
from facesdk.recognition.embedding import CropEmbedder
from facesdk.results import FloatArray
from facesdk.version import __version__

_BATCH = 32


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedSet:
    """The vectors of a set's images, in their order.

    Attributes:
        vectors: float32 ``(N, D)``, embeddings of norm 1 or less.
        faceless: bool ``(N,)``, the photos without a detected face; None if unknown.
        crop: Gives the aligned crop of an image by its place, uint8 RGB; None where only embeddings
            are at hand.
    """

    vectors: FloatArray
    faceless: NDArray[np.bool_] | None = None
    crop: Callable[[int], decode.RgbImage] | None = None

    @property
    def undetected(self) -> int | None:
        """Number of photos without a detected face; None if unknown."""
        return None if self.faceless is None else int(self.faceless.sum())


def embed_set(
    pairs: VerificationSet,
    embedder: CropEmbedder,
    detector: Detector | None,
    *,
    cache: Path | None = None,
    progress: Progress = unwatched,
) -> EmbeddedSet:
    """Detect (unless the images are aligned crops), crop and embed every image.

    Args:
        pairs: The set; its ``read`` must be there.
        embedder: The recognition model.
        detector: Finds the faces; may be None for aligned crops.
        cache: Folder that keeps landmarks and embeddings between runs; None for none. Landmarks
            are used again for a detector of equal id, embeddings for an equal model besides.
        progress: Told after each batch of photos.

    Raises:
        InputError: An image cannot be read, or the cache cannot be read or written.
        ModelError: The model fails on a crop.
    """
    if pairs.read is None or (detector is None and not pairs.aligned):
        raise InputError("the set has no images, or no detector to find faces with")
    read = pairs.read
    located = "aligned" if detector is None or pairs.aligned else method(detector)
    landmarks = RowCache(_folder(cache, "landmarks", located), 10)
    identity = (located, embedder.model_id, embedder.contract.to_json())
    embeddings = RowCache(_folder(cache, "embeddings", *identity), embedder.dim)
    digests: list[bytes] = []

    def known(digest: bytes) -> bool:
        return digest in embeddings and (pairs.aligned or digest in landmarks)

    def crop_of(content: bytes, digest: bytes, name: str) -> decode.RgbImage:
        image = decode.decode(io.BytesIO(content), name=name)
        if pairs.aligned:
            return np.ascontiguousarray(
                alignment.central(image, *TEMPLATES[embedder.template].size, name=name)
            )
        if digest not in landmarks and detector is not None:
            landmarks[digest] = locate(detector, image)
        return located_crop(image, landmarks[digest], embedder.template)

    try:
        for start in range(0, len(pairs.names), _BATCH):
            crops: dict[bytes, decode.RgbImage] = {}
            for number in range(start, min(start + _BATCH, len(pairs.names))):
                content = read(number)
                digest = hashlib.sha256(content).digest()
                digests.append(digest)
                if not known(digest) and digest not in crops:
                    crops[digest] = crop_of(content, digest, pairs.names[number])
            if crops:
                vectors = embedder.embed(np.stack(list(crops.values())))
                for digest, vector in zip(crops, vectors, strict=True):
                    embeddings[digest] = vector
            progress(len(digests), len(pairs.names), "photos")
    finally:
        landmarks.save()
        embeddings.save()
    faceless = [d in landmarks and bool(np.isnan(landmarks[d]).any()) for d in digests]
    return EmbeddedSet(
        np.stack([embeddings[digest] for digest in digests]),
        np.array(faceless),
        lambda number: crop_of(read(number), digests[number], pairs.names[number]),
    )


def undetected_text(count: int | None) -> str:
    """The number of photos without a detected face, for people."""
    return "unknown" if count is None else str(count)


def _folder(cache: Path | None, kind: str, *identity: str) -> Path | None:
    """A folder for what is computed alike: by this version, from equal pixels and ``identity``."""
    if cache is None:
        return None
    text = "\n".join((__version__, f"pixels={pixels.VERSION}", *identity))
    return cache / f"{kind}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"
