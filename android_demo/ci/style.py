"""Formatters and linters of the Android sources, from pinned jars; a warning is an error.

    python -m android_demo.ci.style          # what is not as the formatters would write it
    python -m android_demo.ci.style --fix    # write it as they would

google-java-format writes Java (four columns a level, as Android's own sources), ktlint the Gradle
files and the Kotlin samples (``.editorconfig``). Error Prone checks Java while it compiles it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from android_demo.ci import java, project
from android_demo.ci.errors import AndroidError
from android_demo.ci.fetching import fetch
from android_demo.ci.tools import run

_INSIDE = ("api", "code", "comp", "file", "main", "model", "parser", "processing", "tree", "util")
_OFF = {
    "JavaUtilDate": "java.time is there from API level 26 on, the library runs from 24 on",
}
"""Checks of Error Prone that do not suit any of the sources, and why."""
_OFF_IN_TESTS = {
    "PatternMatchingInstanceof": "a suggestion",
    "StringConcatToTextBlock": "a suggestion",
    "StringSplitter": "it recommends a library that is not used here",
}


def java_files() -> tuple[Path, ...]:
    """Every Java file."""
    return tuple(sorted(project.FOLDER.rglob("src/**/*.java")))


def kotlin_files() -> tuple[Path, ...]:
    """Every Kotlin file, build files too."""
    return tuple(sorted([*project.FOLDER.rglob("*.kts"), *project.FOLDER.rglob("src/**/*.kt")]))


def unformatted(*, fix: bool = False) -> tuple[Path, ...]:
    """The Java files that google-java-format would write otherwise; with ``fix`` it does."""
    options = ("--replace",) if fix else ("--dry-run",)
    said = run(
        *("java", *_exports(""), "-cp", java.class_path(*fetch(["errorprone"]).values())),
        *("com.google.googlejavaformat.java.Main", "--aosp", *options, *java_files()),
    )
    return tuple(map(Path, said.splitlines()))


def lint_kotlin(*, fix: bool = False, files: Iterable[Path] | None = None) -> None:
    """Check the Kotlin files with ktlint; with ``fix`` correct what it can first.

    Raises:
        ToolError: A file is not as ktlint would write it; the message names the lines.
    """
    run(
        *("java", "-cp", java.class_path(*fetch(["kotlin"]).values())),
        *("com.pinterest.ktlint.Main", "--log-level=error", *(("--format",) if fix else ())),
        *(kotlin_files() if files is None else files),
        cwd=project.FOLDER,
    )


def error_prone(
    files: Iterable[Path], path: Iterable[Path], output: Path, *, release: int, tests: bool = False
) -> None:
    """Compile Java files with Error Prone's checks.

    Args:
        files: The sources.
        path: Class path.
        output: Folder for the classes.
        release: Level of the language.
        tests: Whether suggestions on style, of which tests have many, are left out.

    Raises:
        ToolError: A check complained; the message has the lines.
    """
    off = [*_OFF, *(_OFF_IN_TESTS if tests else ())]
    output.mkdir(parents=True, exist_ok=True)
    run(
        *("javac", *_exports("-J"), "--release", str(release), "-encoding", "UTF-8"),
        *("-XDcompilePolicy=simple", "--should-stop=ifError=FLOW", "-Xlint:-options", "-Werror"),
        *("-processorpath", java.class_path(*fetch(["errorprone"]).values())),
        " ".join(["-Xplugin:ErrorProne", *(f"-Xep:{name}:OFF" for name in off)]),
        *("-cp", java.class_path(*path), "-d", output, *files),
    )


def _exports(prefix: str) -> tuple[str, ...]:
    """What the compiler's inside must let these tools see."""
    places = [f"jdk.compiler/com.sun.tools.javac.{name}=ALL-UNNAMED" for name in _INSIDE]
    opened = [place for place in places if ".code=" in place or ".comp=" in place]
    return tuple(
        f"{prefix}--add-{how}={place}"
        for how, some in (("exports", places), ("opens", opened))
        for place in some
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--fix", action="store_true", help="write the files as the formatters do")
    given = parser.parse_args(arguments)
    try:
        different = unformatted(fix=given.fix)
        lint_kotlin(fix=given.fix)
    except AndroidError as error:
        print(f"style: {error}", file=sys.stderr)
        return 1
    for path in different:
        print(f"{path} is not formatted: run python -m android_demo.ci.style --fix")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
