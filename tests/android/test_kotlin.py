"""Kotlin sees the library as it should: what may be null, and the samples of the documentation."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from android_demo.ci import java, kotlin, project
from android_demo.ci.build import Built
from android_demo.ci.errors import ToolError
from android_demo.ci.fetching import fetch

PAGE = project.ROOT / "docs" / "use" / "android.md"
HEAD = """\
package sample

import android.content.Context
import android.graphics.Bitmap
import android.media.Image
import android.util.Log
import java.util.concurrent.Executor
import org.facesdk.FaceEngine
import org.facesdk.Frame
import org.facesdk.Gallery
"""
CAMERA_X = """\
class ImageInfo(val rotationDegrees: Int)
interface ImageProxy : AutoCloseable { val image: Image?; val imageInfo: ImageInfo }
interface ImageAnalysis { fun setAnalyzer(executor: Executor, analyzer: (ImageProxy) -> Unit) }
"""

WRONG = {
    "FaceEngine.builder(context).model(null as String?)": "actual type is 'kotlin.String?'",
    "engine.detect(null)": "null cannot be a value of a non-null type",
    "gallery.identify(vector).person().name()": "only safe",
    "val end: java.util.Date = gallery.people().first().expires()": "'java.util.Date?'",
}
RIGHT = """\
fun length(engine: FaceEngine): Int = engine.model().name().length
fun name(gallery: Gallery, vector: org.facesdk.Embedding): String? =
    gallery.identify(vector).person()?.name()
"""

pytestmark = [pytest.mark.slow, pytest.mark.android]


def samples(language: str) -> list[str]:
    """The code of the page that uses the library."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return [block for block in blocks if "Frame." in block]


def library(built: Built) -> tuple[Path, ...]:
    return (built.classes, *fetch(["android"]).values())


def test_the_samples_of_the_page_compile(built: Built, tmp_path: Path) -> None:
    ten_lines, camera_x = samples("kotlin")
    kotlin.compile_classes(
        {
            "Samples.kt": f"{HEAD}{CAMERA_X}"
            f"fun tenLines(context: Context, a: Bitmap, b: Bitmap) {{\n{ten_lines}}}\n"
            "fun cameraX(analysis: ImageAnalysis, executor: Executor, engine: FaceEngine, "
            f"gallery: Gallery) {{\n{camera_x}}}\n",
            "Right.kt": HEAD + RIGHT,  # beside what is refused below: a compiler's start is dear
        },
        library(built),
        tmp_path,
    )
    (in_java,) = samples("java")
    source = tmp_path / "Sample.java"
    source.write_text(
        "import android.content.Context;\nimport android.graphics.Bitmap;\n"
        "import android.util.Log;\nimport org.facesdk.*;\n"
        f"class Sample {{ void run(Context context, Bitmap a, Bitmap b) {{\n{in_java}}} }}\n"
    )
    java.compile_classes([source], library(built), tmp_path / "java")


def test_what_may_be_null_is_seen(built: Built, tmp_path: Path) -> None:
    """Own annotations would leave every type open: nothing of this would be refused."""
    given = "context: Context, engine: FaceEngine, gallery: Gallery, vector: org.facesdk.Embedding"
    lines = [f"fun wrong{i}({given}) {{ {code} }}" for i, code in enumerate(WRONG)]
    first = HEAD.count("\n") + 1
    with pytest.raises(ToolError) as caught:
        kotlin.compile_classes(
            {"Wrong.kt": HEAD + "\n".join(lines) + "\n"}, library(built), tmp_path / "wrong"
        )
    for number, words in enumerate(WRONG.values(), start=first):
        assert re.search(rf"Wrong\.kt:{number}:.*{re.escape(words)}", str(caught.value)), words


def declarations() -> list[tuple[str, str]]:
    """Class and text of every public method and constructor."""
    found = []
    for path in java.sources(project.LIBRARY / "src" / "main" / "java"):
        text = path.read_text()
        if not re.search(r"^public ", text, re.MULTILINE):
            continue
        pattern = r"((?:^ +@\w+(?:\([^)]*\))?\n)*)^ +public ([^=;{]*?\([^{;]*?\))[^;{(]*[;{]"
        for notes, declared in re.findall(pattern, text, re.MULTILINE | re.DOTALL):
            found.append((path.stem, " ".join((notes + declared).split())))
    return found


PRIMITIVE = r"(?:void|boolean|byte|char|short|int|long|float|double)(?!\[)\b"


def test_every_reference_says_whether_it_may_be_null() -> None:
    rows = declarations()
    assert len(rows) > 150
    for owner, text in rows:
        head, _, parameters = text.partition("(") if "@Suppress" not in text else ("", "", "")
        words = re.sub(r"@(?!NotNull|Nullable)\w+|\b(static|final|abstract)\b", "", head).split()
        if len(words) > 1 and not re.match(PRIMITIVE, words[-2]):  # else a constructor
            assert words[0] in ("@NotNull", "@Nullable"), f"{owner}: {text}"
        for parameter in re.split(r",(?![^<]*>)", parameters.rstrip(")")):
            if parameter.strip() and not re.match(PRIMITIVE, parameter.strip()):
                assert "@NotNull" in parameter or "@Nullable" in parameter, f"{owner}: {text}"
