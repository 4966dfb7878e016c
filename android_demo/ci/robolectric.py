"""Run the app's JUnit tests on Robolectric: the APK's resources, the real libraries, on this JVM.

Robolectric draws with Android's own graphics code (``GraphicsMode.NATIVE``). Its jars come from the
group ``robolectric``; nothing is fetched while tests run.
"""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from android_demo.ci import java, project
from android_demo.ci.errors import ToolError
from android_demo.ci.fetching import fetch
from android_demo.ci.host import shim
from android_demo.ci.tools import run

TESTS = project.APP / "src" / "test" / "java"
_SECONDS = 420.0
_ANDROID = "android-all-instrumented"
_MODULES = tuple(f"java.base/java.{name}" for name in ("io", "lang", "nio", "util"))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the tests did.

    Attributes:
        passed: Number of tests that passed.
        report: What JUnit printed.
        pictures: Folder with the screenshots that the tests took.
    """

    passed: int
    report: str
    pictures: Path


def classes_of(folder: Path) -> tuple[str, ...]:
    """The names of the test classes: files that end in ``Test.java``."""
    return tuple(
        ".".join(path.relative_to(folder).with_suffix("").parts)
        for path in sorted(folder.rglob("*Test.java"))
    )


def run_tests(
    built: Path, work: Path, properties: Mapping[str, str], classes: Sequence[str] = ()
) -> Outcome:
    """Compile the tests and run them in one JVM.

    Args:
        built: What ``build.build`` made.
        work: Folder for classes, libraries and screenshots.
        properties: System properties for the tests, without their prefix ``facesdk.``.
        classes: Test classes; all of them if none is named.

    Raises:
        ToolError: A test failed, or the JVM took more than seven minutes.
    """
    files = fetch(["robolectric"])
    (android,) = fetch(["android"]).values()
    pictures = work / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    jars = class_jars(files, work / "jars")
    sdk = next(path for name, path in files.items() if name.startswith(_ANDROID))
    runtime = (built / "runtime" / "classes.jar", built / "runtime" / "api" / "classes.jar")
    path = (work / "classes", built / "app", built / "classes", *runtime, *jars)
    # javac cannot read all of the instrumented classes, so it gets those of the lowest API level
    java.compile_classes(java.sources(TESTS), (*path, android), work / "classes", release=17)
    _configure(built, work)
    natives = work / "natives"
    natives.mkdir(exist_ok=True)
    ours = built / "jni" / "x86_64" / project.JNI_LIBRARY
    runtime_library = built / "runtime" / "jni" / "x86_64" / project.RUNTIME_LIBRARY
    for library in (ours, runtime_library):
        shutil.copyfile(library, natives / library.name)
    # glibc finds a library that another asks for by its soname once it is loaded
    preload = (*shim.make(work / "shim", sorted(natives.iterdir())), natives / runtime_library.name)
    given = {"preload": java.class_path(*preload), "pictures": str(pictures), **properties}
    report = run(
        *("java", "-Xmx3g", "-Duser.timezone=UTC", f"-Djava.library.path={natives}"),
        *("-Drobolectric.offline=true", f"-Drobolectric.dependency.dir={sdk.parent}"),
        *(f"-Dfacesdk.{name}={value}" for name, value in given.items()),
        *(f"--add-opens={module}=ALL-UNNAMED" for module in _MODULES),
        # Android's own last: the runner's annotations name them before its sandbox has loaded any
        *("-cp", java.class_path(*path, sdk), "org.junit.runner.JUnitCore"),
        *(classes or classes_of(TESTS)),
        seconds=_SECONDS,
    )
    passed = re.search(r"^OK \((\d+) tests?\)$", report, re.MULTILINE)
    if passed is None:
        raise ToolError(f"JUnit closed without a count of tests:\n{report}")
    return Outcome(int(passed[1]), report, pictures)


def class_jars(files: Mapping[str, Path], folder: Path) -> tuple[Path, ...]:
    """Class path entries of fetched files but Android's own classes; those of AARs are unpacked."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for name, path in files.items():
        if name.endswith(".aar"):
            jar = folder / f"{path.stem}.jar"
            with zipfile.ZipFile(path) as content:
                jar.write_bytes(content.read("classes.jar"))
            found.append(jar)
        elif not name.startswith(_ANDROID):
            found.append(path)
    return tuple(found)


def _configure(built: Path, work: Path) -> None:
    """Tell Robolectric where resources, assets and the manifest are: in the APK."""
    apk = built / "facesdk-demo.apk"
    with zipfile.ZipFile(apk) as content:
        for name in content.namelist():
            if name.startswith("assets/"):
                content.extract(name, work)
    settings = {
        "android_resource_apk": apk,
        "android_merged_assets": work / "assets",
        "android_merged_manifest": built / "AndroidManifest.xml",
        "android_custom_package": project.APPLICATION_ID,
    }
    target = work / "classes" / "com" / "android" / "tools" / "test_config.properties"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
