"""Numbers and names of our schema against the classes that flatc made of ``schema.fbs``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as generated

from facesdk.tflite.schema import (
    BUILTIN_OPERATORS,
    OPTIONS,
    TABLES,
    TYPES,
    builtin_operator,
    tensor_type,
)

FIELDS = [(table, field) for table, fields in TABLES.items() for field in fields]


class Slots:
    """Stands for a flatbuffers.Builder: notes where a field would be written, and how."""

    def __getattr__(self, name: str) -> Any:
        def write(slot: int, *_: object) -> None:
            self.written = slot, name

        return write


def camel(name: str) -> str:
    words = name.split("_")
    return "".join(word[:1].upper() + word[1:] for word in words)


def numbers_of(enumeration: type) -> dict[str, int]:
    """By name; since Python 3.13 a class has numbers of Python's own too."""
    members = vars(enumeration).items()
    return {name: code for name, code in members if not name.startswith("_")}


@pytest.mark.parametrize(("table", "field"), FIELDS)
def test_a_field_has_its_number_and_kind(table: str, field: str) -> None:
    number, kind = TABLES[table][field]
    slots = Slots()
    getattr(generated, f"{table}Add{camel(field)}")(slots, 0)
    written, how = slots.written
    assert written == number
    scalars = {"i8": "Int8", "u8": "Uint8", "i32": "Int32", "u32": "Uint32", "u64": "Uint64"}
    if kind in scalars:
        names = {scalars[kind], "Bool"} if kind == "u8" else {scalars[kind]}
        assert how in {f"Prepend{name}Slot" for name in names}
    else:
        assert how == "PrependUOffsetTRelativeSlot"


def test_every_vector_and_table_of_a_followed_table_is_known() -> None:
    """What the verifier does not know, it does not check; a runtime may follow it."""
    for table, fields in TABLES.items():
        if table == "Options":
            continue
        known = {number for number, _ in fields.values()}
        for name in vars(generated):
            if name.startswith(f"{table}Add"):
                slots = Slots()
                getattr(generated, name)(slots, 0)
                slot, how = slots.written
                assert slot in known or how != "PrependUOffsetTRelativeSlot", name


def test_operators_have_the_names_of_the_schema() -> None:
    codes = numbers_of(generated.BuiltinOperator)
    assert {name: code for code, name in enumerate(BUILTIN_OPERATORS)} == codes
    assert builtin_operator(-1) == "BUILTIN_-1"
    assert builtin_operator(5000) == "BUILTIN_5000"


def test_types_have_the_names_of_the_schema_and_the_sizes_of_numpy() -> None:
    codes = numbers_of(generated.TensorType)
    assert {name.upper(): code for code, (name, _) in enumerate(TYPES)} == codes
    letters = {np.dtype(letter).name for letter in np.typecodes["All"]}  # none of TensorFlow's
    numpy = {name: bits for name, bits in TYPES if name in letters and bits}
    assert len(numpy) >= 13
    assert {name: 8 * np.dtype(name).itemsize for name in numpy} == numpy
    assert tensor_type(-3) == ("TYPE_-3", 0)


def test_options_have_the_tags_of_the_schema() -> None:
    for tag, name in OPTIONS.items():
        assert getattr(generated.BuiltinOptions, name) == tag
