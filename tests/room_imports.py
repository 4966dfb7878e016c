"""Who may import whom, room by room, as the tables of docs/build/architecture.md say.

A room is a folder, or a module in the package's own folder. Every import counts, also one inside a
function or for types only. A room may import itself, *base* and what its row names; a file in no
room, and an arrow that is in no row, are errors.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "build" / "architecture.md"
PACKAGES = {
    "facesdk": ROOT / "sdk" / "facesdk",
    "facesdk_training": ROOT / "training" / "facesdk_training",
    "facesdk_converters": ROOT / "converters" / "facesdk_converters",
    "tools": ROOT / "tools",
}
BASE = ("errors", "dependencies", "results", "files", "progress", "tracing", "version")
"""The modules in facesdk's own folder that every room of every package may import."""
MOST_MODULES = 14
HEAVY = {"tensorflow", "tf_keras", "keras", "larq", "larq_compute_engine", "torch"}
"""What the device side never imports."""
NOT_EMPTY = {"facesdk", "facesdk.samples", "facesdk_training", "facesdk_converters"}
"""Packages whose ``__init__.py`` has a content: names, paths of photos, the choice of Keras 2."""


def tables() -> dict[str, dict[str, set[str]]]:
    """What each room of each package may import of its own package, from the page's tables."""
    found: dict[str, dict[str, set[str]]] = {}
    every: list[tuple[str, str]] = []
    package = ""
    for line in PAGE.read_text().splitlines():
        if line.startswith("### "):
            package = line[4:]
        elif package in PACKAGES and line.startswith("|"):
            room, _, arrows = (cell.strip() for cell in line.strip("|").split("|"))
            if room == "room" or set(room) == {"-"}:
                continue
            name = room.strip("`").removesuffix(".py")
            names = {arrow.removesuffix(".py") for arrow in re.findall(r"`([\w./]+)`", arrows)}
            found.setdefault(package, {})[name] = names - set(PACKAGES)
            if "every room" in arrows:
                every.append((package, name))
    for package, room in every:
        found[package][room] = set(found[package]) - {room}
    return found


ROOMS = tables()
ROOMS["facesdk"]["__main__"] = {"cli"}
DEVICE = set(ROOMS["facesdk"]) - {
    "engine",
    "gallery",
    "live",
    "live.sources",
    "serve",
    "cli",
    "cli.verbs",
    "__main__",
}
"""Rooms of facesdk that training and converters may import; ``cli`` only from their own."""
CONVERTERS_OF_TRAINING = {"keras", "runs", "architectures", "config"}
ABOVE_TRAINING = {"cli", "compression"}
"""Rooms of the converters that may import any room of training."""


def room_of(package: str, module: str) -> str | None:
    """The room that a module is in, by its name after the package's; None where there is none."""
    parts = module.split(".")
    if package == "facesdk" and parts[0] in BASE:
        return "base"
    names = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((name for name in names if name in ROOMS[package]), None)


def modules(package: str) -> Iterator[tuple[str, Path]]:
    """Every module of a package but its own ``__init__``: name after the package's, and file."""
    folder = PACKAGES[package]
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if name:
            yield name, path


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of each thing that a file imports from our packages."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from ((node.lineno, name) for name in names if name.split(".")[0] in PACKAGES)


def may_import(package: str, room: str, other: str, target: str | None) -> bool:
    """Whether the tables have an arrow from a room to one of the same or of another package."""
    if package == "tools" != other:
        return True
    if target is None:
        return False
    if package == other:
        return target in {room, "base", *ROOMS[package][room]}
    if other == "facesdk":
        return target in DEVICE or (room == "cli" and target == "cli")
    if package == "facesdk_converters" and other == "facesdk_training":
        return room in ABOVE_TRAINING or target in CONVERTERS_OF_TRAINING
    return False


def offences(package: str, room: str) -> list[str]:
    """Every arrow of a room that is in no table, as ``file:line: imports NAME``."""
    found = []
    for module, path in modules(package):
        if room_of(package, module) != room:
            continue
        for line, name in imported(path):
            other, _, rest = name.partition(".")
            if not may_import(package, room, other, room_of(other, rest)):
                found.append(f"{path.relative_to(ROOT)}:{line}: imports {name}")
    return found


@pytest.mark.parametrize(
    ("package", "room"), [(package, room) for package, rooms in ROOMS.items() for room in rooms]
)
def test_a_room_imports_what_its_table_names(package: str, room: str) -> None:
    assert offences(package, room) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_module_is_in_a_room(package: str) -> None:
    homeless = [str(path) for name, path in modules(package) if room_of(package, name) is None]
    assert homeless == []


@pytest.mark.parametrize("package", PACKAGES)
def test_a_folder_is_small_enough_to_be_read(package: str) -> None:
    folders = {path.parent for _, path in modules(package)}
    sizes = {
        str(folder.relative_to(ROOT)): len(set(folder.glob("*.py")) - {folder / "__init__.py"})
        for folder in folders
    }
    assert {name: size for name, size in sizes.items() if size > MOST_MODULES} == {}


@pytest.mark.parametrize("package", ["facesdk", "facesdk_training", "facesdk_converters"])
def test_rooms_have_no_content_of_their_own(package: str) -> None:
    folder = PACKAGES[package]
    filled = {
        ".".join([package, *path.parent.relative_to(folder).parts])
        for path in folder.rglob("__init__.py")
        if path.read_text().strip()
    }
    assert filled <= NOT_EMPTY


def test_the_tables_name_rooms_only() -> None:
    assert set(ROOMS) == set(PACKAGES)
    for package, rooms in ROOMS.items():
        assert set().union(*rooms.values()) <= set(rooms), package


def test_no_arrow_of_the_tables_goes_round() -> None:
    for rooms in ROOMS.values():
        above = {room: names & set(rooms) for room, names in rooms.items()}
        done: set[str] = set()
        while len(done) < len(above):
            free = {room for room, names in above.items() if names <= done} - done
            assert free, f"a circle among {sorted(set(above) - done)}"
            done |= free


@pytest.mark.parametrize("package", PACKAGES)
def test_no_two_modules_import_each_other(package: str) -> None:
    files = dict(modules(package))
    arrows = {
        name: {
            part
            for _, imports in imported(path)
            if imports.startswith(f"{package}.")
            for part in [imports.partition(".")[2], imports.partition(".")[2].rpartition(".")[0]]
            if part in files and part != name
        }
        for name, path in files.items()
    }
    TopologicalSorter(arrows).prepare()  # raises CycleError, which names the circle


def test_the_device_side_imports_no_training_framework() -> None:
    for path in PACKAGES["facesdk"].rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = (
                [alias.name for alias in node.names]
                if isinstance(node, ast.Import)
                else [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else []
            )
            assert not {name.split(".")[0] for name in names} & HEAVY, path


@pytest.mark.parametrize(
    ("package", "room", "name", "allowed"),
    [
        ("facesdk", "models", "facesdk.tflite.graph", True),
        ("facesdk", "tflite", "facesdk.models.bundle", False),
        ("facesdk", "tflite", "facesdk.errors.ModelError", True),
        ("facesdk", "cli", "facesdk.cli.verbs.bench", False),
        ("facesdk", "runtime", "facesdk.FaceEngine", False),
        ("facesdk", "engine", "facesdk_training.config.run", False),
        ("facesdk_training", "keras", "facesdk.engine.FaceEngine", False),
        ("facesdk_training", "cli", "facesdk.cli.output", True),
        ("facesdk_training", "data", "facesdk.cli.options", False),
        ("facesdk_converters", "sources", "facesdk_training.keras.loading", True),
        ("facesdk_converters", "sources", "facesdk_training.data.crops", False),
        ("facesdk_converters", "targets", "facesdk_converters.cli.convert", False),
        ("facesdk_converters", "targets", "facesdk_training.compression.counts", False),
        ("facesdk_converters", "compression", "facesdk_training.compression.counts", True),
        ("tools", "bench", "tools.peers.compare", False),
        ("tools", "peers", "tools.bench.markdown", True),
    ],
)
def test_the_tables_say(package: str, room: str, name: str, allowed: bool) -> None:
    other, _, rest = name.partition(".")
    assert may_import(package, room, other, room_of(other, rest)) is allowed
