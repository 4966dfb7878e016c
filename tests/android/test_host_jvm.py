"""The Java API on a host JVM: JUnit with the real x86_64 libraries, ours and the runtime's."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import pytest

from android_demo.ci import java, packaging, project
from android_demo.ci.build import Built
from android_demo.ci.fetching import fetch
from android_demo.ci.host import shim
from android_demo.ci.tools import run

TESTS = project.LIBRARY / "src" / "test" / "java"
SCHEMA = project.ROOT / "sdk" / "facesdk" / "bench" / "report" / "bench.schema.json"
SECONDS = 240.0

pytestmark = [pytest.mark.slow, pytest.mark.android]


@dataclass(frozen=True)
class Host:
    """What a host JVM needs to run the library.

    Attributes:
        class_path: The library's classes, the tests, the runtime's and JUnit's.
        natives: Folder with ``libfacesdk_jni.so``.
        preload: Libraries to load first, in this order; the last is the stock runtime's.
        reference: What Python says of the samples.
        report: Where a test leaves a benchmark report.
    """

    class_path: tuple[Path, ...]
    natives: Path
    preload: tuple[Path, ...]
    reference: Path
    report: Path

    def java(self, *arguments: str, preload: tuple[Path, ...] | None = None) -> str:
        """Run a main class; what it printed."""
        loaded = os.pathsep.join(map(str, self.preload if preload is None else preload))
        return run(
            *("java", "-Xcheck:jni", "-Djava.util.logging.config.file=/dev/null"),
            *(f"-Djava.library.path={self.natives}", f"-Dfacesdk.preload={loaded}"),
            *(f"-Dfacesdk.reference={self.reference}", f"-Dfacesdk.models={project.MODELS}"),
            f"-Dfacesdk.report={self.report}",
            *("-cp", java.class_path(*self.class_path), *arguments),
            seconds=SECONDS,
        )


@pytest.fixture(scope="module")
def host(built: Built, python_says: Path, tmp_path_factory: pytest.TempPathFactory) -> Host:
    folder = tmp_path_factory.mktemp("host")
    files = fetch((*project.GROUPS, "junit"))
    on = packaging.platform(files, folder / "runtime")
    made = built.libraries["x86_64"]
    runtime = folder / "runtime" / "jni" / "x86_64" / project.RUNTIME_LIBRARY
    preload = (*shim.make(folder / "shim", [made, runtime]), runtime)
    shutil.copytree(python_says, folder / "reference", copy_function=os.link)
    same = ("-m", "android.support.same_runtime", folder / "reference", *preload)
    run(sys.executable, *same, cwd=Path(__file__).parents[1])
    tests = folder / "tests"
    junit = [path for name, path in files.items() if name.startswith(("junit-4", "hamcrest"))]
    path = (built.classes, *junit, *on.class_path)
    java.compile_classes(java.sources(TESTS), path, tests)
    return Host((tests, *path), made.parent, preload, folder / "reference", folder / "report.json")


@pytest.mark.parametrize(
    "name", ["EngineTest", "FrameTest", "GalleryPartsTest", "MeasuresTest", "ModelsTest"]
)
def test_junit(host: Host, name: str) -> None:
    assert "OK (" in host.java("org.junit.runner.JUnitCore", f"org.facesdk.{name}")
    if name == "MeasuresTest":
        jsonschema.validate(json.loads(host.report.read_text()), json.loads(SCHEMA.read_text()))


def test_an_app_without_a_runtime(host: Host) -> None:
    first, again, last = host.java("org.facesdk.RuntimeProbe", preload=host.preload[:-1]).split(
        "\n"
    )[:3]
    assert first == again
    assert first.startswith(
        "the app brings no TensorFlow Lite runtime: libtensorflowlite_jni.so is"
    )
    assert last == "operators without a runtime"


def test_a_runtime_that_lacks_a_function(host: Host, tmp_path: Path) -> None:
    old = tmp_path / project.RUNTIME_LIBRARY
    functions = ("Version", "ModelCreate", "ModelDelete", "InterpreterOptionsCreate")
    source = "".join(f"void TfLite{name}(void) {{}}\n" for name in functions)
    (tmp_path / "old.c").write_text(source)
    soname = f"-Wl,-soname,{project.RUNTIME_LIBRARY}"
    run("gcc", "-shared", "-fPIC", soname, tmp_path / "old.c", "-o", old)
    said = host.java("org.facesdk.RuntimeProbe", preload=(*host.preload[:-1], old))
    assert (
        "is too old or incomplete: it has no function TfLiteInterpreterOptionsDelete; use" in said
    )
