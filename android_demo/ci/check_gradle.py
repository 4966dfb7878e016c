"""Compare the Gradle project, which cannot run here, with what CI builds.

    python -m android_demo.ci.check_gradle

It reads the settings, the version catalogue and the build files as text and fails where a source
set, an id, a version, a level, an ABI, a flag or an asset differs from ``project.py`` and the rest
of these scripts.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from android_demo.ci import project


def differences(folder: Path = project.FOLDER) -> list[str]:
    """What differs, a sentence each; empty if nothing does.

    Args:
        folder: The Gradle project.
    """
    texts = {
        name: (folder / name).read_text()
        for name in (
            *("settings.gradle.kts", "build.gradle.kts", "gradle/libs.versions.toml"),
            *("facesdk/build.gradle.kts", "app/build.gradle.kts"),
        )
    }
    return [
        *_modules(texts["settings.gradle.kts"], folder),
        *_catalogue(texts["gradle/libs.versions.toml"]),
        *_version_code(texts["build.gradle.kts"]),
        *_library(texts["facesdk/build.gradle.kts"], folder),
        *_app(texts["app/build.gradle.kts"]),
        *(_common(name, text) for name, text in _builds(texts) if _common(name, text)),
    ]


def _modules(text: str, folder: Path) -> Iterator[str]:
    included = re.findall(r'"(:\w+)"', " ".join(re.findall(r"include\((.*)\)", text)))
    sources = sorted(path.parents[1] for path in folder.glob("*/src/main"))
    found = sorted(f":{path.relative_to(folder)}" for path in sources)
    if sorted(included) != found:
        yield f"settings.gradle.kts includes {sorted(included)}, but there are {found}"


def _catalogue(text: str) -> Iterator[str]:
    versions = dict(re.findall(r'^(\w+) = "([^"]+)"$', text, re.MULTILINE))
    expected = {
        "compileSdk": str(project.TARGET_SDK),
        "minSdk": str(project.MIN_SDK),
        "targetSdk": str(project.TARGET_SDK),
        "tensorflowLite": project.RUNTIME_VERSION,
        "annotations": project.ANNOTATIONS_VERSION,
    }
    for name, value in expected.items():
        if versions.get(name) != value:
            yield f"libs.versions.toml has {name} = {versions.get(name)}, but CI builds {value}"
    if not versions.get("agp", "").startswith("8."):
        yield f"libs.versions.toml must have AGP 8, but has {versions.get('agp')}"
    for module, version in (
        (project.RUNTIME, "tensorflowLite"),
        (project.ANNOTATIONS, "annotations"),
    ):
        if f'{{ module = "{module}", version.ref = "{version}" }}' not in text:
            yield f"libs.versions.toml does not name {module} as CI does"


def _version_code(text: str) -> Iterator[str]:
    if "1_000_000 * numbers[0] + 1_000 * numbers[1] + numbers[2]" not in text:
        yield "build.gradle.kts computes versionCode in another way than project.version_code"
    pattern = r'file("../pyproject.toml")'
    if pattern not in text:
        yield "build.gradle.kts does not take the version from pyproject.toml"


def _library(text: str, folder: Path) -> Iterator[str]:
    yield from _lacking(
        "facesdk/build.gradle.kts",
        text,
        (
            f'namespace = "{project.LIBRARY_NAMESPACE}"',
            'path = file("src/main/cpp/CMakeLists.txt")',
            'consumerProguardFiles("consumer-rules.pro")',
            '"-DFACESDK_VERSION=$version"',
            'targets += listOf("facesdk_jni")',
            "compileOnly(libs.tensorflow.lite)",
            "withSourcesJar()",
            "withJavadocJar()",
            "`maven-publish`",
        ),
    )
    for name in ("src/main/cpp/CMakeLists.txt", "consumer-rules.pro"):
        if not (folder / "facesdk" / name).is_file():
            yield f"facesdk/{name} is missing"


def _app(text: str) -> Iterator[str]:
    kinds = [end.removeprefix(".") for end in project.STORED if end != ".so"]
    yield from _lacking(
        "app/build.gradle.kts",
        text,
        (
            f'namespace = "{project.APPLICATION_ID}"',
            f'applicationId = "{project.APPLICATION_ID}"',
            "targetSdk = libs.versions.targetSdk.get().toInt()",
            "useLegacyPackaging = false",
            'implementation(project(":facesdk"))',
            *(f'noCompress += "{kind}"' for kind in kinds),
            *(f'"{Path(name).name}"' for name in project.APP_MODELS),
            *(f'"{name}"' for name in project.APP_SAMPLES),
        ),
    )
    listed = set(re.findall(r'"([\w-]+\.tflite)"', text))
    extra = listed - {Path(name).name for name in project.APP_MODELS}
    if extra:
        yield f"app/build.gradle.kts brings {sorted(extra)}, which CI does not"


def _builds(texts: dict[str, str]) -> Iterator[tuple[str, str]]:
    yield from ((name, text) for name, text in texts.items() if "/build.gradle.kts" in name)


def _common(name: str, text: str) -> str:
    """What both modules must have alike, or an empty string."""
    found = re.search(r"abiFilters \+= listOf\((.*)\)", text)
    abis = tuple(re.findall(r'"([^"]+)"', found[1])) if found else ()
    if abis != project.ABIS:
        return f"{name} builds for {list(abis)}, but CI for {list(project.ABIS)}"
    wanted = (
        "compileSdk = libs.versions.compileSdk.get().toInt()",
        "minSdk = libs.versions.minSdk.get().toInt()",
        "sourceCompatibility = JavaVersion.VERSION_1_8",
        "targetCompatibility = JavaVersion.VERSION_1_8",
    )
    return "\n".join(_lacking(name, text, wanted))


def _lacking(name: str, text: str, wanted: Iterable[str]) -> Iterator[str]:
    yield from (f"{name} lacks {line}" for line in wanted if line not in text)


def main() -> int:
    """Command line; returns the exit status."""
    found = differences()
    for line in found:
        print(f"check_gradle: {line}", file=sys.stderr)
    if not found:
        print("the Gradle project and CI build the same")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
