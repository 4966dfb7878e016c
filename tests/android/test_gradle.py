"""The Gradle project says what CI builds, and the check sees when it does not."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from android_demo.ci import check_gradle, project


def test_gradle_and_ci_build_the_same() -> None:
    assert check_gradle.differences() == []


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("settings.gradle.kts", ', ":app"', "", "includes [':facesdk']"),
        ("gradle/libs.versions.toml", 'minSdk = "24"', 'minSdk = "21"', "minSdk = 21"),
        ("gradle/libs.versions.toml", "2.16.1", "2.14.0", "tensorflowLite = 2.14.0"),
        ("gradle/libs.versions.toml", "org.jetbrains:ann", "org.x:ann", "org.jetbrains:ann"),
        ("gradle/libs.versions.toml", 'agp = "8', 'agp = "7', "must have AGP 8"),
        ("build.gradle.kts", "1_000 * numbers[1]", "100 * numbers[1]", "versionCode"),
        ("facesdk/build.gradle.kts", ', "x86_64"', "", "but CI for"),
        ("facesdk/build.gradle.kts", '"org.facesdk"', '"org.face"', 'namespace = "org.facesdk"'),
        ("facesdk/build.gradle.kts", "withJavadocJar()", "", "lacks withJavadocJar()"),
        ("app/build.gradle.kts", '"mtcnn-onet.tflite"', '"x.tflite"', "brings ['x.tflite']"),
        ("app/build.gradle.kts", "VERSION_1_8", "VERSION_17", "VERSION_1_8"),
        ("app/build.gradle.kts", 'noCompress += "tflite"', "", 'noCompress += "tflite"'),
    ],
)
def test_a_difference_is_named(tmp_path: Path, file: str, old: str, new: str, message: str) -> None:
    folder = tmp_path / "android_demo"
    shutil.copytree(project.FOLDER, folder, ignore=shutil.ignore_patterns("ci", "java", "res"))
    text = (folder / file).read_text()
    assert old in text
    (folder / file).write_text(text.replace(old, new))
    found = "\n".join(check_gradle.differences(folder))
    assert message in found


def test_a_version_of_one_more_patch_has_a_larger_code(monkeypatch: pytest.MonkeyPatch) -> None:
    codes = []
    for version in ("0.1.0", "0.1.1", "0.2.0", "1.0.0rc1", "1.0.0", "1.0.12"):
        monkeypatch.setattr(project, "version", lambda version=version: version)
        codes.append(project.version_code())
    assert codes == sorted(codes)
    assert codes[0] == 1000
