"""Changes to a contract by hand, and which of them are allowed.

Four fields are words for people, which no program goes by, and their author may know better later.
All others state what the network is, or what was measured on it: another value would not change
the network, only make it wrong.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from facesdk.errors import ContractError, InputError
from facesdk.models.contract import Contract

EDITABLE = ("name", "license", "source", "training_data")
"""The fields that :func:`edit` changes."""

_TRAINED = (
    "the network was trained with it and gives wrong results with anything else; convert it again "
    "if the file says it wrong"
)
_MEASURED = "it is measured: `facesdk calibrate` finds it on your photos and writes it"
_WRITTEN = "`facesdk convert` writes it, as evidence of what the file was made from"
_FIXED = {
    "architecture": "facesdk goes by it",
    "conversion": _WRITTEN,
    "dim": _TRAINED,
    "flip_concatenation": _TRAINED,
    "input": _TRAINED,
    "schema_version": "facesdk goes by it",
    "source_sha256": _WRITTEN,
    "task": _TRAINED,
    "template": _TRAINED,
    "thresholds": _MEASURED,
    "thresholds_source": _MEASURED,
    "variant": "it states what the network computes with",
}
"""Why every other field stays as it is."""


def edit(contract: Contract, changes: Mapping[str, str]) -> Contract:
    """A contract with other words in it.

    Args:
        contract: The contract to change; it stays as it is.
        changes: New words by field, for fields of :data:`EDITABLE`.

    Raises:
        InputError: A field may not be changed, or there is no such field; the message says why.
        ContractError: A field does not take those words.
    """
    allowed = f"may be changed: {', '.join(EDITABLE)}"
    for key, words in changes.items():
        field = key.partition(".")[0]
        if field in _FIXED:
            raise InputError(f"{key} cannot be changed: {_FIXED[field]} ({allowed})")
        if key not in EDITABLE:
            raise InputError(f"a contract has no field {key!r} that may be changed ({allowed})")
        if not _is_text(words):
            raise ContractError(f"{key} must be text in UTF-8, but got {words!r}")
    fields: dict[str, Any] = dict(changes)
    return dataclasses.replace(contract, **fields)


def _is_text(words: str) -> bool:
    try:
        words.encode()
    except UnicodeEncodeError:
        return False
    return True
