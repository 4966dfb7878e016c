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
from facesdk.models.contract_fields import CONTRACT

EDITABLE = tuple(field.name for field in CONTRACT if not field.fixed)
"""The fields that :func:`edit` changes."""

_FIXED = {field.name: field.fixed for field in CONTRACT if field.fixed}
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
