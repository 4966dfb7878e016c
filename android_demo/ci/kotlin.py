"""Kotlin classes, as an app that uses the library compiles them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from android_demo.ci import java
from android_demo.ci.fetching import fetch
from android_demo.ci.tools import run

_COMPILER = "org.jetbrains.kotlin.cli.jvm.K2JVMCompiler"


def compile_classes(sources: Mapping[str, str], path: Iterable[Path], folder: Path) -> None:
    """Compile Kotlin; a warning is an error.

    Args:
        sources: Texts by name of the file.
        path: Class path; Kotlin's own library is added.
        folder: Folder that gets the files, and the classes in ``classes``.

    Raises:
        ToolError: The compiler complained; the message has what it said.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, text in sources.items():
        files.append(folder / name)
        files[-1].write_text(text)
    jars = fetch(["kotlin"])
    library = next(jar for name, jar in jars.items() if name.startswith("kotlin-stdlib-2"))
    run(
        *("java", "-cp", java.class_path(*jars.values()), _COMPILER, "-no-stdlib", "-no-reflect"),
        *("-Werror", "-jvm-target", "1.8", "-d", folder / "classes"),
        *("-cp", java.class_path(library, *path), *files),
    )
