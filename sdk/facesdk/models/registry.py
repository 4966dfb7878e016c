"""Finding packaged models by name.

They are ``<task>/<name>.tflite`` in this room, each with its licence beside it.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from facesdk.errors import ModelError
from facesdk.models.bundle import ModelBundle
from facesdk.models.contract import Contract

DEFAULT_RECOGNIZER = "compactfacenet-qb"
ALIASES = {"fast": DEFAULT_RECOGNIZER, "accurate": "mobilefacenet-w7a8"}
"""Names by what a recogniser is chosen for. Embeddings of the two are never compared."""

NEEDED = (DEFAULT_RECOGNIZER, "finder", "mtcnn-onet")
"""The models without which no photo becomes a verdict."""


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A packaged model.

    Attributes:
        path: The file.
        sha256: SHA-256 of the file, hex.
        model_id: What its embeddings go by; None for another model than a recogniser.
        size: Size of the file in bytes.
        contract: The contract in the file.
    """

    path: Path
    sha256: str
    model_id: str | None
    size: int
    contract: Contract

    def to_dict(self) -> dict[str, Any]:
        """The record that ``facesdk models --json`` prints."""
        return {
            "name": self.contract.name,
            "task": self.contract.task,
            "path": str(self.path),
            "sha256": self.sha256,
            "model_id": self.model_id,
            "bytes": self.size,
            "dim": self.contract.dim,
            "thresholds": [asdict(row) for row in self.contract.thresholds],
            "architecture": self.contract.architecture,
            "variant": self.contract.variant,
            "license": self.contract.license,
        }


def packaged() -> tuple[ModelEntry, ...]:
    """Every packaged model, by task and name.

    Raises:
        ModelError: A packaged file is corrupt.
    """
    entries = []
    for path in sorted(_files().values()):
        bundle = ModelBundle.load(path)
        model_id = bundle.model_id if bundle.contract.task == "recognition" else None
        size = len(bundle.content)
        entries.append(ModelEntry(path, bundle.sha256, model_id, size, bundle.contract))
    return tuple(entries)


def resolve(name_or_path: str | os.PathLike[str]) -> Path:
    """The file of a packaged model, by its name or one of :data:`ALIASES`, or the path itself.

    Raises:
        ModelError: Neither a packaged model nor an existing file; the message lists the models.
    """
    files = _files()
    name = ALIASES.get(str(name_or_path), str(name_or_path))
    if name in files:
        return files[name]
    if os.path.exists(name_or_path):
        return Path(name_or_path)
    raise ModelError(
        f"{name_or_path} does not exist: it is neither a file nor a packaged model "
        f"({', '.join([*ALIASES, *sorted(files)])})"
    )


def is_packaged(name: str) -> bool:
    """Whether that is the name of a packaged model, which nobody should write into."""
    return name in ALIASES or name in _files()


def _files() -> dict[str, Path]:
    return {path.stem: path for path in Path(__file__).parent.glob("*/*.tflite")}
