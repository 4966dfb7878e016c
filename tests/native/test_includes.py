"""The C sources' rooms: who includes whom, how many modules a folder holds, what is a template."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

NATIVE = Path(__file__).parents[2] / "sdk" / "native"
SOURCES = NATIVE / "src"
ROOTS = (NATIVE / "include", SOURCES)
MOST_MODULES = 14
MAY_INCLUDE = {
    "base": {"base"},
    "kernels": {"base", "kernels"},
    "face": {"base", "face"},
    "tflite": {"base", "kernels", "tflite"},
}
"""Rooms of the library, and whose files theirs may include besides the public headers."""

_INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)
_GUARD = re.compile(r"^#ifndef (\w+)\n#define \1$", re.MULTILINE)


def sources() -> Iterator[Path]:
    """Files of the library, without tests."""
    for path in sorted(SOURCES.rglob("*")):
        if path.is_file():
            yield path.relative_to(SOURCES)


def includes(path: Path) -> list[str]:
    """Project files that a file of the library includes, as it writes them."""
    return _INCLUDE.findall((SOURCES / path).read_text())


def wrong_includes(path: Path, names: list[str]) -> list[str]:
    """Those against the house's arrows, each with the reason.

    An operator's kernels know their own folder, base and the headers that lie directly in kernels;
    only those may not know an operator. ``dispatch.c`` names kernels, but includes none.
    """
    wrong = []
    room = path.parts[0]
    for name in names:
        parts = Path(name).parts
        if not any((root / name).is_file() for root in ROOTS):
            wrong.append(f"{path}: {name} is no path from sdk/native/src or sdk/native/include")
        elif len(parts) > 1 and parts[0] not in MAY_INCLUDE[room]:
            wrong.append(f"{path}: {room} may not include {name}")
        elif room == parts[0] == "kernels" and len(parts) > 2 and parts[1] != path.parts[1]:
            wrong.append(f"{path}: an operator may not include {name} of another")
    return wrong


def test_arrows_of_the_includes() -> None:
    wrong = [line for path in sources() for line in wrong_includes(path, includes(path))]
    assert not wrong, "\n".join(wrong)
    assert sum(len(includes(path)) for path in sources()) > 100


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("base/window.c", "kernels/path.h"),
        ("kernels/quantize/quantize.c", "tflite/node.h"),
        ("kernels/quantize/quantize.c", "kernels/bconv2d/bconv2d.h"),
        ("kernels/dispatch.c", "kernels/bconv2d/bconv2d.h"),
        ("face/resize.c", "tflite/node.h"),
        ("tflite/node.c", "../base/error.h"),
        ("base/window.c", "error.h"),
    ],
)
def test_an_include_against_the_arrows_is_found(path: str, name: str) -> None:
    assert wrong_includes(Path(path), [name])


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("kernels/quantize/quantize.c", "base/packing.h"),
        ("kernels/quantize/quantize.c", "kernels/path.h"),
        ("kernels/quantize/avx2.c", "kernels/quantize/bits.inc"),
        ("tflite/node.c", "kernels/path.h"),
        ("tflite/node.c", "facesdk_ops.h"),
    ],
)
def test_an_include_along_the_arrows_is_none(path: str, name: str) -> None:
    assert not wrong_includes(Path(path), [name])


def test_every_source_is_in_a_room() -> None:
    assert {path.parts[0] for path in sources()} <= set(MAY_INCLUDE)
    assert {path.suffix for path in sources()} == {".c", ".h", ".inc"}


@pytest.mark.parametrize("root", [SOURCES, NATIVE / "tests"])
def test_no_folder_has_more_modules_than_one_can_keep_in_mind(root: Path) -> None:
    modules = Counter(path.parent.relative_to(root) for path in root.rglob("*.c"))
    assert modules
    assert {str(folder): count for folder, count in modules.items() if count > MOST_MODULES} == {}


@pytest.mark.parametrize("root", [SOURCES, NATIVE / "tests", NATIVE / "include"])
def test_headers_have_guards_and_only_templates_have_none(root: Path) -> None:
    """A file that may be included once per compilation, after macros are defined, ends in .inc."""
    for path in sorted(root.rglob("*.h")):
        assert _GUARD.search(path.read_text()), f"{path} needs a guard, or is a template: .inc"
    for path in sorted(root.rglob("*.inc")):
        assert not _GUARD.search(path.read_text()), f"{path} has a guard, so it is a header: .h"


def test_no_header_includes_a_template_and_no_module_is_included() -> None:
    for path in sources():
        for name in includes(path):
            assert not name.endswith(".c"), f"{path} includes {name}"
            assert path.suffix != ".h" or not name.endswith(".inc"), f"{path} includes {name}"


@pytest.mark.parametrize(
    ("root", "prefix"), [(SOURCES, "FACESDK_"), (NATIVE / "tests", "FACESDK_TESTS_")]
)
def test_guards_name_their_files(root: Path, prefix: str) -> None:
    for path in root.rglob("*.h"):
        guard = prefix + re.sub(r"\W", "_", str(path.relative_to(root))).upper() + "_"
        assert f"#ifndef {guard}\n" in path.read_text(), f"{path} needs the guard {guard}"
