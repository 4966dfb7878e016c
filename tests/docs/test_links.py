"""README, CHANGELOG and docs: links, anchors, and every file and module they name exist.

The pages are read as plain Markdown on a code host, so anchors are those that GitHub gives.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "rpi/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
IDS = [str(page.relative_to(ROOT)) for page in PAGES]
PACKAGES = {
    "facesdk": ROOT / "sdk",
    "facesdk_training": ROOT / "training",
    "facesdk_converters": ROOT / "converters",
    "tools": ROOT,
}
# Where a path in a sentence may begin.
BASES = [
    ROOT,
    *(ROOT / name for name in ("sdk", "training", "converters", "tests", "docs")),
    ROOT / "sdk" / "native",
    ROOT / "sdk" / "native" / "src",
    ROOT / "sdk" / "native" / "src" / "kernels",
]
SOURCES = r"\.(?:py|md|c|h|inc|cmake|toml)"
FOLDERS = r"(?:sdk|training|converters|tools|tests|docs)/"
# Names that pages use with a dot and that are no modules.
NO_MODULES = {"facesdk.commands", "facesdk.commands.models", "facesdk.embedders", "facesdk.json"}

every_page = pytest.mark.parametrize("page", PAGES, ids=IDS)


def without_fences(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def links(page: Path) -> list[str]:
    prose = re.sub(r"`[^`\n]*`", "code", without_fences(page.read_text()))
    return re.findall(r"\]\(([^()\s]*(?:\([^()\s]*\))?[^()\s]*)\)", prose)


def anchors(page: Path) -> set[str]:
    """What GitHub makes of headings: lower case, no punctuation, a hyphen for each space."""
    seen: dict[str, int] = {}
    names = set()
    for heading in re.findall(r"^#+ +(.+?) *$", without_fences(page.read_text()), re.MULTILINE):
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        name = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        count = seen.get(name, 0)
        seen[name] = count + 1
        names.add(name if count == 0 else f"{name}-{count}")
    return names


def code(page: Path) -> Iterator[str]:
    """Code spans, and the words of fenced blocks."""
    text = page.read_text()
    yield from re.findall(r"`([^`\n]+)`", without_fences(text))
    for block in re.findall(r"^```\w*\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
        yield from block.split()


def test_the_index_of_decisions_has_each_of_them() -> None:
    folder = ROOT / "docs" / "build" / "decisions"
    texts = [page.read_text() for page in folder.glob("*.md") if page.name != "index.md"]
    made = [row for text in texts for row in re.findall(r"^## (\d+)\. ", text, re.MULTILINE)]
    listed = re.findall(r"^\| (\d+) \|", (folder / "index.md").read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(made)


@every_page
def test_every_relative_link_and_anchor_resolves(page: Path) -> None:
    broken = []
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        outside = path.startswith("/") or not target.is_relative_to(ROOT)
        lost = anchor and (target.suffix != ".md" or anchor not in anchors(target))
        if outside or not target.exists() or lost:
            broken.append(link)
    assert broken == []


@every_page
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    missing = []
    for span in code(page):
        for path in re.findall(r"[\w./*-]+", span):
            named = re.fullmatch(rf"[\w.-]+/[\w./-]+{SOURCES}", path) or (
                re.match(FOLDERS, path) and re.search(r"/\w", path)
            )
            if not named or re.search(r"[A-Z]{4}|\*", path) or path.startswith(("build/", "/")):
                continue
            if not any((base / path).exists() for base in BASES):
                missing.append(path)
    assert missing == []


def module_of(name: str) -> tuple[Path, list[str]] | None:
    """The file of the longest prefix of a dotted name that is a module, and the rest of it."""
    parts = name.split(".")
    base = PACKAGES[parts[0]]
    for length in range(len(parts), 0, -1):
        path = base.joinpath(*parts[:length])
        for file in (path.with_suffix(".py"), path / "__init__.py", path / "__main__.py"):
            if file.is_file():
                return file, parts[length:]
        if path.is_dir():  # a folder without __init__.py, as in tools
            return path, parts[length:]
    return None


def defines(file: Path, name: str) -> bool:
    if file.is_dir():
        return False
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            return True
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id == name:
            return True
        if isinstance(node, ast.alias) and (node.asname or node.name) == name:
            return True
        if isinstance(node, ast.Constant) and node.value == name:  # a table of lazy names
            return True
    return False


def exists(name: str) -> bool:
    found = module_of(name)
    if found is None:
        return False
    file, rest = found
    return not rest or defines(file, rest[0])


@every_page
def test_every_module_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text()
    names = re.findall(r"python3? -m (tools[\w.]+)", text)
    for span in code(page):
        names += re.findall(
            r"(?<![\w./-])((?:facesdk|facesdk_training|facesdk_converters)\.[a-zA-Z_][\w.]*)", span
        )
    for module, imported in re.findall(
        r"from ((?:facesdk|facesdk_\w+)[\w.]*) import ([\w, ]+)", text
    ):
        names += [f"{module}.{name.strip()}" for name in imported.split(",") if name.strip()]
    missing = [
        name
        for name in (each.rstrip(".") for each in names)
        if name not in NO_MODULES
        and not re.search(r"\.(?:schema\.)?(?:json|so|tflite|toml|py|onnx)$", name)
        and not exists(name)
    ]
    assert missing == []


def test_a_reader_who_follows_links_from_the_readme_finds_every_page() -> None:
    found: set[Path] = set()
    waiting = [ROOT / "README.md", ROOT / "CHANGELOG.md"]
    while waiting:
        page = waiting.pop()
        found.add(page)
        for link in links(page):
            target = (page.parent / link.partition("#")[0]).resolve()
            if target.suffix == ".md" and target in PAGES and target not in found:
                waiting.append(target)
    assert set(PAGES) - found == set()


def test_every_page_that_the_code_names_exists() -> None:
    missing = []
    for top in ("sdk", "training", "converters", "tools", "tests"):
        for file in (ROOT / top).rglob("*"):
            if not file.is_file() or file.suffix in {".pyc", ".tflite", ".npz", ".jpg", ".onnx"}:
                continue
            try:
                text = file.read_text()
            except UnicodeDecodeError:
                continue
            missing += [
                f"{file.relative_to(ROOT)}: {page}"
                for page in re.findall(r"\bdocs/[\w/-]+\.md", text)
                if not (ROOT / page).is_file()
            ]
    assert missing == []
