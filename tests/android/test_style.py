"""Java and Kotlin are formatted, and no checker warns; each check sees a fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from android_demo.ci import java, project, robolectric, style
from android_demo.ci.build import Built
from android_demo.ci.errors import ToolError
from android_demo.ci.fetching import fetch

pytestmark = [pytest.mark.slow, pytest.mark.android]


def test_java_is_as_the_formatter_writes_it() -> None:
    assert style.unformatted() == ()


def test_the_formatter_names_another_layout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "A.java"
    file.write_text("class A { int a ; }\n")
    monkeypatch.setattr(style, "java_files", lambda: (file,))
    assert style.unformatted() == (file,)
    style.unformatted(fix=True)
    assert file.read_text() == "class A {\n    int a;\n}\n"


def test_kotlin_is_as_ktlint_writes_it(tmp_path: Path) -> None:
    style.lint_kotlin()
    bad = tmp_path / "Bad.kt"
    bad.write_text("fun a( ) = 1 ;\n")
    with pytest.raises(ToolError, match=r"Bad\.kt:1:7: Unexpected spacing"):
        style.lint_kotlin(files=[bad])


def library_path(built: Built) -> tuple[Path, ...]:
    folder = built.aar.parent / "runtime"
    jars = fetch(["annotations", "android"]).values()
    return (folder / "classes.jar", folder / "api" / "classes.jar", *jars)


def test_error_prone_has_nothing_to_say_of_library_and_app(built: Built, tmp_path: Path) -> None:
    files = [
        file
        for folder in (project.LIBRARY, project.APP)
        for file in java.sources(folder / "src" / "main" / "java")
    ]
    path = (built.aar.parent / "app", *library_path(built))  # app has R
    style.error_prone(files, path, tmp_path, release=8)


def test_error_prone_has_nothing_to_say_of_the_tests(built: Built, tmp_path: Path) -> None:
    """At once, as above: a compiler takes longer to start than to check a folder."""
    folders = [project.LIBRARY / "src" / name / "java" for name in ("test", "bionic")]
    jars = robolectric.class_jars(fetch(["junit", "unidbg", "robolectric"]), tmp_path / "jars")
    path = (built.classes, built.aar.parent / "app", *jars, *library_path(built))
    files = java.sources(*folders, robolectric.TESTS)
    style.error_prone(files, path, tmp_path / "made", release=17, tests=True)


def test_error_prone_sees_a_fault(tmp_path: Path) -> None:
    file = tmp_path / "A.java"
    file.write_text(
        "class A {\n    boolean a(int[] b, int[] c) {\n        return b.equals(c);\n    }\n}\n"
    )
    with pytest.raises(ToolError, match="ArrayEquals"):
        style.error_prone([file], [], tmp_path / "made", release=8)
