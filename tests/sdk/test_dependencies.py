"""What is said of a library that is missing or broken, and that our own bugs stay bugs."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from pathlib import Path

import pytest

from facesdk import dependencies
from facesdk.dependencies import (
    LIBRARIES,
    broken_library,
    import_library,
    naming_broken_libraries,
    remedy,
)
from facesdk.errors import DependencyError, InputError

ROOT = Path(__file__).parents[2]
RUNTIMES = {"ai-edge-litert", "tflite-runtime"}


OF_EXTRAS = {
    "serve": {"cryptography", "fastapi", "prometheus_client", "pydantic", "starlette", "uvicorn"},
}
"""Rooms that only the verb of an extra's name loads, and what the extra brings for them."""


def library(folder: Path, monkeypatch: pytest.MonkeyPatch, content: str) -> str:
    """The name of a library in a folder; it is forgotten after the test."""
    name = "lib_" + re.sub(r"\W", "_", folder.name)
    (folder / f"{name}.py").write_text(content)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, name, raising=False)
    return name


def imported(package: Path) -> set[str]:
    """Libraries that a package imports; not those of which it asks first whether they are there."""
    names: set[str] = set()
    for path in package.rglob("*.py"):
        if path.relative_to(package).parts[0] in OF_EXTRAS:
            continue
        tree = ast.parse(path.read_text())
        optional = set(re.findall(r'(?:require_extra|find_spec)\("(\w+)"', path.read_text()))
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found = {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found = {node.module.partition(".")[0]}
            else:
                continue
            names |= found - optional
    return names - sys.stdlib_module_names - {"facesdk"}


def test_every_library_of_the_device_side_is_known() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    table = re.search(r"^dependencies = \[\n(.*?)^\]", text, re.M | re.S)
    assert table
    required = set(re.findall(r'^\s+"([\w-]+)', table[1], re.M))
    assert set(LIBRARIES.values()) <= required - RUNTIMES
    assert {module.partition(".")[0] for module in LIBRARIES} == imported(ROOT / "sdk" / "facesdk")
    for module in LIBRARIES:
        import_library(module)


@pytest.mark.parametrize("room", OF_EXTRAS)
def test_a_room_of_an_extra_imports_what_the_extra_brings(room: str) -> None:
    device = {module.partition(".")[0] for module in LIBRARIES}
    assert imported(ROOT / "sdk" / "facesdk" / room) - device == OF_EXTRAS[room]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("raise ImportError('wrong ELF class: ELFCLASS32')", "wrong ELF class"),
        ("raise OSError('libX-12345678.so: file too short')", "file too short"),
        ("raise RuntimeError('two\\nlines')", "two lines"),
        ("from numpy import no_such_name_at_all", "no_such_name_at_all"),
        ("try:\n  1 / 0\nexcept Exception as e:\n  raise ImportError('advice') from e", "division"),
        ("this is no Python", "invalid syntax"),
    ],
)
def test_a_library_that_fails_on_import_is_named_with_the_remedy(
    content: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = library(tmp_path, monkeypatch, content)
    with pytest.raises(DependencyError) as caught:
        import_library(name)
    text = str(caught.value)
    assert text.startswith(f"{name.replace('_', '-')} cannot be loaded (")
    assert words in text
    assert "pip install" in text
    assert "\n" not in text


@pytest.mark.parametrize(
    "content",
    [
        "try:\n  raise KeyboardInterrupt\nexcept BaseException as e:\n  raise OSError('x') from e",
        "try:\n  raise KeyboardInterrupt\nexcept BaseException:\n  raise RuntimeError('x')",
        "raise ImportError('initialisation failed: KeyboardInterrupt')",
    ],
)
def test_what_a_library_makes_of_an_interruption_is_one(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = library(tmp_path, monkeypatch, content)
    with pytest.raises(KeyboardInterrupt):
        import_library(name)
    with pytest.raises(KeyboardInterrupt), naming_broken_libraries():
        importlib.import_module(name)


def test_a_library_that_is_not_there_has_its_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DependencyError, match=r"pip install no-such-library`") as caught:
        import_library("no_such_library.part")
    assert "not installed" in str(caught.value)
    error = ModuleNotFoundError("No module named '_ctypes'", name="_ctypes")
    assert "install a complete Python" in str(broken_library(error))


def test_what_a_library_needs_is_installed_with_it() -> None:
    needed = {"__name__": "rich.markdown"}
    code = compile("import mdurl_that_is_gone", "markdown.py", "exec")
    message = r"rich \S+ lacks mdurl_that_is_gone.*install rich=="
    with pytest.raises(DependencyError, match=message), naming_broken_libraries():
        exec(code, needed)


def test_a_library_of_the_system_is_not_looked_for_on_pip() -> None:
    reason = "libGL.so.1: cannot open shared object file: No such file or directory"
    assert "apt-file search libGL.so.1" in remedy("pillow", "1", reason)
    own = next(
        file.name
        for file in importlib.metadata.files("pillow") or []
        if ".so" in file.name and "libjpeg" in file.name
    )
    text = remedy("pillow", "1.2", reason.replace("libGL.so.1", own))
    assert text == "run `pip install --force-reinstall --no-deps pillow==1.2`"


def test_a_library_for_another_numpy_is_told_so() -> None:
    text = remedy("scipy", "1.9", "numpy.core.multiarray failed to import")
    assert "built for another NumPy" in text
    assert "numpy<2" in text


@pytest.mark.parametrize(
    "error",
    [
        ImportError("cannot import name 'x' from 'facesdk.files'", name="facesdk.files"),
        ModuleNotFoundError("No module named 'facesdk.none'", name="facesdk.none"),
        ValueError("ours"),
        OSError("a file"),
        InputError("a photo"),
        AttributeError("x", name="x", obj=3),
    ],
)
def test_errors_of_our_own_pass_unchanged(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, naming_broken_libraries():
        raise error
    assert caught.value is error


def test_a_missing_library_of_an_extra_is_installed_by_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dependencies, "installed", lambda module: (module, None))
    error = ModuleNotFoundError("No module named 'cryptography'", name="cryptography")
    said = broken_library(error)
    assert "run `pip install 'facesdk-edge[gallery]'`" in str(said)


def test_a_missing_module_of_ours_is_no_broken_library() -> None:
    with pytest.raises(ModuleNotFoundError), naming_broken_libraries():
        importlib.import_module("facesdk.no_such_module")


def test_an_error_that_a_library_raises_when_called_passes() -> None:
    import numpy as np

    with pytest.raises(ValueError, match="shape"), naming_broken_libraries():
        np.zeros(3).reshape(2, 2)


def test_a_library_of_which_only_the_folder_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hollow_library").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    hollow = dependencies.import_library("hollow_library")
    ours = {"__name__": "facesdk.images.pixels", "hollow": hollow}
    message = "hollow-library cannot be loaded"
    with pytest.raises(DependencyError, match=message), naming_broken_libraries():
        exec("hollow.zeros", ours)


def test_what_a_library_says_on_import_is_shown_once_it_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = library(tmp_path, monkeypatch, "import sys\nprint('out')\nprint('err', file=sys.stderr)")
    import_library(name)
    assert capsys.readouterr() == ("out\n", "err\n")
