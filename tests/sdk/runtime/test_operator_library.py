"""The binding against the header that documents the C interface."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path
from typing import Any

import pytest

from facesdk.errors import OperatorLibraryError
from facesdk.runtime import operator_library as binding

HEADER = Path(__file__).parents[3] / "sdk" / "native" / "include" / "facesdk_ops.h"
TEXT = re.sub(r"/\*.*?\*/", "", HEADER.read_text(), flags=re.DOTALL)
STRUCTURES = {
    "facesdk_error": binding.Error,
    "facesdk_bconv2d_options": binding.BConv2DOptions,
    "facesdk_bmaxpool2d_options": binding.BMaxPool2DOptions,
    "facesdk_binary_conv2d_options": binding.BinaryConv2DOptions,
    "facesdk_profile_event": binding.ProfileEvent,
}
NUMBERS = {
    "int": ctypes.c_int, "int32_t": ctypes.c_int32, "uint32_t": ctypes.c_uint32,
    "uint64_t": ctypes.c_uint64, "size_t": ctypes.c_size_t, "float": ctypes.c_float,
    "facesdk_status": ctypes.c_int, "facesdk_type": ctypes.c_int,
}  # fmt: skip


def kind(declaration: str) -> Any:
    """The ctypes type of a C declaration; pointers to plain data are addresses."""
    words = declaration.replace("const ", "").strip()
    if words.endswith("[4]"):
        return binding.Shape
    if words.startswith("char *"):
        return ctypes.c_char_p
    base, stars = words.split()[0].rstrip("*"), words.count("*")
    if stars == 2:
        return ctypes.POINTER(ctypes.c_void_p)
    if stars == 1:
        options = base in STRUCTURES and base != "facesdk_profile_event"
        return ctypes.POINTER(STRUCTURES[base]) if options else ctypes.c_void_p
    return None if base == "void" else NUMBERS[base]


DECLARED = {
    match["name"]: (
        kind(match["result"]),
        tuple(kind(row) for row in match["arguments"].split(",") if row.strip() != "void"),
    )
    for match in re.finditer(
        r"FACESDK_OPS_API (?P<result>[\w ]+?[ *]+)(?P<name>facesdk_\w+)\((?P<arguments>[^)]*)\);",
        TEXT,
    )
}


def test_every_function_has_its_signature() -> None:
    assert len(DECLARED) == TEXT.count("FACESDK_OPS_API ") - TEXT.count("#define FACESDK_OPS_API ")
    assert binding.SIGNATURES == DECLARED


@pytest.mark.parametrize("name", STRUCTURES)
def test_every_structure_has_its_fields(name: str) -> None:
    body = re.search(rf"typedef struct {name} {{(.*?)}} {name};", TEXT, re.DOTALL)
    assert body is not None
    expected = []
    for statement in filter(str.strip, body[1].split(";")):
        base, _, fields = statement.strip().partition(" ")
        for field in fields.split(","):
            array = re.fullmatch(r"\s*(\w+)\[(\d+)\]", field)
            if array:
                expected.append((array[1], ctypes.c_char * int(array[2])))
            else:
                expected.append((field.strip(), NUMBERS[base]))
    assert list(STRUCTURES[name]._fields_) == expected


def test_the_constants_are_those_of_the_header() -> None:
    values = {name: int(value) for name, value in re.findall(r"(FACESDK_\w+) = (\d+)", TEXT)}
    assert [values[f"FACESDK_{name}"] for name in ("FLOAT32", "INT8", "BOOL", "BITS")] == [
        binding.FLOAT32, binding.INT8, binding.BOOL, binding.BITS,
    ]  # fmt: skip
    assert (values["FACESDK_SAME"], values["FACESDK_VALID"]) == (binding.SAME, binding.VALID)
    names = ("NONE", "RELU", "RELU_N1_TO_1", "RELU6")
    assert [values[f"FACESDK_ACTIVATION_{name}"] for name in names] == [
        binding.NO_ACTIVATION, binding.RELU, binding.RELU_N1_TO_1, binding.RELU6,
    ]  # fmt: skip
    assert values["FACESDK_INVALID_ARGUMENT"] == binding.INVALID_ARGUMENT
    version = re.search(r"#define FACESDK_OPS_ABI_VERSION (\d+)", TEXT)
    assert version is not None and int(version[1]) == binding.ABI_VERSION


def test_another_version_of_the_interface_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binding, "ABI_VERSION", 99)
    binding.open_library.cache_clear()
    try:
        with pytest.raises(OperatorLibraryError, match=r"version 2 of the interface.* needs 99"):
            binding.describe_library()
    finally:
        binding.open_library.cache_clear()
