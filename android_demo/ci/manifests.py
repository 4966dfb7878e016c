"""Manifests: Gradle's have no package and no versions; these functions add them, and merge."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree

from android_demo.ci import project
from android_demo.ci.errors import CheckError

ANDROID = "http://schemas.android.com/apk/res/android"
ElementTree.register_namespace("android", ANDROID)
_UNITED = ("uses-permission", "uses-feature", "queries")


def attribute(name: str) -> str:
    """An attribute of Android's namespace as ElementTree writes it."""
    return f"{{{ANDROID}}}{name}"


def library_manifest(text: str) -> bytes:
    """The AAR's manifest: the source's with package and lowest API level."""
    root = _with_package(text, project.LIBRARY_NAMESPACE)
    levels = ElementTree.Element("uses-sdk", {attribute("minSdkVersion"): str(project.MIN_SDK)})
    root.insert(0, levels)
    return _bytes(root)


def app_manifest(text: str) -> bytes:
    """The app's manifest: the source's with application id, versions and API levels."""
    root = _with_package(text, project.APPLICATION_ID)
    root.set(attribute("versionCode"), str(project.version_code()))
    root.set(attribute("versionName"), project.version())
    levels = {
        attribute("minSdkVersion"): str(project.MIN_SDK),
        attribute("targetSdkVersion"): str(project.TARGET_SDK),
    }
    root.insert(0, ElementTree.Element("uses-sdk", levels))
    return _bytes(root)


def merge(app: bytes, libraries: Iterable[bytes]) -> bytes:
    """An app's manifest with what its libraries ask for, as Android's build merges them.

    Permissions, features and queries are united; elements of a library's ``application`` that the
    app has not are added.

    Raises:
        CheckError: A library has the app's package or no package, needs a newer Android than the
            app, has a placeholder, or asks for a component that the app has in another form.
    """
    root = ElementTree.fromstring(app)
    names = {root.get("package")}
    for content in libraries:
        library = ElementTree.fromstring(content)
        package = library.get("package")
        if not package or package in names:
            raise CheckError(f"a library's package must be its own, but is {package!r}")
        names.add(package)
        if b"${" in content:
            raise CheckError(f"the manifest of {package} has a placeholder that nothing fills")
        if _level(library) > _level(root):
            raise CheckError(
                f"{package} needs API level {_level(library)}, but the app has {_level(root)}"
            )
        _unite(root, library)
    return _bytes(root)


def _unite(root: ElementTree.Element, library: ElementTree.Element) -> None:
    application = root.find("application")
    for child in library:
        if child.tag in _UNITED:
            _add(root, child, position=1)
        elif child.tag == "application" and application is not None:
            for component in child:
                _add(application, component, position=len(application))


def _add(parent: ElementTree.Element, child: ElementTree.Element, position: int) -> None:
    """Put an element into another unless it is there."""
    key = (child.tag, child.get(attribute("name")))
    for present in parent:
        if (present.tag, present.get(attribute("name"))) == key:
            if present.attrib != child.attrib:
                raise CheckError(f"the app and a library differ about {key[0]} {key[1]}")
            return
    parent.insert(position, child)


def _with_package(text: str, package: str) -> ElementTree.Element:
    root = ElementTree.fromstring(text)
    if root.get("package") is not None:
        raise CheckError("the manifest in the sources must have no package: Gradle refuses it")
    root.set("package", package)
    return root


def _level(root: ElementTree.Element) -> int:
    element = root.find("uses-sdk")
    return int(element.get(attribute("minSdkVersion"), "1")) if element is not None else 1


def _bytes(root: ElementTree.Element) -> bytes:
    ElementTree.indent(root)
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root) + b"\n"
