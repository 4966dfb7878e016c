"""The fields of a contract: what each may hold, what it means, and who may change it.

One table. :func:`check` validates a contract by it, ``contract.schema.json`` beside this module is
:func:`schema_text` of it (for programs in other languages), and
:mod:`facesdk.models.contract_editing` goes by its last column.
"""

from __future__ import annotations

import json
import reprlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from facesdk.errors import ContractError
from facesdk.models.templates import TEMPLATES

SCHEMA_VERSION = 1
TASKS = ("detection", "recognition", "other")
COLORS = ("RGB", "BGR")
ANY_COLOR = "any"
"""The channel order of a network of the task "other" that has none, or does not tell."""

Json = dict[str, Any]


class Kind(Protocol):
    """What a field may hold."""

    def wanted(self, value: object) -> str | None:
        """None if a value may stand there; else what it must be, in words."""

    def schema(self) -> Json:
        """The same as a JSON schema."""


@dataclass(frozen=True, slots=True)
class Text:
    """A string; with ``line``, one line of printable characters; with ``null``, or None."""

    line: bool = False
    null: bool = False

    def wanted(self, value: object) -> str | None:
        """See :class:`Kind`."""
        if value is None and self.null:
            return None
        if not isinstance(value, str):
            return "a string or null" if self.null else "a string"
        right = not self.line or (value and value.isprintable())
        return None if right else "one line of printable characters"

    def schema(self) -> Json:
        """See :class:`Kind`; Unicode has more unprintable characters than a pattern can list."""
        unprintable = {"pattern": "[\\u0000-\\u001f\\u007f-\\u00a0\\u2028\\u2029]"}
        kind = ["string", "null"] if self.null else "string"
        return {"type": kind, **({"minLength": 1, "not": unprintable} if self.line else {})}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some values."""

    values: tuple[str | None, ...]

    def wanted(self, value: object) -> str | None:
        """See :class:`Kind`."""
        words = ", ".join("null" if row is None else row for row in self.values)
        return None if value in self.values else f"one of {words}"

    def schema(self) -> Json:
        """See :class:`Kind`."""
        return {"enum": list(self.values)}


@dataclass(frozen=True, slots=True)
class Constant:
    """One whole number."""

    value: int

    def wanted(self, value: object) -> str | None:
        """See :class:`Kind`."""
        return None if type(value) is int and value == self.value else str(self.value)

    def schema(self) -> Json:
        """See :class:`Kind`."""
        return {"const": self.value}


@dataclass(frozen=True, slots=True)
class Truth:
    """True or false."""

    def wanted(self, value: object) -> str | None:
        """See :class:`Kind`."""
        return None if isinstance(value, bool) else "true or false"

    def schema(self) -> Json:
        """See :class:`Kind`."""
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a range; ``whole`` ones have no fraction, ``between`` leaves out the ends."""

    low: float
    high: float
    whole: bool = False
    null: bool = False
    between: bool = False

    def wanted(self, value: object) -> str | None:
        """See :class:`Kind`."""
        if (value is None and self.null) or self._holds(value):
            return None
        null, kind = "null or " if self.null else "", "whole number" if self.whole else "number"
        if self.between:
            return f"{null}a {kind} above {self.low:,} and below {self.high:,}"
        return f"{null}a {kind} from {self.low:,} to {self.high:,}"

    def schema(self) -> Json:
        """See :class:`Kind`."""
        kind = "integer" if self.whole else "number"
        prefix = "exclusiveM" if self.between else "m"
        return {
            "type": [kind, "null"] if self.null else kind,
            f"{prefix}inimum": self.low,
            f"{prefix}aximum": self.high,
        }

    def _holds(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return False
        if self.whole and not isinstance(value, int):
            return False
        return self.low < value < self.high if self.between else self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Direction:
    """A vector that is not 0, of any length, or None."""

    most: int

    def wanted(self, value: object) -> str | None:
        """See :class:`Kind`."""
        if value is None or (isinstance(value, tuple) and self._holds(value)):
            return None
        return f"null or a list of 1 to {self.most:,} numbers from -1 to 1 that are not all 0"

    def schema(self) -> Json:
        """See :class:`Kind`."""
        return {
            "type": ["array", "null"],
            "items": {"type": "number", "minimum": -1, "maximum": 1},
            "contains": {"not": {"const": 0}},
            "maxItems": self.most,
        }

    def _holds(self, value: tuple[object, ...]) -> bool:
        right = all(Number(-1, 1).wanted(number) is None for number in value)
        return right and len(value) <= self.most and any(value)


@dataclass(frozen=True, slots=True)
class Part:
    """A record of its own, a key of :data:`PARTS`; with ``many`` any number of them."""

    name: str
    many: bool = False
    null: bool = False

    def wanted(self, value: object) -> str | None:
        """See :class:`Kind`; what is in it, its own fields say."""
        if self.many:
            return None if isinstance(value, tuple) else f"a tuple of {self.name} records"
        return None if self.null or value is not None else f"a record of the kind {self.name}"

    def schema(self) -> Json:
        """See :class:`Kind`."""
        reference = {"$ref": f"#/$defs/{self.name}"}
        return {"type": "array", "items": reference} if self.many else reference


NEEDED = object()
"""The default of a field that must be given."""

_TRAINED = (
    "the network was trained with it and gives wrong results with anything else; convert it again "
    "if the file says it wrong"
)
_MEASURED = "it is measured: `facesdk calibrate` finds it on your photos and writes it"
_WRITTEN = "`facesdk convert` writes it, as evidence of what the file was made from"
_GOES_BY = "facesdk goes by it"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a contract or of a part of it.

    Attributes:
        name: Its name.
        kind: What it may hold.
        meaning: What it says, for people.
        default: Its value where a file leaves it out; :data:`NEEDED` if none may.
        fixed: Why nobody changes it by hand; empty where anybody may.
    """

    name: str
    kind: Kind
    meaning: str
    default: object = NEEDED
    fixed: str = ""


_LONGEST = 1 << 16
_SIDE = Number(1, 1 << 14, whole=True, null=True)
_PAIRS = Number(1, 1 << 60, whole=True)
_COSINE = Number(-1, 1, null=True)
_OFFSET = Number(0, (1 << 32) - 1, whole=True)

CONTRACT = (
    Field("schema_version", Constant(SCHEMA_VERSION), "Version of this record.", fixed=_GOES_BY),
    Field("name", Text(line=True), "The model's name, one line."),
    Field(
        "task",
        Choice(TASKS),
        '"other" is a network that facesdk runs but does not use.',
        fixed=_TRAINED,
    ),
    Field(
        "architecture",
        Text(),
        'Network family, for example "CompactFaceNet".',
        fixed=_GOES_BY,
    ),
    Field(
        "variant",
        Text(),
        '"QB" (1-bit weights and activations), "Q" (1-bit weights), "float".',
        fixed="it states what the network computes with",
    ),
    Field("input", Part("input"), "How pixels become the network's input.", fixed=_TRAINED),
    Field("license", Text(), "SPDX identifier, or words where none fits."),
    Field("source", Text(), "Where the weights come from, in words."),
    Field(
        "source_sha256",
        Text(),
        "SHA-256 (hex) of the weights that were converted.",
        fixed=_WRITTEN,
    ),
    Field(
        "template",
        Choice((*TEMPLATES, None)),
        "Alignment template of the crop: height x width.",
        None,
        fixed=_TRAINED,
    ),
    Field(
        "dim",
        Number(1, _LONGEST, whole=True, null=True),
        "Length of the embedding.",
        None,
        fixed=_TRAINED,
    ),
    Field(
        "flip_concatenation",
        Truth(),
        "Whether the embedding is that of the crop and of its mirror image, concatenated (then "
        "dim counts both).",
        False,
        fixed="its embeddings are of another length; `facesdk calibrate --flip` makes another "
        "model with both",
    ),
    Field(
        "removed_direction",
        Direction(_LONGEST),
        "What is taken out of an embedding, its length of no account: what the photos of one place "
        "have in common. Null: nothing.",
        None,
        fixed="it is measured, and embeddings with and without it do not compare; `facesdk "
        "calibrate --center` makes another model with it",
    ),
    Field(
        "full_norm",
        Number(1e-6, 1e9, null=True),
        "Euclidean norm from which on the network's output stands for a clear face; a shorter one "
        "gives an embedding as much shorter than 1. Null: every embedding has norm 1.",
        None,
        fixed="it is measured: `facesdk calibrate --unclear` finds it on your photos and writes it",
    ),
    Field(
        "thresholds",
        Part("threshold", many=True),
        "Recommended thresholds.",
        (),
        fixed=_MEASURED,
    ),
    Field(
        "thresholds_source",
        Text(),
        "What the thresholds were measured on, in words.",
        "",
        fixed=_MEASURED,
    ),
    Field(
        "thresholds_pixels",
        Number(1, 1 << 31, whole=True, null=True),
        "Version of facesdk's pixel functions that cut the crops of the thresholds; "
        "null or left out where the crops were given.",
        None,
        fixed=_MEASURED,
    ),
    Field(
        "thresholds_detector",
        Text(null=True),
        "What found the faces of these crops: name, digests of the weights, settings; null or left "
        "out where the crops were given.",
        None,
        fixed=_MEASURED,
    ),
    Field(
        "probability",
        Part("probability", null=True),
        "From a similarity to the probability that it is one person; left out where it was not "
        "measured.",
        None,
        fixed=_MEASURED,
    ),
    Field(
        "training_data",
        Text(),
        "What the model was trained on and under which terms, in words.",
        "",
    ),
    Field(
        "conversion",
        Part("conversion", null=True),
        "How the file was made from its source; left out where that is not recorded.",
        None,
        fixed=_WRITTEN,
    ),
    Field(
        "original",
        Part("original", null=True),
        "The file as it was before it was given this contract; left out where that is the file "
        "itself. The id of its embeddings is the SHA-256 of the original.",
        None,
        fixed="it states what the file was, and with it the id of its embeddings",
    ),
)
"""The fields of a contract."""

PARTS = {
    "input": (
        Field("height", _SIDE, "Rows in pixels; null if the network takes any number."),
        Field("width", _SIDE, "Columns, like height."),
        Field(
            "color",
            Choice((*COLORS, ANY_COLOR)),
            f'Channel order; "{ANY_COLOR}" only where task is "other".',
        ),
        Field("mean", Number(-1_000_000, 1_000_000), "Subtracted from each pixel (0 to 255)."),
        Field("scale", Number(1e-6, 1_000_000), "Then divides it."),
    ),
    "threshold": (
        Field("fmr", Number(0, 1, between=True), "The false match rate it aims at."),
        Field(
            "similarity",
            Number(-1, 1),
            "Two embeddings at or above it count as the same person.",
        ),
        Field("fnmr", Number(0, 1), "The false non-match rate measured there."),
        Field("positive_pairs", _PAIRS, "Pairs of one person that it was measured on."),
        Field("negative_pairs", _PAIRS, "Pairs of two people that it was measured on."),
    ),
    "probability": (
        Field(
            "slope",
            Number(0, 1_000_000, between=True),
            "a of 1 / (1 + exp(-(a x similarity + b))).",
        ),
        Field("intercept", Number(-1_000_000, 1_000_000), "b of it."),
        Field("positive_pairs", _PAIRS, "Pairs of one person that it was fitted on."),
        Field("negative_pairs", _PAIRS, "Pairs of two people that it was fitted on."),
    ),
    "original": (
        Field("bytes", _OFFSET, "Its length: so much of the file from its beginning."),
        Field(
            "offset",
            _OFFSET,
            "What its contract's buffer has where this file has the offset of this contract.",
        ),
    ),
    "conversion": (
        Field("target", Text(), "The verb of `facesdk convert`."),
        Field(
            "options",
            Text(),
            "Its options that change the network, as on the command line.",
        ),
        Field(
            "verified",
            Truth(),
            "Whether the file's outputs were compared with the source's on real faces.",
        ),
        Field(
            "min_cosine",
            _COSINE,
            "The cosine that the outputs of each face reached at least.",
            None,
        ),
        Field("median_cosine", _COSINE, "The same for the median over the faces.", None),
    ),
}
"""The fields of its parts."""

_MEANINGS = {
    "input": "How pixels become the network's input: (pixel - mean) / scale, float32 NHWC.",
    "threshold": "A similarity threshold and the evidence for it.",
    "probability": "A logistic fit, for pairs that are as likely of one person as of two.",
    "original": "How to get back the file before its contract was changed.",
    "conversion": "How the file was made from its source.",
}

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
                "description": _MEANINGS[name],
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
