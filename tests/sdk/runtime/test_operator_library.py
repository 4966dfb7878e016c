"""The binding against the headers that document the C interface."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path
from typing import Any

import pytest

from facesdk.errors import OperatorLibraryError
from facesdk.runtime import operator_library as binding

INCLUDE = Path(__file__).parents[3] / "sdk" / "native" / "include"
HEADERS = "".join((INCLUDE / name).read_text() for name in ("facesdk_ops.h", "facesdk_face.h"))
TEXT = re.sub(r"/\*.*?\*/", "", HEADERS, flags=re.DOTALL)
STRUCTURES = {
    "facesdk_error": binding.Error,
    "facesdk_bconv2d_options": binding.BConv2DOptions,
    "facesdk_bmaxpool2d_options": binding.BMaxPool2DOptions,
    "facesdk_binary_conv2d_options": binding.BinaryConv2DOptions,
    "facesdk_profile_event": binding.ProfileEvent,
    "facesdk_image": binding.Image,
    "facesdk_region": binding.Region,
    "facesdk_crop_measures": binding.CropMeasures,
    "facesdk_face": binding.FoundFace,
}
CALLBACKS = {"facesdk_finder": binding.FinderNetworks}
"""Structures with functions in them: their fields are read by tests/native/test_finder_abi.py."""

KNOWN = STRUCTURES | CALLBACKS
ARRAYS = {
    "facesdk_cut_windows": {1}, "facesdk_profile_start": {0}, "facesdk_faces_destroy": {0},
}  # fmt: skip
"""Arguments that point to any number of structures: addresses, by function."""

UNBOUND = {
    "facesdk_upright_rgb", "facesdk_upright_yuv420", "facesdk_align", "facesdk_suppress",
    "facesdk_mtcnn_detect",
}  # fmt: skip
"""Functions that Android uses and Python does not: tests/native/test_face_abi.py calls them."""

NUMBERS = {
    "int": ctypes.c_int, "int32_t": ctypes.c_int32, "uint32_t": ctypes.c_uint32,
    "uint64_t": ctypes.c_uint64, "size_t": ctypes.c_size_t, "float": ctypes.c_float,
    "double": ctypes.c_double, "uint8_t": ctypes.c_uint8, "ptrdiff_t": ctypes.c_ssize_t,
    "facesdk_status": ctypes.c_int, "facesdk_type": ctypes.c_int, "facesdk_border": ctypes.c_int,
}  # fmt: skip


def kind(declaration: str, *, array: bool = False) -> Any:
    """The ctypes type of a C declaration; pointers to plain data and to arrays are addresses."""
    words = declaration.replace("const ", "").strip()
    if words.endswith("[4]"):
        return binding.Shape
    if words.endswith("[6]"):
        return binding.Matrix
    if words.startswith("char *"):
        return ctypes.c_char_p
    base, stars = words.split()[0].rstrip("*"), words.count("*")
    if stars == 2:
        return ctypes.POINTER(ctypes.c_void_p)
    if stars == 1:
        alone = base in KNOWN and not array
        return ctypes.POINTER(KNOWN[base]) if alone else ctypes.c_void_p
    return None if base == "void" else NUMBERS[base]


DECLARED = {
    match["name"]: (
        kind(match["result"]),
        tuple(
            kind(row, array=number in ARRAYS.get(match["name"], ()))
            for number, row in enumerate(match["arguments"].split(","))
            if row.strip() != "void"
        ),
    )
    for match in re.finditer(
        r"FACESDK_OPS_API (?P<result>[\w ]+?[ *]+)(?P<name>facesdk_\w+)\((?P<arguments>[^)]*)\);",
        TEXT,
    )
    if match["name"] not in UNBOUND
}


def test_every_function_has_its_signature() -> None:
    marked = TEXT.count("FACESDK_OPS_API ") - TEXT.count("#define FACESDK_OPS_API ")
    assert len(DECLARED) + len(UNBOUND) == marked
    assert binding.SIGNATURES == DECLARED


@pytest.mark.parametrize("name", STRUCTURES)
def test_every_structure_has_its_fields(name: str) -> None:
    body = re.search(rf"typedef struct {name} {{(.*?)}} {name};", TEXT, re.DOTALL)
    assert body is not None
    expected = []
    text = re.sub(r"/\*.*?\*/", "", body[1].replace("const ", ""), flags=re.DOTALL)
    for statement in filter(str.strip, text.split(";")):
        base, _, fields = statement.strip().partition(" ")
        pointer = fields.startswith("*")
        for field in fields.lstrip("*").split(","):
            array = re.fullmatch(r"\s*(\w+)\[(\d+)\]", field)
            if array:
                kinds = NUMBERS | {"char": ctypes.c_char}
                expected.append((array[1], kinds[base] * int(array[2])))
            else:
                expected.append((field.strip(), ctypes.c_void_p if pointer else NUMBERS[base]))
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
    borders = values["FACESDK_BORDER_FILL"], values["FACESDK_BORDER_EDGE"]
    assert borders == (binding.BORDER_FILL, binding.BORDER_EDGE)
    defined = dict(re.findall(r"#define FACESDK_(\w+) (.+)", TEXT))
    assert int(defined["OPS_ABI_VERSION"]) == binding.ABI_VERSION
    assert int(defined["PIXELS_VERSION"]) == binding.PIXELS_VERSION
    for name in ("MAX_SIDE", "MAX_REACH", "MAX_WARPED_SIDE", "MAX_TENSOR_BYTES"):
        shift = re.fullmatch(r"\((?:\(size_t\))?1 << (\d+)\)", defined[name])
        assert shift is not None and 1 << int(shift[1]) == getattr(binding, name)


@pytest.mark.parametrize(
    ("constant", "message"),
    [
        ("ABI_VERSION", r"version 2 of the interface.* needs 99"),
        ("PIXELS_VERSION", r"version 1 of the pixel pipeline.* needs 99"),
    ],
)
def test_another_version_of_the_interface_is_refused(
    monkeypatch: pytest.MonkeyPatch, constant: str, message: str
) -> None:
    monkeypatch.setattr(binding, constant, 99)
    binding.open_library.cache_clear()
    try:
        with pytest.raises(OperatorLibraryError, match=message):
            binding.describe_library()
    finally:
        binding.open_library.cache_clear()
