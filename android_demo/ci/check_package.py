"""Check an AAR or an APK: what is in it, where it lies, and what its libraries need.

    python -m android_demo.ci.check_package build/android/facesdk.aar build/android/facesdk-demo.apk

It fails unless each of our libraries is for the ABI of its folder, has segments aligned to 16 KiB,
needs nothing but functions that Android has since the lowest API level, gives no more than its
interface, and names no folder of the machine it was built on; and each package has the size, the
manifest, the classes and, an APK, the alignment and the signatures that it must have.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from android_demo.ci import archive, dexfile, elf, libraries, manifests, project
from android_demo.ci.errors import AndroidError, CheckError
from android_demo.ci.tools import run

MAX_AAR_BYTES = 450_000
MAX_LIBRARY_BYTES = {"arm64-v8a": 200_000, "armeabi-v7a": 200_000, "x86_64": 400_000}
_NEEDED = frozenset({"libc.so", "libm.so", "libdl.so", "liblog.so"})
_INTERFACE = re.compile(r"Java_org_facesdk_|JNI_On(Load|Unload)$|facesdk_|tflite_plugin_")
_FOLDER = re.compile(rb"/(?:home|root|build|tmp|work|usr/lib/llvm)[^\0]*/")
_AAR_FILES = ("AndroidManifest.xml", "R.txt", "classes.jar", "proguard.txt", "LICENSE")


@dataclass(frozen=True, slots=True)
class Facts:
    """Sizes in bytes of a package that passed.

    Attributes:
        name: File name.
        size: Its bytes.
        libraries: Bytes of each native library, by its path in the package.
        page: Smallest alignment of segments of each library.
    """

    name: str
    size: int
    libraries: dict[str, int]
    page: dict[str, int]

    def lines(self) -> list[str]:
        """For people."""
        rows = [
            f"  {name}: {size:,} bytes, segments at {self.page[name]:,}"
            for name, size in self.libraries.items()
        ]
        return [f"{self.name}: {self.size:,} bytes", *rows]

    def to_dict(self) -> dict[str, Any]:
        """For ``json.dumps``."""
        libraries = {
            name: {"bytes": size, "page": self.page[name]} for name, size in self.libraries.items()
        }
        return {"name": self.name, "bytes": self.size, "libraries": libraries}


def check_aar(path: Path) -> Facts:
    """Check an AAR.

    Raises:
        CheckError: It fails a check.
    """
    with zipfile.ZipFile(path) as content:
        names = set(content.namelist())
        _expect(set(_AAR_FILES) <= names, f"{path.name} lacks {sorted(set(_AAR_FILES) - names)}")
        unwanted = [name for name in names if name.endswith((".tflite", ".dex"))]
        _expect(not unwanted, f"{path.name} must bring no models, but has {unwanted}")
        manifest = ElementTree.fromstring(content.read("AndroidManifest.xml"))
        rules = content.read("proguard.txt").decode()
    _expect(
        manifest.get("package") == project.LIBRARY_NAMESPACE,
        f"the AAR's package is {manifest.get('package')}",
    )
    _expect("native <methods>" in rules, "the AAR's rules must keep native methods' names")
    manifests.merge(_empty_app(), [ElementTree.tostring(manifest)])
    facts = _libraries(path, "jni")
    size = path.stat().st_size
    _expect(
        size <= MAX_AAR_BYTES, f"the AAR must have at most {MAX_AAR_BYTES} bytes, but has {size}"
    )
    return facts


def check_apk(path: Path) -> Facts:
    """Check a signed APK.

    Raises:
        CheckError: It fails a check.
        ToolError: ``apksigner`` or ``zipalign`` refuses it.
    """
    with zipfile.ZipFile(path) as content:
        for info in content.infolist():
            if not info.filename.endswith(project.STORED):
                continue
            alignment = archive.PAGE if info.filename.endswith(".so") else 4
            _expect(
                info.compress_type == zipfile.ZIP_STORED, f"{info.filename} must be stored as it is"
            )
            offset = archive.data_offset(path, info)
            _expect(offset % alignment == 0, f"{info.filename} begins at {offset}")
        classes = set(dexfile.class_names(content.read("classes.dex")))
    for wanted in (
        f"{project.APPLICATION_ID}.MainActivity",
        f"{project.LIBRARY_NAMESPACE}.FaceEngine",
    ):
        _expect(wanted in classes, f"classes.dex has no class {wanted}")
    _check_signatures(path)
    _check_badging(path)
    run("zipalign", "-c", "4", path)
    return _libraries(path, "lib")


def _check_signatures(path: Path) -> None:
    level = str(project.MIN_SDK)
    said = run("apksigner", "verify", "-v", "--min-sdk-version", level, path)
    for scheme in ("v2", "v3"):
        _expect(
            re.search(rf"Verified using {scheme} scheme .*: true", said) is not None,
            f"{path.name} has no signature of scheme {scheme}",
        )


def _check_badging(path: Path) -> None:
    """What Android reads before it installs an APK."""
    said = run("aapt", "dump", "badging", path)
    abis = "' '".join(project.ABIS)
    for line in (
        f"package: name='{project.APPLICATION_ID}' versionCode='{project.version_code()}' "
        f"versionName='{project.version()}'",
        f"sdkVersion:'{project.MIN_SDK}'",
        f"targetSdkVersion:'{project.TARGET_SDK}'",
        f"launchable-activity: name='{project.APPLICATION_ID}.MainActivity'",
        "uses-permission: name='android.permission.CAMERA'",
        "uses-feature-not-required: name='android.hardware.camera.any'",
        f"native-code: '{abis}'",
    ):
        _expect(line in said, f"aapt must say {line!r} of {path.name}, but does not")
    _expect("INTERNET" not in said, f"{path.name} must not ask for the network")


def _libraries(path: Path, folder: str) -> Facts:
    sizes, pages = {}, {}
    with zipfile.ZipFile(path) as content, tempfile.TemporaryDirectory() as work:
        found = {name for name in content.namelist() if name.endswith(".so")}
        ours = {f"{folder}/{abi}/{project.JNI_LIBRARY}" for abi in project.ABIS}
        _expect(ours <= found, f"{path.name} lacks {sorted(ours - found)}")
        for name in sorted(found):
            library = Path(content.extract(name, work))
            facts = elf.read(library)
            abi = name.split("/")[1]
            _expect(facts.machine == elf.MACHINES.get(abi), f"{name} is for {facts.machine}")
            if name in ours:
                check_library(name, abi, facts, library.read_bytes())
            sizes[name], pages[name] = library.stat().st_size, facts.page
    return Facts(path.name, path.stat().st_size, sizes, pages)


def check_library(name: str, abi: str, facts: elf.Elf, content: bytes) -> None:
    """Check a native library of ours.

    Args:
        name: For messages.
        abi: The ABI it must be for.
        facts: What readelf says.
        content: Its bytes.

    Raises:
        CheckError: It fails a check.
    """
    most = MAX_LIBRARY_BYTES[abi]
    _expect(len(content) <= most, f"{name} must have at most {most} bytes, but has {len(content)}")
    _expect(facts.page >= archive.PAGE, f"{name} has segments aligned to {facts.page} bytes")
    _expect(facts.needed <= _NEEDED, f"{name} needs {sorted(facts.needed - _NEEDED)}")
    foreign = facts.taken - libraries.allowed(abi)
    _expect(not foreign, f"{name} takes {sorted(foreign)}, which it may not")
    _expect(
        facts.versions <= {"LIBC"},
        f"{name} asks for symbols of {sorted(facts.versions - {'LIBC'})}",
    )
    extra = sorted(symbol for symbol in facts.given if not _INTERFACE.match(symbol))
    _expect(not extra, f"{name} gives {extra[:5]}, which is not its interface")
    unwanted = sorted(facts.tags & {"RPATH", "RUNPATH", "TEXTREL"})
    _expect(not unwanted, f"{name} has {unwanted}")
    _expect(not facts.executable_stack, f"{name} asks for an executable stack")
    folder = _FOLDER.search(content)
    _expect(folder is None, f"{name} names a folder of the machine it was built on: {folder}")


def _empty_app() -> bytes:
    return manifests.app_manifest("<manifest><application /></manifest>")


def _expect(condition: bool, message: str) -> None:
    if not condition:
        raise CheckError(message)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("package", nargs="+", type=Path, help="an .aar or an .apk")
    status = 0
    for path in parser.parse_args(arguments).package:
        try:
            facts = check_aar(path) if path.suffix == ".aar" else check_apk(path)
        except (AndroidError, OSError, zipfile.BadZipFile) as error:
            print(f"check_package: {path}: {error}", file=sys.stderr)
            status = 1
        else:
            print("\n".join(facts.lines()))
    return status


if __name__ == "__main__":
    sys.exit(main())
