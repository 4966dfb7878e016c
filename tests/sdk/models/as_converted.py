"""Packaged models as the converter wrote them."""

from __future__ import annotations

from pathlib import Path

from facesdk.models.bundle import ModelBundle, contract_offset


def as_converted(path: Path) -> ModelBundle:
    """The file as it was before it was given another contract."""
    bundle = ModelBundle.load(path)
    original = bundle.contract.original
    if original is None:
        return bundle
    content = bytearray(bundle.content[: original.bytes])
    at = contract_offset(bundle)
    content[at : at + 4] = original.offset.to_bytes(4, "little")
    return ModelBundle.from_bytes(bytes(content), path)
