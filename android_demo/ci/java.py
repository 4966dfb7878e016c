"""Java classes and dex code."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from android_demo.ci import archive, project
from android_demo.ci.errors import ToolError
from android_demo.ci.tools import run

LINT = "-Xlint:all,-options,-processing,-serial,-try,-classfile,-path"
"""Warnings that fail the build; ``options`` would complain of Java 8."""
_UNSAID = re.compile(r"warning: no @(param|return|throws)\b")
"""Comments are sentences that say what is taken and returned; to repeat it is not asked for."""


def sources(*folders: Path) -> tuple[Path, ...]:
    """The Java files of folders, sorted.

    Raises:
        ToolError: A folder has none.
    """
    found: list[Path] = []
    for folder in folders:
        files = sorted(folder.rglob("*.java"))
        if not files:
            raise ToolError(f"{folder} has no Java file")
        found += files
    return tuple(found)


def class_path(*entries: Path) -> str:
    """Entries as one argument."""
    return os.pathsep.join(map(str, entries))


def compile_classes(
    files: Iterable[Path], path: Iterable[Path], output: Path, *, release: int = 8
) -> None:
    """Compile Java files; a warning is an error.

    Raises:
        ToolError: The compiler complained; the message has what it said.
    """
    output.mkdir(parents=True, exist_ok=True)
    run(
        *("javac", "--release", str(release), "-encoding", "UTF-8", "-proc:none"),
        *(LINT, "-Werror", "-parameters", "-cp", class_path(*path), "-d", output),
        *files,
    )


def write_jar(target: Path, folder: Path, more: Iterable[archive.Entry] = ()) -> None:
    """Put the files of a folder, and more, into a jar whose bytes repeat."""
    archive.write(target, (*archive.from_folder(folder), *more))


def write_javadoc(files: Iterable[Path], path: Iterable[Path], output: Path) -> None:
    """Write the pages of the public classes; their bytes repeat.

    Raises:
        ToolError: A comment is missing or wrong; the message has the lines.
    """
    said = run(
        *("javadoc", "-quiet", "-Xdoclint:all", "-notimestamp", "-Xmaxwarns", "10000"),
        *("--release", "8", "-encoding", "UTF-8", "-docencoding", "UTF-8", "-charset", "UTF-8"),
        *("-cp", class_path(*path), "-d", output, *files),
        errors=True,
    )
    warnings = [line for line in said.splitlines() if "warning:" in line or "error:" in line]
    if wrong := [line for line in warnings if not _UNSAID.search(line)]:
        raise ToolError("javadoc warns:\n" + "\n".join(wrong))


def dex(jars: Iterable[Path], classes: Path, library: Path, d8: Path, output: Path) -> Path:
    """Translate classes to dex code for the lowest API level.

    Args:
        jars: Jars that go in whole.
        classes: Folder with the app's classes.
        library: Android's own classes.
        d8: The jar that has D8.
        output: Folder that gets ``classes.dex``.

    Raises:
        ToolError: D8 failed, or the code did not fit into one file.
    """
    output.mkdir(parents=True, exist_ok=True)
    run(
        *("java", "-cp", d8, "com.android.tools.r8.D8", "--release"),
        *("--min-api", str(project.MIN_SDK), "--lib", library, "--output", output),
        *(*sorted(classes.rglob("*.class")), *jars),
    )
    made = sorted(output.glob("*.dex"))
    if [path.name for path in made] != ["classes.dex"]:
        raise ToolError(f"D8 must write classes.dex alone, but wrote {[p.name for p in made]}")
    return made[0]
