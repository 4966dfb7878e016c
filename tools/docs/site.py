"""What `make docs` adds to the Markdown pages: the API reference, no dead links, no foreign hosts.

MkDocs calls the functions below (``hooks`` in ``mkdocs.yml``). The reference has a page per room of
each package, found by walking the folders; mkdocstrings fills it from the docstrings without
importing anything. Names of ``facesdk.__all__`` stand on the first page, and not again in their
rooms. A link to a file outside of ``docs`` works on a code host; the site does not have the file,
so there the words stay and the link goes. A page that would load anything from another host is an
error.
"""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
PACKAGES = {"facesdk": "sdk", "facesdk_training": "training", "facesdk_converters": "converters"}


@dataclass(frozen=True)
class Room:
    """A page of the reference: a folder, or the modules in a package's own folder.

    Attributes:
        package: Its package.
        name: Its path below the package, with dots; empty for the package's own folder.
        modules: Dotted names of its modules, those without a docstring left out.
    """

    package: str
    name: str
    modules: tuple[str, ...]

    @property
    def page(self) -> str:
        """Where its page lies below ``docs``."""
        return f"api/{self.package}/{self.name or 'base'}.md"

    @property
    def title(self) -> str:
        """Its dotted name."""
        return f"{self.package}.{self.name}" if self.name else f"{self.package}: modules on top"


def rooms(package: str) -> Iterator[Room]:
    """The rooms of a package, in alphabetical order, its own folder first."""
    top = ROOT / PACKAGES[package] / package
    for folder in [top, *sorted(path for path in top.rglob("*") if path.is_dir())]:
        name = ".".join(folder.relative_to(top).parts)
        prefix = f"{package}.{name}" if name else package
        modules = [
            f"{prefix}.{file.stem}"
            for file in sorted(folder.glob("*.py"))
            if not file.stem.startswith("__") and ast.get_docstring(ast.parse(file.read_text()))
        ]
        if modules:
            yield Room(package, name, tuple(modules))


def public_names() -> dict[str, str]:
    """Names of ``facesdk.__all__`` and the module that defines each, read from the source."""
    tree = ast.parse((ROOT / "sdk" / "facesdk" / "__init__.py").read_text())
    homes = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module != "__future__"
        for alias in node.names
    }
    (names,) = (
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"
    )
    return {name: homes[name] for name in names if not name.startswith("_")}


def first_page() -> str:
    """The public API: what ``facesdk.__all__`` names."""
    lines = [
        "# The public API\n",
        "`import facesdk` gives these names; they are imported on use. `facesdk.errors` and "
        "`facesdk.results` are [modules on top](facesdk/base.md). Every other module may change "
        "without notice.\n",
    ]
    for name, module in public_names().items():
        if module != "facesdk":  # errors and results, which have a page
            lines.append(f"::: {module}.{name}\n")
    return "\n".join(lines)


def room_page(room: Room) -> str:
    """A room's page: each of its modules, without what the first page shows."""
    hidden = [name for name, home in public_names().items() if home in room.modules]
    filters = ["!^_", *(f"!^{name}$" for name in hidden)]
    lines = [f"# {room.title}\n"]
    if hidden:
        names = ", ".join(f"`{name}`" for name in hidden)
        lines.append(f"{names}: see [the public API](../index.md).\n")
    for module in room.modules:
        lines.append(f"::: {module}\n    options:\n      filters: {filters}\n")
    return "\n".join(lines)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Adds the reference to the navigation."""
    api: list[Any] = ["api/index.md"]
    for package in PACKAGES:
        api.append({package: [{room.title: room.page} for room in rooms(package)]})
    assert config.nav is not None
    config.nav.append({"API": api})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages of the reference, which lie in no folder."""
    from mkdocs.structure.files import File

    files.append(File.generated(config, "api/index.md", content=first_page()))
    for package in PACKAGES:
        for room in rooms(package):
            files.append(File.generated(config, room.page, content=room_page(room)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Leaves out links to files that the site does not have."""
    folder = posixpath.dirname(page.file.src_uri)

    def kept(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(folder, match[2]))
        return match[1] if path.startswith("..") else match[0]

    return re.sub(r"(?<!!)\[([^\[\]]+)\]\(([^()\s:#]+)(?:#[^()\s]*)?\)", kept, markdown)


def fetched(html: str) -> list[str]:
    """What a browser would load from other hosts to show a page; links are none of it."""
    tags = re.findall(r"<(?:script|link|img|iframe|source|video|audio)\b[^>]*>", html)
    found = [
        address
        for tag in tags
        if not re.search(r"""rel=["']?(?:canonical|alternate|next|prev)\b""", tag)
        for address in re.findall(r"""(?:src|href)=["']?((?:https?:)?//[^"'\s>]+)""", tag)
    ]
    # The theme's script loads Mermaid for elements of this class.
    return found + ["unpkg.com/mermaid"] * bool(re.search(r"""class=["']?mermaid\b""", html))


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Refuses a page that loads something from another host."""
    from mkdocs.exceptions import PluginError

    if foreign := fetched(output):
        raise PluginError(f"{page.file.src_uri} loads {', '.join(foreign)}")
    return output
