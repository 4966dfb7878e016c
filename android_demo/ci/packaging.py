"""The AAR and the signed demo APK from classes, libraries, resources and models."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from android_demo.ci import archive, java, manifests, project
from android_demo.ci.fetching import cache_folder
from android_demo.ci.tools import FRAMEWORK, run

_METADATA = (
    "aarFormatVersion=1.0\naarMetadataVersion=1.0\n"
    f"minCompileSdk={project.MIN_SDK}\nminCompileSdkExtension=0\n"
    "minAndroidGradlePluginVersion=1.0.0\n"
)
_PASSWORD = "android"  # of every debug key, by convention


@dataclass(frozen=True, slots=True)
class Platform:
    """What the classes are compiled against.

    Attributes:
        android: Android's own classes, of the lowest API level: nothing newer can be called.
        annotations: Those that tell Kotlin what may be null; they go into no file.
        runtime: TensorFlow Lite's classes.
        runtime_manifests: The manifests of its AARs.
        runtime_libraries: ``jni/ABI`` folders of it.
        d8: The jar with D8.
    """

    android: Path
    annotations: Path
    runtime: tuple[Path, ...]
    runtime_manifests: tuple[Path, ...]
    runtime_libraries: Path
    d8: Path

    @property
    def class_path(self) -> tuple[Path, ...]:
        """For javac."""
        return (*self.runtime, self.annotations, self.android)


def platform(files: Mapping[str, Path], folder: Path) -> Platform:
    """Lay out the fetched files of the groups of ``project.GROUPS``.

    Args:
        files: The fetched files by name.
        folder: Folder that gets the unpacked AARs of the runtime.
    """
    version = project.RUNTIME_VERSION
    for name, target in (("tensorflow-lite", folder), ("tensorflow-lite-api", folder / "api")):
        with zipfile.ZipFile(files[f"{name}-{version}.aar"]) as content:
            content.extractall(target)
    android = next(path for name, path in files.items() if name.startswith("android-all"))
    return Platform(
        android=android,
        annotations=files[f"annotations-{project.ANNOTATIONS_VERSION}.jar"],
        runtime=(folder / "classes.jar", folder / "api" / "classes.jar"),
        runtime_manifests=(
            folder / "AndroidManifest.xml",
            folder / "api" / "AndroidManifest.xml",
        ),
        runtime_libraries=folder / "jni",
        d8=next(path for name, path in files.items() if name.startswith("bundletool")),
    )


def write_jars(sources: Path, pages: Path, on: Platform, work: Path) -> None:
    """Write what editors show beside the AAR.

    Args:
        sources: The jar with the library's Java files.
        pages: The jar with the pages of its public classes.
        on: What the classes are compiled against.
        work: Folder for what lies between.
    """
    folder = project.LIBRARY / "src" / "main" / "java"
    java.write_jar(sources, folder)
    java.write_javadoc(java.sources(folder), on.class_path, work / "javadoc")
    java.write_jar(pages, work / "javadoc")


def write_aar(target: Path, classes: Path, libraries: Mapping[str, Path], work: Path) -> bytes:
    """Write the AAR; returns its manifest.

    Args:
        target: The file.
        classes: Folder with the library's classes.
        libraries: The native library of each ABI.
        work: Folder for what lies between.
    """
    jar = work / "classes.jar"
    java.write_jar(jar, classes)
    manifest = manifests.library_manifest(
        (project.LIBRARY / "src" / "main" / "AndroidManifest.xml").read_text()
    )
    rules = (project.LIBRARY / "consumer-rules.pro").read_bytes()
    entries = [
        archive.Entry("AndroidManifest.xml", manifest),
        archive.Entry("R.txt", b""),
        archive.Entry("classes.jar", jar.read_bytes()),
        archive.Entry("proguard.txt", rules),
        archive.Entry("LICENSE", (project.ROOT / "LICENSE").read_bytes()),
        archive.Entry(
            "META-INF/com/android/build/gradle/aar-metadata.properties", _METADATA.encode()
        ),
    ]
    entries += [
        archive.Entry(f"jni/{abi}/{project.JNI_LIBRARY}", path.read_bytes())
        for abi, path in libraries.items()
    ]
    archive.write(target, entries)
    return manifest


def write_apk(
    target: Path, aar: Path, libraries: Mapping[str, Path], on: Platform, work: Path
) -> None:
    """Write the signed demo APK.

    Args:
        target: The file.
        aar: The library's AAR.
        libraries: The native library of each ABI.
        on: What the classes are compiled against.
        work: Folder for what lies between.
    """
    main = project.APP / "src" / "main"
    with zipfile.ZipFile(aar) as content:
        library_manifest = content.read("AndroidManifest.xml")
        library_jar = work / "library.jar"
        library_jar.write_bytes(content.read("classes.jar"))
    parts = [library_manifest, *(path.read_bytes() for path in on.runtime_manifests)]
    manifest = work / "AndroidManifest.xml"
    manifest.write_bytes(
        manifests.merge(manifests.app_manifest((main / "AndroidManifest.xml").read_text()), parts)
    )
    linked = _link_resources(main / "res", manifest, work)
    classes = work / "app"
    java.compile_classes(
        java.sources(main / "java", work / "gen"), (library_jar, *on.class_path), classes
    )
    code = java.dex((library_jar, *on.runtime), classes, on.android, on.d8, work / "dex")
    entries = [*archive.read(linked), archive.Entry("classes.dex", code.read_bytes())]
    entries += _assets()
    for abi, path in libraries.items():
        runtime = on.runtime_libraries / abi / project.RUNTIME_LIBRARY
        entries += [
            archive.Entry(f"lib/{abi}/{library.name}", library.read_bytes(), stored=True)
            for library in (path, runtime)
        ]
    unsigned = work / "unsigned.apk"
    archive.write(unsigned, entries)
    _sign(unsigned, target)


def _link_resources(folder: Path, manifest: Path, work: Path) -> Path:
    """Compile and link the resources; writes ``R.java`` into ``work/gen``."""
    compiled, linked = work / "resources.zip", work / "linked.apk"
    run("aapt2", "compile", "--dir", folder, "-o", compiled)
    run(
        *("aapt2", "link", "-I", FRAMEWORK, "--manifest", manifest, "--java", work / "gen"),
        *("--output-text-symbols", work / "R.txt", "-o", linked, compiled),
    )
    return linked


def _assets() -> list[archive.Entry]:
    """Models, stored so that they are mapped; sample photos; the licences of what the APK holds."""
    entries = []
    for name in project.APP_MODELS:
        path = project.MODELS / name
        entries.append(archive.Entry(f"assets/{path.name}", path.read_bytes(), stored=True))
    for name in project.APP_SAMPLES:
        photo = (project.SAMPLES / name).read_bytes()
        entries.append(archive.Entry(f"assets/samples/{name}", photo, stored=True))
    licences = {"facesdk": project.ROOT / "LICENSE"}
    licences |= {
        folder: project.MODELS / folder / "LICENSE" for folder in ("detection", "recognition")
    }
    return entries + [
        archive.Entry(f"assets/licences/{name}.txt", path.read_bytes())
        for name, path in licences.items()
    ]


def debug_key() -> Path:
    """The debug key of this machine, made on first use; it signs nothing that is released."""
    path = cache_folder() / "debug.keystore"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}")
        run(
            *("keytool", "-genkeypair", "-keystore", part, "-storetype", "PKCS12"),
            *(
                "-storepass",
                _PASSWORD,
                "-alias",
                "debug",
                "-dname",
                "CN=Android Debug,O=Android,C=US",
            ),
            *("-keyalg", "RSA", "-keysize", "2048", "-validity", "10000"),
        )
        os.replace(part, path)
    return path


def _sign(unsigned: Path, target: Path) -> None:
    signed = unsigned.with_name("signed.apk")
    run(
        *("apksigner", "sign", "--ks", debug_key(), "--ks-pass", f"pass:{_PASSWORD}"),
        *("--min-sdk-version", str(project.MIN_SDK), "--v1-signing-enabled", "false"),
        *("--v2-signing-enabled", "true", "--v3-signing-enabled", "true"),
        *("--v4-signing-enabled", "false", "--out", signed, unsigned),
    )
    shutil.move(signed, target)
