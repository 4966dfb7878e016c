"""Build the Android library and the demo app on Debian, without NDK, Android SDK or Gradle.

    android_demo/ci/build                 # libraries, AAR and APK into build/android, checked
    android_demo/ci/build --output out    # into another folder

It needs Debian packages, which ``make android-packages`` installs as root, and files of package
registries that are fetched once (``fetching.py``).
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from android_demo.ci import java, libraries, packaging, project, tools
from android_demo.ci.check_package import Facts, check_aar, check_apk
from android_demo.ci.errors import AndroidError
from android_demo.ci.fetching import fetch

OUTPUT = project.ROOT / "build" / "android"


@dataclass(frozen=True, slots=True)
class Built:
    """What a build made.

    Attributes:
        libraries: The native library of each ABI.
        classes: Folder with the library's classes.
        aar: The library.
        apk: The signed demo.
        sources: The library's Java files in a jar.
        javadoc: The pages of its public classes in a jar.
        facts: Sizes of what was checked, by name.
    """

    libraries: dict[str, Path]
    classes: Path
    aar: Path
    apk: Path
    sources: Path
    javadoc: Path
    facts: tuple[Facts, ...]


def build(output: Path) -> Built:
    """Build and check everything; ``output`` is replaced when all of it is right.

    Raises:
        AndroidError: A tool, a file or a check failed; ``output`` is as it was.
    """
    tools.require()
    files = fetch(project.GROUPS)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent, prefix=".android-") as part:
        made = _build(Path(part) / "made", Path(part) / "work", files)
        shutil.rmtree(output, ignore_errors=True)
        (Path(part) / "made").rename(output)
    moved = {abi: output / path.relative_to(Path(part) / "made") for abi, path in made[0].items()}
    return Built(
        moved,
        output / "classes",
        output / "facesdk.aar",
        output / "facesdk-demo.apk",
        output / "facesdk-sources.jar",
        output / "facesdk-javadoc.jar",
        made[1],
    )


def _build(
    output: Path, work: Path, files: dict[str, Path]
) -> tuple[dict[str, Path], tuple[Facts, ...]]:
    output.mkdir()
    work.mkdir()
    on = packaging.platform(files, output / "runtime")
    made = libraries.build(output / "jni", work / "native")
    classes = output / "classes"
    java.compile_classes(
        java.sources(project.LIBRARY / "src" / "main" / "java"), on.class_path, classes
    )
    aar, apk = output / "facesdk.aar", output / "facesdk-demo.apk"
    packaging.write_aar(aar, classes, made, work)
    packaging.write_jars(output / "facesdk-sources.jar", output / "facesdk-javadoc.jar", on, work)
    packaging.write_apk(apk, aar, made, on, work)
    shutil.copytree(work / "app", output / "app")
    shutil.copyfile(work / "AndroidManifest.xml", output / "AndroidManifest.xml")
    return made, (check_aar(aar), check_apk(apk))


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="build",
        description=(__doc__ or "").splitlines()[0],
        epilog="example: android_demo/ci/build --json",
    )
    parser.add_argument("--output", type=Path, default=OUTPUT, help="folder (build/android)")
    parser.add_argument("--json", action="store_true", help="print what was made as JSON")
    given = parser.parse_args(arguments)
    begun = time.monotonic()
    try:
        made = build(given.output.absolute())
    except (AndroidError, OSError) as error:
        print(f"build: {error}", file=sys.stderr)
        return 1
    seconds = time.monotonic() - begun
    if given.json:
        report = {"seconds": round(seconds, 1), "packages": [row.to_dict() for row in made.facts]}
        print(json.dumps(report, indent=2))
    else:
        for facts in made.facts:
            print("\n".join(facts.lines()))
        print(f"{made.aar}\n{made.apk}\n{seconds:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
