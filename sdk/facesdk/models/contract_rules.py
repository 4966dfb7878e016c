"""What the fields of a contract must be together, and both uses of fields and rules.

:func:`check` validates a contract, and ``contract.schema.json`` beside this module is
:func:`schema_text`, for programs in other languages.
"""

from __future__ import annotations

import json
import reprlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from facesdk.errors import ContractError
from facesdk.models.contract_fields import (
    COLORS,
    CONTRACT,
    MEANINGS,
    NEEDED,
    PARTS,
    SCHEMA_VERSION,
    Field,
)
from facesdk.models.contract_kinds import Json, Part
from facesdk.models.templates import TEMPLATES

_RECOGNITION: dict[str, tuple[object, Any]] = {
    "template": (None, {"type": "null"}),
    "dim": (None, {"type": "null"}),
    "flip_concatenation": (False, {"const": False}),
    "removed_direction": (None, {"type": "null"}),
    "full_norm": (None, {"type": "null"}),
    "thresholds": ((), {"maxItems": 0}),
    "thresholds_pixels": (None, {"type": "null"}),
    "thresholds_detector": (None, {"type": "null"}),
    "probability": (None, False),
}
"""Fields that belong to recognition, each as it is in the contract of another task."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What fields must be together.

    Attributes:
        broken: What is wrong with a record, in words; None if nothing is.
        schema: The same as a JSON schema; empty where that cannot say it.
    """

    broken: Callable[[Any], str | None]
    schema: Json


def _recognition(contract: Any) -> str | None:
    if contract.task == "recognition":
        if contract.template is None:
            return f"template must be one of {', '.join(TEMPLATES)}, but got None"
        return "dim must be a whole number, but got None" if contract.dim is None else None
    for name, (nothing, _) in _RECOGNITION.items():
        if getattr(contract, name) != nothing:
            return f"{name} belongs to recognition, but task is {contract.task!r}"
    return None


def _size(contract: Any) -> str | None:
    if contract.template is None:
        return None
    given, wanted = (contract.input.height, contract.input.width), TEMPLATES[contract.template].size
    if given == wanted:
        return None
    return f"input is {given} but template {contract.template} gives {wanted}"


def _even(contract: Any) -> str | None:
    wrong = contract.flip_concatenation and (contract.dim or 0) % 2
    return "dim must be even where flip_concatenation is true" if wrong else None


def _length(contract: Any) -> str | None:
    direction = contract.removed_direction
    if direction is None or len(direction) == contract.dim:
        return None
    return f"removed_direction must have dim = {contract.dim} numbers, but has {len(direction)}"


def _color(contract: Any) -> str | None:
    if contract.task == "other" or contract.input.color in COLORS:
        return None
    return f"input color must be one of {', '.join(COLORS)}, but got {contract.input.color!r}"


def _evidence(conversion: Any) -> str | None:
    for name in ("min_cosine", "median_cosine"):
        value = getattr(conversion, name)
        if (value is not None) != conversion.verified:
            return (
                f"{name} must be a number where verified is true, and null elsewhere, but got "
                f"{value!r}"
            )
    return None


def _when(condition: Json, then: Json, otherwise: Json | None = None) -> Json:
    return {"if": condition, "then": then, **({"else": otherwise} if otherwise else {})}


def _is(name: str, value: object) -> Json:
    return {"properties": {name: {"const": value}}, "required": [name]}


RULES = {
    "contract": (
        Rule(
            _recognition,
            _when(
                _is("task", "recognition"),
                {
                    "required": ["template", "dim"],
                    "properties": {"template": {"type": "string"}, "dim": {"type": "integer"}},
                },
                {"properties": {name: schema for name, (_, schema) in _RECOGNITION.items()}},
            ),
        ),
        Rule(
            _size,
            {
                "allOf": [
                    _when(
                        _is("template", name),
                        {
                            "properties": {
                                "input": {
                                    "properties": {
                                        "height": {"const": template.height},
                                        "width": {"const": template.width},
                                    }
                                }
                            }
                        },
                    )
                    for name, template in TEMPLATES.items()
                ]
            },
        ),
        Rule(
            _even,
            _when(
                _is("flip_concatenation", True),
                {"properties": {"dim": {"multipleOf": 2}}},
            ),
        ),
        Rule(
            _color,
            _when(
                {"not": _is("task", "other")},
                {"properties": {"input": {"properties": {"color": {"enum": list(COLORS)}}}}},
            ),
        ),
        Rule(_length, {}),
    ),
    "conversion": (
        Rule(
            _evidence,
            _when(
                _is("verified", True),
                {
                    "required": ["min_cosine", "median_cosine"],
                    "properties": {
                        "min_cosine": {"type": "number"},
                        "median_cosine": {"type": "number"},
                    },
                },
                {
                    "properties": {
                        "min_cosine": {"type": "null"},
                        "median_cosine": {"type": "null"},
                    }
                },
            ),
        ),
    ),
}
"""What the fields of a contract, and of a part, must be together."""


def check(contract: Any) -> None:
    """Raise unless every field of a contract, and of its parts, holds what it may.

    Raises:
        ContractError: The message names the first field that does not.
    """
    _check(contract, CONTRACT, "contract", "")


def _check(record: Any, fields: tuple[Field, ...], part: str, prefix: str) -> None:
    for field in fields:
        value = getattr(record, field.name)
        wanted = field.kind.wanted(value)
        if wanted is not None:
            raise ContractError(
                f"the model's contract: {prefix}{field.name} must be {wanted}, but got "
                f"{_short(value)}"
            )
        if isinstance(field.kind, Part) and value is not None:
            for row in value if field.kind.many else (value,):
                _check(row, PARTS[field.kind.name], field.kind.name, f"{field.kind.name} ")
    for rule in RULES.get(part, ()):
        if (words := rule.broken(record)) is not None:
            raise ContractError(f"the model's contract: {prefix}{words}")


def _short(value: object) -> str:
    return reprlib.repr(value) if isinstance(value, tuple) else repr(value)


def schema_text() -> str:
    """The text of ``contract.schema.json``, a JSON schema of draft 2020-12."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:facesdk:contract:{SCHEMA_VERSION}",
        "title": "facesdk model contract",
        "description": "What a .tflite file says about itself in its TFLite metadata buffer "
        "facesdk.json.",
        "$comment": "Written from facesdk/models/contract_fields.py. Three of its rules cannot be "
        "said here: an integer is written without a fraction (112, not 112.0), a name has no "
        "character that Unicode calls unprintable, and removed_direction has dim numbers.",
        **_object(CONTRACT),
        "allOf": [rule.schema for rule in RULES["contract"] if rule.schema],
        "$defs": {
            name: {
                "description": MEANINGS[name],
                **_object(fields),
                **{key: rows for rule in RULES.get(name, ()) for key, rows in rule.schema.items()},
            }
            for name, fields in PARTS.items()
        },
    }
    return json.dumps(schema, indent=2) + "\n"


def _object(fields: tuple[Field, ...]) -> Json:
    return {
        "type": "object",
        "required": [field.name for field in fields if field.default is NEEDED],
        "additionalProperties": False,
        "properties": {field.name: _property(field) for field in fields},
    }


def _property(field: Field) -> Json:
    given = field.default is not NEEDED and not isinstance(field.kind, Part)
    many = isinstance(field.kind, Part) and field.kind.many
    default = {"default": [] if many else field.default} if given or many else {}
    return {"description": field.meaning, **field.kind.schema(), **default}
