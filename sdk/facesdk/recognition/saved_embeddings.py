"""Embeddings in a file, so that they can be compared and evaluated without the photos.

An ``.npz`` file (NumPy) with ``names`` (text ``(N,)``, the images), ``embeddings`` (float
``(N, D)``), and optionally ``model`` and ``model_id`` (text) and ``undetected`` (bool ``(N,)``, the
images without a detected face). ``facesdk evaluate ... --save-embeddings`` writes one; any other
program may.
"""

from __future__ import annotations

import io
import os
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from facesdk.errors import InputError
from facesdk.files import read_regular, write_atomic
from facesdk.recognition import matching
from facesdk.recognition.npz import read_npz
from facesdk.results import Embedding, FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class SavedEmbeddings:
    """Vectors of named images.

    Example:
        >>> people = {"ann": engine.embed("ann.jpg"), "ben": engine.embed("ben.jpg")}
        >>> SavedEmbeddings.collect(people).save("people.npz")
        >>> SavedEmbeddings.load("people.npz").embeddings()["ann"]

    Attributes:
        names: The images.
        vectors: float32 ``(N, D)``, each row of Euclidean norm 1, or less of an unclear face.
        model: Name of the model that made them; empty if unknown.
        model_id: Its SHA-256 (hex); empty if unknown.
        faceless: bool ``(N,)``, the images in which no face was detected; None if unknown.
    """

    names: tuple[str, ...]
    vectors: FloatArray
    model: str = ""
    model_id: str = ""
    faceless: NDArray[np.bool_] | None = None

    @staticmethod
    def load(path: str | os.PathLike[str]) -> SavedEmbeddings:
        """Read a file; its vectors may have any length above 0.

        Those longer than 1 are normalised, and so are shorter ones where the file names no model:
        those of a model say how clear a face is (:attr:`facesdk.results.Embedding.is_clear`).

        Raises:
            InputError: It cannot be read, is no such file, or a vector has no direction.
        """
        try:
            arrays = read_npz(read_regular(path))
            names, vectors = arrays["names"], arrays["embeddings"]
            faceless = arrays.get("undetected")
            text = {key: str(arrays[key]) if key in arrays else "" for key in _TEXTS}
        except OSError as error:
            raise InputError(f"cannot read the embeddings {path}: {error.strerror}") from None
        except KeyError as error:
            raise InputError(f"{path} is no file of saved embeddings: it lacks {error}") from None
        except ValueError as error:
            raise InputError(f"{path} is no file of saved embeddings: {error}") from None
        if names.ndim != 1 or names.dtype.kind != "U" or vectors.shape[:1] != names.shape:
            raise InputError(
                f"{path}: names must be text (N,) and embeddings (N, D), but got {names.dtype} "
                f"{names.shape} and {vectors.shape}"
            )
        if vectors.ndim != 2 or vectors.dtype.kind != "f" or len(set(names.tolist())) < len(names):
            raise InputError(f"{path}: embeddings must be floats (N, D), each of another name")
        if faceless is not None and (faceless.dtype != bool or faceless.shape != names.shape):
            raise InputError(
                f"{path}: undetected must be truth values (N,), but got {faceless.dtype} "
                f"{faceless.shape}"
            )
        lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
        if not np.isfinite(lengths).all() or not (lengths > 0).all():
            raise InputError(f"{path} has an embedding without a direction")
        kept = np.abs(lengths - 1) < _ROUNDING
        if text["model_id"]:
            kept |= lengths < 1
        rows = np.where(kept, vectors, vectors / lengths).astype(np.float32)
        return SavedEmbeddings(tuple(names.tolist()), rows, **text, faceless=faceless)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a file.

        Raises:
            InputError: It cannot be written.
        """
        stream = io.BytesIO()
        optional = {} if self.faceless is None else {"undetected": self.faceless}
        np.savez(
            stream,
            names=np.array(self.names, dtype=np.str_),
            embeddings=self.vectors,
            model=np.array(self.model),
            model_id=np.array(self.model_id),
            **optional,
        )
        write_atomic(path, stream.getvalue())

    @staticmethod
    def collect(embeddings: Mapping[str, Embedding]) -> SavedEmbeddings:
        """Embeddings of one model by the names of their images, ready to be saved.

        Raises:
            EmbeddingMismatchError: They come from different models.
            InputError: There is none, or a name has a NUL, which NumPy's files do not keep.
        """
        if not embeddings:
            raise InputError("there is no embedding to save")
        for name in embeddings:
            if "\0" in name:
                raise InputError(f"a name of an embedding must have no NUL, but got {name!r}")
        rows = list(embeddings.values())
        for row in rows:
            matching.require_one_model(rows[0], row)
        vectors = np.stack([row.vector for row in rows])
        return SavedEmbeddings(tuple(embeddings), vectors, rows[0].model, rows[0].model_id)

    def embeddings(self) -> dict[str, Embedding]:
        """The embedding of each image, by its name."""
        return {
            name: Embedding(vector, self.model, self.model_id)
            for name, vector in zip(self.names, self.vectors, strict=True)
        }

    def of(self, names: Sequence[str]) -> FloatArray:
        """The vectors of images in their order; names are equal in Unicode's composed form too.

        Raises:
            InputError: An image has none.
        """
        return self.vectors[self._rows(names)]

    def faceless_of(self, names: Sequence[str]) -> NDArray[np.bool_] | None:
        """Which of these images had no detected face; errors as of :meth:`of`."""
        return None if self.faceless is None else self.faceless[self._rows(names)]

    def _rows(self, names: Sequence[str]) -> NDArray[np.int64]:
        composed = {unicodedata.normalize("NFC", name): row for row, name in enumerate(self.names)}
        place = composed | {name: row for row, name in enumerate(self.names)}
        rows = [place.get(name, place.get(unicodedata.normalize("NFC", name))) for name in names]
        missing = [name for name, row in zip(names, rows, strict=True) if row is None]
        if missing:
            raise InputError(
                f"the saved embeddings lack {len(missing)} of {len(names)} images, the first is "
                f"{missing[0]}"
            )
        return np.array(rows, np.int64)


_ROUNDING = 1e-6
"""How far from 1 the length of a float32 unit vector may be: such vectors stay as they are."""

_TEXTS = ("model", "model_id")
