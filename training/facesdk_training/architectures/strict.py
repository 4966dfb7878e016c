"""Checks a record against dataclasses without bending its values to their types.

Pydantic takes a text or a truth value for a number where it can. In a file of somebody's wishes
that is a mistake, so only a whole number passes for a number.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")

_WANTED = {
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
}


def checked(adapter: TypeAdapter[T], record: Mapping[str, Any]) -> T:
    """What a record stands for.

    Args:
        adapter: Of a dataclass.
        record: Tables and keys as in a TOML or JSON file; tuples and dataclasses are as good as
            lists and tables.

    Raises:
        pydantic.ValidationError: A key is unknown or missing, or a value has another type.
    """
    text = json.dumps(record, default=_plain)
    return adapter.validate_json(text, strict=True)  # as JSON: its lists may be tuples here


def in_words(problem: Any) -> str:
    """What is wrong with a value, where pydantic's own words are for programmers."""
    wanted = _WANTED.get(problem["type"])
    if wanted is not None:
        return f"{wanted}, but got {json.dumps(problem['input'])}"
    message: str = problem["msg"]
    return message.removeprefix("Value error, ")


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return value.item() if hasattr(value, "item") else str(value)
