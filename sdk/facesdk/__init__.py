"""Face detection, alignment and verification with 1-bit networks on small devices.

>>> from facesdk import FaceEngine
>>> engine = FaceEngine.load()
>>> engine.verify("a.jpg", "b.jpg").same
True

Names are imported on use: ``import facesdk`` loads neither NumPy nor an image library. A library
that is missing or broken raises :class:`facesdk.errors.DependencyError` where a name needs it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from facesdk import errors, results
    from facesdk.engine import FaceEngine
    from facesdk.errors import (
        ContractError,
        DependencyError,
        EmbeddingMismatchError,
        FaceSDKError,
        FaceSDKWarning,
        GalleryError,
        InputError,
        LowQualityError,
        ModelError,
        NoFaceError,
        OperatorLibraryError,
        RuntimeUnavailableError,
        SourceLostError,
    )
    from facesdk.gallery.gallery import Gallery
    from facesdk.gallery.sqlite import SqliteGallery
    from facesdk.models.contract import Contract
    from facesdk.recognition.matching import compare
    from facesdk.recognition.saved_embeddings import SavedEmbeddings
    from facesdk.results import (
        Detections,
        EmbeddedPhoto,
        Embedding,
        Face,
        Match,
        Quality,
        Timings,
        Verification,
    )
    from facesdk.runtime.delegate import load_ops
    from facesdk.version import __version__

__all__ = [
    "Contract",
    "ContractError",
    "DependencyError",
    "Detections",
    "EmbeddedPhoto",
    "Embedding",
    "EmbeddingMismatchError",
    "Face",
    "FaceEngine",
    "FaceSDKError",
    "FaceSDKWarning",
    "Gallery",
    "GalleryError",
    "InputError",
    "LowQualityError",
    "Match",
    "ModelError",
    "NoFaceError",
    "OperatorLibraryError",
    "Quality",
    "RuntimeUnavailableError",
    "SavedEmbeddings",
    "SourceLostError",
    "SqliteGallery",
    "Timings",
    "Verification",
    "__version__",
    "compare",
    "errors",
    "load_ops",
    "results",
]

_HOMES = {
    "Contract": "facesdk.models.contract",
    "FaceEngine": "facesdk.engine",
    "FaceSDKWarning": "facesdk.errors",
    "Gallery": "facesdk.gallery.gallery",
    "SavedEmbeddings": "facesdk.recognition.saved_embeddings",
    "SqliteGallery": "facesdk.gallery.sqlite",
    "__version__": "facesdk.version",
    "compare": "facesdk.recognition.matching",
    "load_ops": "facesdk.runtime.delegate",
}
_MODULES = ("errors", "results")


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'facesdk' has no attribute {name!r}")
    from facesdk.dependencies import naming_broken_libraries

    with naming_broken_libraries():
        if name in _MODULES:
            return importlib.import_module(f"facesdk.{name}")
        home = "facesdk.errors" if name.endswith("Error") else _HOMES.get(name, "facesdk.results")
        return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
