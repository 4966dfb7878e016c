"""Manifests: what Gradle adds to them, and how they merge."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from android_demo.ci import manifests, project
from android_demo.ci.errors import CheckError

NAMESPACE = f'xmlns:android="{manifests.ANDROID}"'
APP = manifests.app_manifest(
    f'<manifest {NAMESPACE}><application><activity android:name="A" android:exported="true" />'
    "</application></manifest>"
)


def library(text: str, level: int = 24, package: str = "a.b") -> bytes:
    return (
        f'<manifest {NAMESPACE} package="{package}"><uses-sdk android:minSdkVersion="{level}" />'
        f"{text}</manifest>"
    ).encode()


def test_the_app_gets_its_id_versions_and_levels() -> None:
    root = ElementTree.fromstring(APP)
    assert root.get("package") == "org.facesdk.demo"
    assert root.get(manifests.attribute("versionName")) == project.version()
    levels = root.find("uses-sdk")
    assert levels is not None
    assert levels.attrib == {
        manifests.attribute("minSdkVersion"): "24",
        manifests.attribute("targetSdkVersion"): "35",
    }


def test_permissions_and_components_are_united() -> None:
    camera = '<uses-permission android:name="android.permission.CAMERA" />'
    service = '<application><service android:name="S" /></application>'
    merged = ElementTree.fromstring(
        manifests.merge(APP, [library(camera), library(camera + service, package="c.d")])
    )
    assert len(merged.findall("uses-permission")) == 1
    assert [child.tag for child in merged.find("application") or []] == ["activity", "service"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (library("", level=26), "needs API level 26, but the app has 24"),
        (library("", package="org.facesdk.demo"), "package must be its own"),
        (library('<queries android:x="${y}" />'), "placeholder"),
        (
            library('<application><activity android:name="A" /></application>'),
            "differ about activity A",
        ),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(CheckError, match=message):
        manifests.merge(APP, [content])


def test_a_package_in_the_sources_is_refused() -> None:
    with pytest.raises(CheckError, match="Gradle refuses it"):
        manifests.library_manifest('<manifest package="a" />')
