from __future__ import annotations

import dataclasses

import pytest

from facesdk.errors import ContractError, FaceSDKError, InputError
from facesdk.models import registry
from facesdk.models.contract import Contract
from facesdk.models.contract_editing import EDITABLE, edit

CONTRACT = next(
    entry.contract for entry in registry.packaged() if entry.contract.task == "recognition"
)
FIELDS = [field.name for field in dataclasses.fields(Contract)]


@pytest.mark.parametrize("field", EDITABLE)
def test_words_change_alone(field: str) -> None:
    changed = edit(CONTRACT, {field: "other words, Größe"})
    assert getattr(changed, field) == "other words, Größe"
    assert dataclasses.replace(changed, **{field: getattr(CONTRACT, field)}) == CONTRACT


def test_several_fields_at_once() -> None:
    changed = edit(CONTRACT, {"name": "a", "license": "MIT"})
    assert (changed.name, changed.license) == ("a", "MIT")


@pytest.mark.parametrize("field", sorted(set(FIELDS) - set(EDITABLE)))
def test_every_other_field_is_refused_with_a_reason(field: str) -> None:
    with pytest.raises(InputError, match=f"^{field} cannot be changed: .{{15,}}license"):
        edit(CONTRACT, {field: "1"})


@pytest.mark.parametrize("field", ["input.mean", "input.scale", "thresholds.0.similarity"])
def test_parts_of_other_fields_are_refused_with_the_same_reason(field: str) -> None:
    with pytest.raises(InputError, match=f"^{field} cannot be changed"):
        edit(CONTRACT, {field: "1"})


@pytest.mark.parametrize("field", ["nmae", "", "name.first", "Name"])
def test_unknown_fields_are_named(field: str) -> None:
    with pytest.raises(InputError, match=f"no field '{field}'"):
        edit(CONTRACT, {field: "1"})


@pytest.mark.parametrize(
    ("field", "words"), [("name", ""), ("name", "two\nlines"), ("source", "\udce9")]
)
def test_words_that_a_contract_does_not_take(field: str, words: str) -> None:
    with pytest.raises(ContractError, match=field):
        edit(CONTRACT, {field: words})


def test_one_refused_field_refuses_all() -> None:
    with pytest.raises(FaceSDKError):
        edit(CONTRACT, {"name": "new", "dim": "3"})
