"""The JSON schema of the contract against the contract itself."""

from __future__ import annotations

import copy
import dataclasses
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contracts import recognition
from facesdk.errors import ContractError
from facesdk.models import contract_fields, contract_rules, registry
from facesdk.models.contract import Contract, Conversion, InputSpec, Threshold
from facesdk.models.templates import TEMPLATES

FILE = Path(contract_fields.__file__).with_name("contract.schema.json")
SCHEMA = json.loads(FILE.read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

RECOGNITION = recognition(
    thresholds=(Threshold(0.01, 0.3, 0.1, 1000, 100_000),),
    conversion=Conversion("lce", "", True, 0.98, 0.9999),
)
NARROW = dataclasses.replace(
    RECOGNITION,
    input=InputSpec(112, 96, "BGR", 0, 1),
    template="arcface-112x96",
    flip_concatenation=True,
    conversion=Conversion("fixed-point", "--bits 4", False),
)
OTHER = dataclasses.replace(
    RECOGNITION,
    task="other",
    input=InputSpec(112, 112, "any", 0.5, 0.25),
    template=None,
    dim=None,
    thresholds=(),
    conversion=None,
)
CENTERED = dataclasses.replace(NARROW, dim=2, removed_direction=(0.25, -1.0), full_norm=14.5)
RECORDS = [json.loads(row.to_json()) for row in (RECOGNITION, NARROW, OTHER, CENTERED)]
RECORDS += [json.loads(entry.contract.to_json()) for entry in registry.packaged()]


def paths(record: Any, prefix: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where a record has values, and where it has none but might have."""
    found = [prefix]
    if isinstance(record, dict):
        for key in [*record, "surprise"]:
            found += paths(record.get(key), (*prefix, key))
    if isinstance(record, list):
        for place, row in enumerate(record):
            found += paths(row, (*prefix, place))
    return found


VALUES = [
    *[None, False, True, 0, -1, 1, 2, 95, 96, 112, 191, 16384, 16385, 65536, 65537, 10**400],
    *[
        1 << 60,
        (1 << 60) + 1,
        0.5,
        -0.5,
        1e-300,
        1e-6,
        9e-7,
        0.999,
        1.5,
        -1.5,
        1e6 + 0.5,
        -1e6 - 0.5,
    ],
    *[*contract_fields.TASKS, *contract_fields.COLORS, "any", *TEMPLATES],
    *["", "two words", "two\nlines", "line\n", "\x7f", "\xa0", "Größe", "脸"],
    *[[], {}, [{}], [RECORDS[0]["thresholds"][0]] * 2, [0, 0.0], [0, 1e-300], [1.5], ["1", 0]],
    *[RECORDS[0]["conversion"], RECORDS[1]["conversion"], RECORDS[1]["input"]],
]
GONE = object()


def changed(record: Any, path: tuple[Any, ...], value: Any) -> Any:
    """A copy with another value somewhere, or without one."""
    *parents, last = path
    result = copy.deepcopy(record)
    holder = result
    for key in parents:
        holder = holder[key]
    if value is not GONE:
        holder[last] = copy.deepcopy(value)
    elif not isinstance(holder, dict) or last in holder:
        del holder[last]
    return result


@st.composite
def changed_records(draw: st.DrawFn) -> Any:
    record = draw(st.sampled_from(RECORDS))
    for _ in range(draw(st.integers(2, 4))):
        path = draw(st.sampled_from(paths(record)[1:]))
        record = changed(record, path, draw(st.sampled_from([*VALUES, GONE])))
    return record


def accepted(record: Any) -> bool:
    """Whether it is a contract, but for a length that a schema cannot say."""
    try:
        Contract.from_json(json.dumps(record))
    except ContractError as error:
        return "removed_direction must have dim = " in str(error)
    return True


def assert_agreement(record: Any) -> None:
    assert accepted(record) == VALIDATOR.is_valid(record), record


@pytest.mark.parametrize("record", RECORDS[:5], ids=lambda record: record["task"])
def test_schema_and_contract_take_the_same_records(record: Any) -> None:
    """Every field of a valid record with every value, and left out."""
    verdicts = set()
    for path in paths(record)[1:]:
        for value in [*VALUES, GONE]:
            other = changed(record, path, value)
            assert_agreement(other)
            verdicts.add(accepted(other))
    assert verdicts == {True, False}


@settings(max_examples=200, deadline=None)
@given(changed_records())
@example([])
@example(None)
@example({})
def test_schema_and_contract_take_the_same_records_with_several_changes(record: Any) -> None:
    assert_agreement(record)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record["name"])
def test_every_packaged_contract_is_valid(record: Any) -> None:
    VALIDATOR.validate(record)


def test_the_file_is_written_from_the_table() -> None:
    """If not: FILE.write_text(contract_rules.schema_text())."""
    assert FILE.read_text() == contract_rules.schema_text()


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (Contract, contract_fields.CONTRACT),
        (InputSpec, contract_fields.PARTS["input"]),
        (Threshold, contract_fields.PARTS["threshold"]),
        (Conversion, contract_fields.PARTS["conversion"]),
    ],
)
def test_the_table_has_the_fields_of_the_contract(
    kind: type, fields: tuple[contract_fields.Field, ...]
) -> None:
    own = {field.name: field.default for field in dataclasses.fields(kind)}
    assert {field.name for field in fields} == set(own)
    for field in fields:
        if field.default is not contract_fields.NEEDED:
            assert own[field.name] == field.default


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    ("kind", "schema"),
    [
        (Contract, SCHEMA),
        (InputSpec, SCHEMA["$defs"]["input"]),
        (Threshold, SCHEMA["$defs"]["threshold"]),
        (Conversion, SCHEMA["$defs"]["conversion"]),
    ],
)
def test_the_schema_has_the_fields_of_the_contract(kind: type, schema: dict[str, Any]) -> None:
    fields = dataclasses.fields(kind)
    assert set(schema["properties"]) == {field.name for field in fields}
    needed = {field.name for field in fields if field.default is dataclasses.MISSING}
    assert set(schema["required"]) == needed | {"schema_version"} & set(schema["properties"])
    for field in fields:
        if "default" in schema["properties"][field.name]:
            default = schema["properties"][field.name]["default"]
            assert field.default == (tuple(default) if isinstance(default, list) else default)


def test_the_version_is_the_one_that_is_written() -> None:
    assert SCHEMA["properties"]["schema_version"]["const"] == contract_fields.SCHEMA_VERSION
    assert SCHEMA["$id"].endswith(f":{contract_fields.SCHEMA_VERSION}")


@pytest.mark.parametrize(
    "change", [{"dim": 192.0}, {"name": "soft\u00adhyphen"}, {"name": "\u200b"}]
)
def test_what_a_schema_cannot_say_is_said_in_its_comment(change: dict[str, Any]) -> None:
    record = {**RECORDS[0], **change}
    VALIDATOR.validate(record)
    assert not accepted(record)
    assert "without a fraction" in SCHEMA["$comment"] and "unprintable" in SCHEMA["$comment"]
