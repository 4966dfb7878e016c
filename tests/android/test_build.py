"""What CI builds for Android: facts, bytes, and that the checks see what is wrong with it."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from android_demo.ci import archive, build, check_package, dexfile, java, libraries, project
from android_demo.ci.errors import CheckError, ToolError
from android_demo.ci.fetching import fetch
from android_demo.ci.tools import run

pytestmark = [pytest.mark.slow, pytest.mark.android]


def test_packages_have_the_promised_sizes(built: build.Built) -> None:
    aar, apk = built.facts
    assert aar.size <= check_package.MAX_AAR_BYTES
    for abi, most in check_package.MAX_LIBRARY_BYTES.items():
        assert aar.libraries[f"jni/{abi}/{project.JNI_LIBRARY}"] <= most
    assert {name.split("/")[1] for name in apk.libraries} == set(project.ABIS)
    assert all(page >= 16384 for name, page in apk.page.items() if project.JNI_LIBRARY in name)


def test_a_second_build_elsewhere_has_the_same_bytes(
    built: build.Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code of 32-bit ARM, which has parts that others lack, and all packages, from the start.

    The other ABIs differ from it in the target that the same compiler is given.
    """
    build_libraries = libraries.build
    again_built = "armeabi-v7a"

    def build_one(output: Path, work: Path) -> dict[str, Path]:
        made = build_libraries(output, work, (again_built,))
        for abi in project.ABIS:
            if abi not in made:
                made[abi] = output / abi / project.JNI_LIBRARY
                made[abi].parent.mkdir()
                shutil.copyfile(built.libraries[abi], made[abi])
        return {abi: made[abi] for abi in project.ABIS}

    monkeypatch.setattr(libraries, "build", build_one)
    again = build.build(tmp_path / "elsewhere" / "out")
    library = built.libraries[again_built]
    assert again.libraries[again_built].read_bytes() == library.read_bytes()
    assert again.aar.read_bytes() == built.aar.read_bytes()
    assert again.apk.read_bytes() == built.apk.read_bytes()
    assert again.sources.read_bytes() == built.sources.read_bytes()
    assert again.javadoc.read_bytes() == built.javadoc.read_bytes()


def test_the_aar_fits_into_an_app_that_shrinks(built: build.Built, tmp_path: Path) -> None:
    """R8 with the AAR's rules alone keeps what JNI finds by name."""
    files = fetch(project.GROUPS)
    jar, rules = tmp_path / "classes.jar", tmp_path / "rules.pro"
    with zipfile.ZipFile(built.aar) as content:
        jar.write_bytes(content.read("classes.jar"))
        rules.write_bytes(
            content.read("proguard.txt")
            + b"-dontwarn **\n-keep class org.facesdk.FaceEngine* { public *; }\n"
        )
    android = next(path for name, path in files.items() if name.startswith("android-all"))
    d8 = next(path for name, path in files.items() if name.startswith("bundletool"))
    runtime = built.aar.parent / "runtime" / "classes.jar"
    run(
        *("java", "-cp", d8, "com.android.tools.r8.R8", "--release", "--min-api", "24"),
        *("--lib", android, "--pg-conf", rules, "--output", tmp_path, jar, runtime),
    )
    kept = set(dexfile.class_names((tmp_path / "classes.dex").read_bytes()))
    assert {"org.facesdk.NativeEngine", "org.facesdk.NoFaceException"} <= kept
    assert not any("BuildConfig" in name for name in kept)


def test_sources_and_javadoc_are_those_of_the_library(built: build.Built) -> None:
    folder = project.LIBRARY / "src" / "main" / "java"
    written = {str(path.relative_to(folder)): path.read_bytes() for path in java.sources(folder)}
    with zipfile.ZipFile(built.sources) as content:
        assert {name: content.read(name) for name in content.namelist()} == written
    public = {
        name.removesuffix(".java")
        for name, text in written.items()
        if re.search(rb"^public ", text, re.MULTILINE)
    }
    with zipfile.ZipFile(built.javadoc) as content:
        pages = set(content.namelist())
    classes = {name.removesuffix(".html") for name in pages if name.startswith("org/facesdk/")}
    assert public <= classes
    assert "org/facesdk/NativeEngine" not in classes
    assert "index.html" in pages


def test_a_wrong_comment_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "A.java"
    source.write_text("/** A. */\npublic class A {\n  /** {@link Nothing} */\n  public int a;\n}\n")
    with pytest.raises(ToolError, match="reference not found"):
        java.write_javadoc([source], [], tmp_path / "pages")
    source.write_text("/** A. */\npublic class A {\n  public int a;\n}\n")
    with pytest.raises(ToolError, match="no comment"):
        java.write_javadoc([source], [], tmp_path / "pages")


def changed(apk: Path, target: Path, change: Callable[[archive.Entry], archive.Entry]) -> Path:
    archive.write(target, [change(entry) for entry in archive.read(apk)])
    return target


def test_a_compressed_library_is_refused(built: build.Built, tmp_path: Path) -> None:
    bad = changed(built.apk, tmp_path / "a.apk", lambda entry: replace(entry, stored=False))
    with pytest.raises(CheckError, match=r"must be stored as it is"):
        check_package.check_apk(bad)


def test_damaged_dex_code_is_refused(built: build.Built, tmp_path: Path) -> None:
    def flip(entry: archive.Entry) -> archive.Entry:
        if entry.name != "classes.dex":
            return entry
        content = bytearray(entry.data)
        content[len(content) // 2] ^= 1
        return replace(entry, data=bytes(content))

    with pytest.raises(CheckError, match="checksum is wrong"):
        check_package.check_apk(changed(built.apk, tmp_path / "a.apk", flip))


def test_an_apk_without_signature_is_refused(built: build.Built, tmp_path: Path) -> None:
    bare = changed(built.apk, tmp_path / "a.apk", lambda entry: entry)
    with pytest.raises(ToolError, match="DOES NOT VERIFY"):
        check_package.check_apk(bare)


def aar_with(built: build.Built, target: Path, library: bytes) -> Path:
    """The AAR with another arm64 library."""
    name = f"jni/arm64-v8a/{project.JNI_LIBRARY}"
    return changed(
        built.aar,
        target,
        lambda entry: replace(entry, data=library) if entry.name == name else entry,
    )


def test_a_library_of_another_machine_is_refused(built: build.Built, tmp_path: Path) -> None:
    other = built.libraries["x86_64"].read_bytes()
    with pytest.raises(CheckError, match="is for Advanced Micro Devices"):
        check_package.check_aar(aar_with(built, tmp_path / "a.aar", other))


@pytest.mark.parametrize(
    ("code", "options", "message"),
    [
        ("int facesdk_x(void) { return 1; }", ["-z", "max-page-size=4096"], "aligned to 4096"),
        ("int secret(void) { return 1; }", ["-z", "max-page-size=16384"], "gives .*secret"),
        (
            "int puts(const char *); int facesdk_x(void) { return puts(0); }",
            ["-z", "max-page-size=16384"],
            "takes .*puts",
        ),
        (
            'const char *facesdk_x(void) { return "/home/me/x.c"; }',
            ["-z", "max-page-size=16384"],
            "names a folder",
        ),
        ("int facesdk_x(void) { return 1; }", ["-z", "max-page-size=16384", "-rpath", "/x"], "RUN"),
        (
            "int facesdk_x(void) { return 1; }",
            ["-z", "max-page-size=16384", "-z", "execstack"],
            "executable stack",
        ),
    ],
)
def test_a_library_that_android_would_not_like_is_refused(
    built: build.Built, tmp_path: Path, code: str, options: list[str], message: str
) -> None:
    source, library = tmp_path / "a.c", tmp_path / "a.so"
    source.write_text(code)
    subprocess.run(
        ["clang-19", "--target=aarch64-linux-android24", "-O1", "-fPIC", "-shared", "-nostdlib"]
        + ["-fuse-ld=lld-19", *(f"-Wl,{option}" for option in options)]
        + [str(source), "-o", str(library)],
        check=True,
    )
    with pytest.raises(CheckError, match=message):
        check_package.check_aar(aar_with(built, tmp_path / "a.aar", library.read_bytes()))


def test_a_failed_build_leaves_the_last_one(
    built: build.Built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out"
    shutil.copytree(built.aar.parent, output)
    monkeypatch.setattr(libraries, "build", lambda *given: (_ for _ in ()).throw(ToolError("no")))
    assert build.main(["--output", str(output)]) == 1
    assert (output / "facesdk.aar").read_bytes() == built.aar.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
